package config

import "fmt"

// Secret is a setting that must not be shown: every way to print, log or encode it gives a mask. Reveal is the one way
// to its value.
type Secret string

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String is a mask, or empty if there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "********"
}

// Format masks every verb: fmt asks String only for some, and would print the value for %d.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText masks JSON and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
