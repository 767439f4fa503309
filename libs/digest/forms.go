package digest

import (
	"fmt"
	"strings"
)

// FormOf is the form in which a column of PostgreSQL, with a type as format_type writes it, and its copy of a type of Kusto are
// compared. The error says why they cannot be: values are left out rather than compared by texts that the stores write
// differently.
func FormOf(postgres, kusto string) (Form, error) {
	base, _, _ := strings.Cut(postgres, "(")
	base = strings.TrimSpace(base)
	switch base {
	case "smallint", "integer", "bigint":
		if oneOf(kusto, "int", "long", "string") {
			return Integer, nil
		}
	case "text", "character varying", "uuid", "citext":
		switch kusto {
		case "string", "guid":
			return Text, nil
		case "datetime":
			return Timestamp, nil
		}
	case "boolean":
		if oneOf(kusto, "bool", "string") {
			return Boolean, nil
		}
	case "timestamp", "timestamp without time zone":
		if kusto == "datetime" {
			return Timestamp, nil
		}
	case "timestamp with time zone":
		if oneOf(kusto, "datetime", "string") {
			return Timestamp, nil
		}
	case "date":
		if kusto == "datetime" {
			return Date, nil
		}
	}
	if strings.HasPrefix(postgres, "timestamp(") {
		zoned := strings.HasSuffix(postgres, "with time zone")
		if kusto == "datetime" || zoned && kusto == "string" {
			return Timestamp, nil
		}
	}
	return "", fmt.Errorf("%s and %s have no text in common that both stores write alike", postgres, kusto)
}

func oneOf(s string, all ...string) bool {
	for _, a := range all {
		if s == a {
			return true
		}
	}
	return false
}
