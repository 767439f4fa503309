package scalar

import "strings"

// Classes of regular expressions are Unicode's in Kusto; in RE2 they are ASCII's. These are what \w, \d and \s stand for, to be put
// into brackets.
const (
	wordClass  = `\pL\pM\p{Nd}\p{Nl}\p{Pc}`
	digitClass = `\p{Nd}`
	spaceClass = `\t\n\v\f\r\x{85}\p{Z}`
)

// UnicodePattern writes a regular expression of Kusto's in RE2's syntax. Word boundaries stay ASCII's: RE2 has no others. So do negated
// classes within brackets, which RE2 cannot say.
func UnicodePattern(pattern string) string {
	if !strings.Contains(pattern, `\`) {
		return pattern
	}
	var out strings.Builder
	brackets := false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		if c != '\\' || i+1 == len(pattern) {
			switch {
			case c == '[' && !brackets:
				brackets = true
				// A bracket right after the opening one is a member, also behind ^.
				for _, member := range []string{"^]", "]", "^"} {
					if strings.HasPrefix(pattern[i+1:], member) {
						out.WriteString("[" + member)
						i += len(member)
						c = 0
						break
					}
				}
				if c == 0 {
					continue
				}
			case c == '[' && strings.HasPrefix(pattern[i:], "[:"):
				if end := strings.Index(pattern[i:], ":]"); end > 0 {
					out.WriteString(pattern[i : i+end+2])
					i += end + 1
					continue
				}
			case c == ']':
				brackets = false
			}
			out.WriteByte(c)
			continue
		}
		i++
		if pattern[i] == 'Q' && !brackets {
			end := strings.Index(pattern[i:], `\E`)
			if end < 0 {
				end = len(pattern) - i - 2
			}
			out.WriteString(`\` + pattern[i:i+end+2])
			i += end + 1
			continue
		}
		class := map[byte]string{'w': wordClass, 'd': digitClass, 's': spaceClass, 'W': wordClass, 'D': digitClass, 'S': spaceClass}[pattern[i]]
		negated := pattern[i] >= 'A' && pattern[i] <= 'Z'
		switch {
		case class == "" || negated && brackets:
			out.WriteString(`\` + pattern[i:i+1])
		case brackets:
			out.WriteString(class)
		case negated:
			out.WriteString("[^" + class + "]")
		default:
			out.WriteString("[" + class + "]")
		}
	}
	return out.String()
}
