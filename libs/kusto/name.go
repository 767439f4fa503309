package kusto

import (
	"net/url"
	"strings"
)

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
