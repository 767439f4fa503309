// Package shell writes words for a POSIX shell, for commands that people copy from a message.
package shell

import "strings"

// plain are the characters that no POSIX shell gives a meaning of their own within a word.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,="

// Quote returns the word that a POSIX shell passes on as exactly s. Words that need no quotes stay
// as they are.
func Quote(s string) string {
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
