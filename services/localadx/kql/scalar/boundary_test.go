package scalar

import (
	"math/rand"
	"reflect"
	"testing"
)

// On ASCII text package regexp is right, so that running its program must find the same.
func TestWordBoundariesInASCIIAreFoundAsPackageRegexpDoes(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for _, pattern := range []string{`\b`, `\B`, `\b(\w+)\b`, `(a|ab)(c|bcd)?\b`, `(?i)\bB*?(a)`, `^\b.|\b$`,
		`(?m)^\b(\w)?`, `(?:\bx|y\B)+`, `\Ba*`, `(a*)*\b`} {
		m, err := newMatcher(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			text := make([]byte, random.Intn(9))
			for i := range text {
				text[i] = "abcdxyB -\n"[random.Intn(10)]
			}
			if got, want := m.run(string(text), 0), m.re.FindStringSubmatchIndex(string(text)); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s in %q: %v, want %v", pattern, text, got, want)
			}
			// What follows is not ASCII and no word character: it changes nothing of what is before it.
			if got, want := len(m.all(string(text)+"…")), len(m.re.FindAllStringIndex(string(text)+"-", -1)); got != want {
				t.Fatalf("%s in %q: %d matches, want %d", pattern, text, got, want)
			}
		}
	}
}
