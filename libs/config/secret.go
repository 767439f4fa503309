package config

import "fmt"

// Secret is a setting that must not be shown: printing, logging and encoding it give a mask. Only
// Reveal gives its value.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns a mask, or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "********"
}

// Format masks every verb: fmt calls String only for some, and would print the value for %d.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText masks the secret in JSON and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
