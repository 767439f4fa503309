package scalar

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// Classes of regular expressions are Unicode's in Kusto; in RE2 they are ASCII's. These are what
// \w, \d and \s stand for, to be put into brackets. Alphabetic characters that are neither letters
// nor marks are circled and squared letters.
const (
	wordClass  = `\pL\pM\p{Nd}\p{Nl}\p{Pc}\x{200C}\x{200D}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189}`
	digitClass = `\p{Nd}`
	spaceClass = `\t\n\v\f\r\x{85}\p{Z}`
)

// classes are what the letters of classes stand for within brackets.
var classes = map[byte]func() string{
	'w': func() string { return wordClass }, 'd': func() string { return digitClass },
	's': func() string { return spaceClass },
	'W': sync.OnceValue(func() string { return outside(wordClass) }),
	'D': func() string { return `\P{Nd}` },
	'S': sync.OnceValue(func() string { return outside(spaceClass) }),
}

// outside returns the ranges of characters that are not in a class: brackets of RE2 take no class
// that is the rest of several.
func outside(class string) string {
	inside := regexp.MustCompile("^[" + class + "]$")
	var out strings.Builder
	first := rune(-1)
	for r := rune(0); r <= unicode.MaxRune+1; r++ {
		if r <= unicode.MaxRune && !inside.MatchString(string(r)) {
			if first < 0 {
				first = r
			}
		} else if first >= 0 {
			fmt.Fprintf(&out, `\x{%X}-\x{%X}`, first, r-1)
			first = -1
		}
	}
	return out.String()
}

// isWord reports whether \w matches a character.
func isWord(r rune) bool {
	return r > 0 && (unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Join_Control,
		unicode.Other_Alphabetic))
}

// Pattern is a regular expression of Kusto's in the syntax of RE2.
type Pattern struct {
	RE2        string
	Boundaries bool // \b or \B are in it; RE2 knows ASCII's only
}

// ParsePattern translates a regular expression. It refuses what RE2 would read as something else or not at all.
func ParsePattern(pattern string) (Pattern, error) {
	p, err := translatePattern(pattern)
	if err != nil {
		return p, err
	}
	_, err = regexp.Compile(p.RE2)
	return p, err
}

func translatePattern(pattern string) (p Pattern, err error) {
	var out strings.Builder
	brackets := false
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch {
		case rest[0] == '\\' && len(rest) > 1:
			n, text, err := p.escape(rest, brackets)
			if err != nil {
				return p, err
			}
			out.WriteString(text)
			i += n - 1
		case brackets && strings.HasPrefix(rest, "[:") && strings.Contains(rest, ":]"):
			end := strings.Index(rest, ":]") + 2
			out.WriteString(rest[:end])
			i += end - 1
		case brackets && rest[0] == '[':
			return p, errors.New("classes within classes are not supported; write [ as \\[")
		case brackets && len(rest) > 1 && rest[0] == rest[1] && strings.ContainsRune("&-~", rune(rest[0])):
			return p, fmt.Errorf("the operation %s on classes is not supported", rest[:2])
		case !brackets && rest[0] == '[':
			brackets = true
			// A bracket right after the opening one is a member, also behind ^.
			opening := "["
			for _, member := range []string{"^]", "]", "^"} {
				if strings.HasPrefix(rest[1:], member) {
					opening += member
					break
				}
			}
			out.WriteString(opening)
			i += len(opening) - 1
		default:
			if rest[0] == ']' {
				brackets = false
			}
			out.WriteByte(rest[0])
		}
	}
	p.RE2 = out.String()
	return p, nil
}

// escape translates what begins with a backslash and returns its length.
func (p *Pattern) escape(rest string, brackets bool) (n int, text string, err error) {
	c := rest[1]
	switch class := classes[c]; {
	case c == 'Q' && !brackets:
		end := strings.Index(rest, `\E`)
		if end < 0 {
			end = len(rest)
		} else {
			end += 2
		}
		return end, rest[:end], nil
	case class != nil && brackets:
		return 2, class(), nil
	case class != nil && c < 'a':
		return 2, "[^" + classes[c+'a'-'A']() + "]", nil
	case class != nil:
		return 2, "[" + class() + "]", nil
	case (c == 'b' || c == 'B') && !brackets:
		if strings.HasPrefix(rest[2:], "{") {
			return 0, "", errors.New("starts and ends of words are not supported; use \\b")
		}
		p.Boundaries = true
	case c == '<' || c == '>':
		return 0, "", errors.New("starts and ends of words are not supported; use \\b")
	case c == 'u' || c == 'U':
		if strings.HasPrefix(rest[2:], "{") {
			return 2, `\x`, nil
		}
		digits := map[byte]int{'u': 4, 'U': 8}[c]
		if len(rest) < 2+digits {
			return 0, "", fmt.Errorf("\\%c needs %d hexadecimal digits", c, digits)
		}
		return 2 + digits, `\x{` + rest[2:2+digits] + "}", nil
	}
	return 2, rest[:2], nil
}
