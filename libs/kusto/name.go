package kusto

import (
	"net/url"
	"strings"
	"unicode"
)

// maxName is how many characters a name may have.
const maxName = 1024

// NameFault says why no table or column can have this name; empty if one can
// (learn.microsoft.com/kusto/query/schema-entities/entity-names).
func NameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxName:
		return "has more than 1024 characters"
	case strings.HasPrefix(name, "__"), strings.HasSuffix(name, "__"):
		return "begins or ends with two underscores, which is reserved"
	}
	if i := strings.IndexFunc(name, unnameable); i >= 0 {
		return "has characters other than letters, digits, underscores, spaces, dots and dashes"
	}
	return ""
}

func unnameable(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_ .-", r)
}

// NameLike returns the name nearest to the given one that a column can have; two names may give the
// same.
func NameLike(name string) string {
	name = strings.Map(func(r rune) rune {
		if unnameable(r) {
			return '_'
		}
		return r
	}, name)
	for strings.HasPrefix(name, "__") {
		name = name[1:]
	}
	for strings.HasSuffix(name, "__") {
		name = name[:len(name)-1]
	}
	return name
}

// QuoteName quotes an entity's name so that any name is taken literally: ['a b'].
func QuoteName(name string) string { return "[" + QuoteString(name) + "]" }

// QuoteString writes a string literal.
func QuoteString(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('\'')
	for _, r := range s {
		switch r {
		case '\\', '\'':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

func hostOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

func secure(endpoint string) bool { return strings.HasPrefix(endpoint, "https://") }
