package record

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// slowString is the naive reference of AppendString: one rune at a time.
func slowString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`}
		switch {
		case short[r] != "":
			b.WriteString(short[r])
		case r < 0x20:
			b.Write(appendHex4(nil, r))
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			b.Write(appendHex4(appendHex4(nil, hi), lo))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func TestAStringIsWrittenAsJacksonWritesIt(t *testing.T) {
	for in, want := range map[string]string{
		"":                    `""`,
		"Chica\"go\\\n\té😀":   `"Chica\"go\\\n\té\uD83D\uDE00"`,
		"\x01\x1f\x7f/\u2028": "\"\\u0001\\u001F\x7f/\u2028\"",
		"bad \xff\xc3 end":    "\"bad \uFFFD\uFFFD end\"",
	} {
		if got := string(AppendString(nil, []byte(in))); got != want {
			t.Errorf("AppendString(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestAStringEqualsTheSlowReferenceAndReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("ab\"\\\n\x00\x1f é😀")), 0, 40, -1)).Draw(t,
			"text")
		got := string(AppendString(nil, []byte(in)))
		if want := slowString(in); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		var back string
		if err := json.Unmarshal([]byte(got), &back); err != nil {
			t.Fatalf("%s is no JSON: %v", got, err)
		}
		if utf8.ValidString(in) && back != in {
			t.Fatalf("%q came back as %q", in, back)
		}
	})
}
