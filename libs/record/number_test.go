package record

import "testing"

func TestADecimalNumberIsReadWithAndWithoutAnExponent(t *testing.T) {
	for text, want := range map[string]string{"1.50": "1.50", "-3": "-3", "1E-10": "0.0000000001", "1.5e+3": "1500",
		"12e0": "12", "-0.5E1": "-5"} {
		if d, err := ParseDecimal(text); err != nil || d.String() != want {
			t.Errorf("%s is read as %v (%v), want %s", text, d, err, want)
		}
	}
	for _, text := range []string{"", "e5", "1e", "1e1.5", "1e999999999", "1e-999999999", "0x1", "NaN"} {
		if d, err := ParseDecimal(text); err == nil {
			t.Errorf("%q is read as %v", text, d)
		}
	}
}
