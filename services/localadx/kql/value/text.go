package value

import "fmt"

// MarshalText returns the canonical name, so that stored schemas do not depend on the order of the constants.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a type name as ParseType does.
func (t *Type) UnmarshalText(text []byte) error {
	parsed, ok := ParseType(string(text))
	if !ok {
		return fmt.Errorf("%q is not a Kusto type", text)
	}
	*t = parsed
	return nil
}
