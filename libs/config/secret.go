package config

// Secret is a setting that must not be shown: every way to print it gives a mask. Reveal is the one way to its value.
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

// GoString masks %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText masks JSON and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
