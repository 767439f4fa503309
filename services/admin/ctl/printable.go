package ctl

import (
	"io"
	"strings"
	"unicode"
)

// printable writes texts without control sequences of terminals: texts of a server or a record may
// contain some that colour, move or rewrite what is on the screen.
type printable struct{ out io.Writer }

// Write writes all of text, and counts it as it was given.
func (p printable) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.out, withoutControls(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// withoutControls replaces control characters, except ends of lines and tabs.
func withoutControls(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
