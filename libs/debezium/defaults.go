package debezium

import (
	"regexp"
	"strings"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// defaultOfFunction lists the types whose column defaults become schema defaults, with the text
// that replaces a default that a function computes.
var defaultOfFunction = map[string]string{
	"bool": "f", "bit": "0", "varbit": "0", "bpchar": "", "varchar": "", "text": "", "json": "{}",
	"jsonb": "{}", "xml": "",
	"int2": "0", "int4": "0", "int8": "0", "float4": "0", "float8": "0", "numeric": "0.0",
	"uuid": "00000000-0000-0000-0000-000000000000", "date": "1970-01-01", "time": "00:00:00",
	"timestamp": "1970-01-01 00:00:00", "timestamptz": "1970-01-01 00:00:00+00", "interval": "00:00:00",
}

// untrimmed lists the types for which Debezium keeps the line break with which pg_get_expr begins
// some expressions.
var untrimmed = map[string]bool{"bpchar": true, "varchar": true, "text": true, "json": true, "jsonb": true, "xml": true}

var (
	functionCall  = regexp.MustCompile(`^[(]?[A-Za-z0-9_.]+\([^\n\r\x{85}\x{2028}\x{2029}]*\)`)
	quotedLiteral = regexp.MustCompile(`(?s)'((?:[^']|'')*)'`)
	decimal       = regexp.MustCompile(`^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$`)
	bareClock     = regexp.MustCompile(`(?i)^(current_timestamp|current_time|current_date|localtime|localtimestamp)$`)
)

// defaultValue returns the schema default of a column, nil if it has none. It reads the expression
// as Debezium does: a constant counts, a function call becomes a zero of the type, and of any other
// expression the first string literal is tried or, without one, the whole text.
func defaultValue(c *pgmodel.Column, value *codec) any {
	expr := c.Default
	if !untrimmed[c.Type.Name] {
		expr = strings.TrimSpace(expr)
	}
	if expr == "" || value.schema.Type == record.Struct || value.encode == nil {
		return nil
	}
	text, ok := "", false
	switch c.Type.Kind {
	case pgmodel.EnumType:
		text, ok = enumDefault(c.Type, expr)
	case pgmodel.BaseType:
		text, ok = literalDefault(c.Type.Name, expr)
	}
	if !ok {
		return nil
	}
	if v, special := infiniteDefault(c.Type.Name, text, value.schema); special {
		return v
	}
	if c.Type.Name == "time" && text == "24:00:00" {
		return endOfDay(value.schema)
	}
	if text, ok = readDefault(c.Type.Name, text); !ok {
		return nil
	}
	json, err := value.encode(nil, []byte(text))
	if err != nil && c.Type.Name == "interval" { // Java's reader gives an empty interval for what it does not understand
		json, err = value.encode(nil, []byte("00:00:00"))
	}
	if err != nil {
		return nil
	}
	v, err := record.DecodeJSONValue(value.schema, json)
	if err != nil {
		return nil
	}
	return v
}

func literalDefault(typeName, expr string) (string, bool) {
	zero, ok := defaultOfFunction[typeName]
	if !ok {
		return "", false
	}
	if functionCall.MatchString(expr) || bareClock.MatchString(expr) {
		return zero, true
	}
	literal := quotedLiteral.FindStringSubmatch(expr)
	switch {
	case literal != nil:
		expr = strings.ReplaceAll(literal[1], "''", "'")
	case strings.HasPrefix(expr, "NULL::"):
		return "", false
	}
	if typeName == "bool" {
		if strings.EqualFold(expr, "true") {
			return "t", true
		}
		return "f", true
	}
	return expr, true
}

// enumDefault extracts the label from 'label'::type.
func enumDefault(t *pgmodel.Type, expr string) (string, bool) {
	cast := strings.LastIndex(expr, "::")
	if cast < 0 {
		return "", false
	}
	name := expr[cast+2:]
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		name = name[dot+1:]
	}
	label := expr[:cast]
	if strings.Trim(name, `"`) != t.Name || len(label) < 2 || label[0] != '\'' || label[len(label)-1] != '\'' {
		return "", false
	}
	return label[1 : len(label)-1], true
}

// infiniteDefault returns the values of infinite dates and timestamps as defaults: those of
// java.time's greatest and least ones, which Debezium turns them into.
func infiniteDefault(typeName, text string, s *record.Schema) (value any, special bool) {
	if text != infinity && text != negativeInfinity || typeName != "date" && typeName != "timestamp" {
		return nil, false
	}
	positive := text == infinity
	pick := func(greatest, least any) (any, bool) {
		if positive {
			return greatest, true
		}
		return least, true
	}
	switch s.Name {
	case "io.debezium.time.IsoDate":
		return pick("+999999999-12-31Z", "-999999999-01-01Z")
	case "io.debezium.time.IsoTimestamp":
		return pick("+999999999-12-31T23:59:59.999999999Z", "-999999999-01-01T00:00:00Z")
	case "io.debezium.time.Date", record.DateName:
		return pick(int32(169560311), int32(-170999002))
	case "io.debezium.time.MicroTimestamp":
		return pick(int64(-9223372036853775810), int64(-9223372036854775808))
	}
	return nil, true
}

// endOfDay is 24:00 as a default: Java's greatest time of day, which is a nanosecond earlier.
func endOfDay(s *record.Schema) any {
	switch s.Name {
	case "io.debezium.time.IsoTime":
		return "23:59:59.999999999Z"
	case "io.debezium.time.NanoTime":
		return int64(86399999999999)
	case "io.debezium.time.MicroTime":
		return int64(86399999999)
	}
	return int32(86399999)
}

// clockText matches dates and timestamps as the JDBC driver reads them: either part may be missing.
var clockText = regexp.MustCompile(
	`^\s*(?:(\d+-\d+-\d+)\s*)?(?:(\d+:\d+:\d+(?:\.\d+)?)\s*)?([-+]\d+(?::\d+){0,2})?\s*(AD|BC)?$`)

// readDefault rewrites the text of a default as PostgreSQL writes values of the column's type.
// Debezium reads more than that: the literal may be of another type ('2020-01-01'::date + '1
// day'::interval), and of bits only the ones count. It returns false if Debezium cannot read the
// text.
func readDefault(typeName, text string) (string, bool) {
	switch typeName {
	case "numeric":
		return text, decimal.MatchString(text)
	case "bit", "varbit":
		return strings.Map(func(r rune) rune {
			if r == '1' {
				return r
			}
			return '0'
		}, text), true
	case "date", "timestamp", "timestamptz":
		return clockDefault(typeName, text)
	}
	return text, true
}

// clockDefault is readDefault for a date or timestamp.
func clockDefault(typeName, text string) (string, bool) {
	m := clockText.FindStringSubmatch(text)
	if m == nil || m[1] == "" && m[2] == "" {
		return "", false
	}
	date, clock, zone, era := m[1], m[2], m[3], m[4]
	if date == "" {
		date = "1970-01-01"
	}
	if clock == "" {
		clock = "00:00:00"
	}
	if zone == "" {
		zone = "+00"
	}
	switch typeName {
	case "date":
		text = date
	case "timestamp":
		text = date + " " + clock
	default:
		text = date + " " + clock + zone
	}
	if era == "BC" {
		text += " BC"
	}
	return text, true
}
