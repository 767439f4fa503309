package value

import "strings"

// ParseGUID reads a GUID with or without braces and dashes and returns its canonical lower-case form.
func ParseGUID(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '{' && s[len(s)-1] == '}' || s[0] == '(' && s[len(s)-1] == ')') {
		s = s[1 : len(s)-1]
	}
	digits := strings.ToLower(strings.ReplaceAll(s, "-", ""))
	if len(digits) != 32 {
		return "", false
	}
	for i := range len(digits) {
		if c := digits[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return "", false
		}
	}
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:], true
}
