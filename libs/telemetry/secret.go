package telemetry

import (
	"fmt"
	"log/slog"
)

// Mask is what is shown instead of a secret.
const Mask = "********"

// Secret is a string that never shows itself: printing, logging and encoding give Mask (an empty secret gives "").
// Only Reveal returns the value, so a search for Reveal finds every place where a secret leaves.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns Mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Mask
}

// Format prints the mask for every verb: fmt calls String only for some and would print the value for %d.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText masks the secret in JSON, YAML and text encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue masks the secret in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
