package javaregex

import (
	"fmt"
	"strings"
)

// Replacement is the text that replaces a match: $1 and ${name} stand for groups, and a backslash
// quotes the character after it.
type Replacement struct{ parts []replacementPart }

type replacementPart struct {
	text  string
	group int // -1: text
}

// Replacement parses a replacement for matches of the pattern. Its errors are those that Java gives at the first match.
func (p *Pattern) Replacement(text string) (*Replacement, error) {
	r := &Replacement{}
	var literal strings.Builder
	group := func(number int) {
		if literal.Len() > 0 {
			r.parts = append(r.parts, replacementPart{literal.String(), -1})
			literal.Reset()
		}
		r.parts = append(r.parts, replacementPart{group: number})
	}
	rest := []rune(text)
	for i := 0; i < len(rest); {
		switch c := rest[i]; {
		case c == '\\' && i+1 == len(rest):
			return nil, fmt.Errorf("character to be escaped is missing")
		case c == '\\':
			literal.WriteRune(rest[i+1])
			i += 2
		case c != '$':
			literal.WriteRune(c)
			i++
		case i+1 == len(rest):
			//nolint:staticcheck // Java's words
			return nil, fmt.Errorf("Illegal group reference: group index is missing")
		case rest[i+1] == '{':
			from := i + 2
			i = from
			for i < len(rest) && (asciiLetter(rest[i]) || asciiDigit(rest[i])) {
				i++
			}
			name := string(rest[from:i])
			number, known := p.names[name]
			switch {
			case name == "":
				return nil, fmt.Errorf("named capturing group has 0 length name")
			case i == len(rest) || rest[i] != '}':
				return nil, fmt.Errorf("named capturing group is missing trailing '}'")
			case asciiDigit(rest[from]):
				return nil, fmt.Errorf("capturing group name {%s} starts with digit character", name)
			case !known:
				//nolint:staticcheck // Java's words
				return nil, fmt.Errorf("No group with name {%s}", name)
			}
			i++
			group(number)
		case !asciiDigit(rest[i+1]):
			//nolint:staticcheck // Java's words
			return nil, fmt.Errorf("Illegal group reference")
		default:
			number := int(rest[i+1] - '0')
			if number >= p.groups {
				//nolint:staticcheck // Java's words
				return nil, fmt.Errorf("No group %d", number)
			}
			for i += 2; i < len(rest) && asciiDigit(rest[i]) && number*10+int(rest[i]-'0') < p.groups; i++ {
				number = number*10 + int(rest[i]-'0')
			}
			group(number)
		}
	}
	if literal.Len() > 0 {
		r.parts = append(r.parts, replacementPart{literal.String(), -1})
	}
	return r, nil
}

// expand fills the replacement with the groups of a match; a group that did not match is left out.
func (r *Replacement) expand(m *matcher) string {
	var out strings.Builder
	for _, part := range r.parts {
		if part.group < 0 {
			out.WriteString(part.text)
		} else if from := m.groups[2*part.group]; from >= 0 {
			out.WriteString(string(m.text[from:m.groups[2*part.group+1]]))
		}
	}
	return out.String()
}
