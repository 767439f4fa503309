package pgrepl

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonScanner reads JSON in one pass without building anything. Depth is bounded, so that hostile
// input cannot exhaust the stack.
type jsonScanner struct {
	b     []byte
	i     int
	depth int
}

// jsonValue is a plain value or, with kind '{' or '[', the start of a nested one.
type jsonValue struct {
	// kind is '"' for a string, '0' for a number, 't', 'f' or 'n' for true, false or null.
	kind byte
	// raw is a number's text, or a string's without quotes.
	raw []byte
	// escaped is true if raw contains escapes.
	escaped bool
}

const maxJSONDepth = 64

var errShortJSON = errors.New("JSON ends too early")

func (j *jsonScanner) space() byte {
	for j.i < len(j.b) {
		switch c := j.b[j.i]; c {
		case ' ', '\t', '\n', '\r':
			j.i++
		default:
			return c
		}
	}
	return 0
}

func (j *jsonScanner) expect(c byte) error {
	if got := j.space(); got != c {
		if j.i >= len(j.b) {
			return errShortJSON
		}
		return fmt.Errorf("%q at byte %d, want %q", got, j.i, c)
	}
	j.i++
	return nil
}

// object reads an object; member is called with each name and must read its value.
func (j *jsonScanner) object(member func(name []byte) error) error {
	return j.nested('{', '}', func() error {
		v, err := j.value()
		if err != nil {
			return err
		}
		if v.kind != '"' {
			return fmt.Errorf("member name of kind %q", v.kind)
		}
		if err := j.expect(':'); err != nil {
			return err
		}
		return member(v.raw)
	})
}

// array reads an array; item must read one item for each call.
func (j *jsonScanner) array(item func() error) error { return j.nested('[', ']', item) }

func (j *jsonScanner) nested(open, close byte, item func() error) error {
	if err := j.expect(open); err != nil {
		return err
	}
	if j.depth++; j.depth > maxJSONDepth {
		return fmt.Errorf("JSON nested more than %d deep", maxJSONDepth)
	}
	defer func() { j.depth-- }()
	if j.space() == close {
		j.i++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch j.space() {
		case ',':
			j.i++
		case close:
			j.i++
			return nil
		default:
			if j.i >= len(j.b) {
				return errShortJSON
			}
			return fmt.Errorf("%q at byte %d, want , or %q", j.b[j.i], j.i, close)
		}
	}
}

// value reads a plain value.
func (j *jsonScanner) value() (jsonValue, error) {
	c := j.space()
	switch {
	case j.i >= len(j.b):
		return jsonValue{}, errShortJSON
	case c == '"':
		return j.text()
	case c == '-' || c >= '0' && c <= '9':
		from := j.i
		for j.i < len(j.b) && isNumberByte(j.b[j.i]) {
			j.i++
		}
		return jsonValue{kind: '0', raw: j.b[from:j.i:j.i]}, nil
	}
	for _, w := range [...]string{"true", "false", "null"} {
		if len(j.b)-j.i >= len(w) && string(j.b[j.i:j.i+len(w)]) == w {
			j.i += len(w)
			return jsonValue{kind: w[0]}, nil
		}
	}
	return jsonValue{}, fmt.Errorf("%q at byte %d, want a value", c, j.i)
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

func (j *jsonScanner) text() (jsonValue, error) {
	j.i++
	v := jsonValue{kind: '"'}
	from := j.i
	for j.i < len(j.b) {
		switch j.b[j.i] {
		case '"':
			v.raw = j.b[from:j.i:j.i]
			j.i++
			return v, nil
		case '\\':
			v.escaped = true
			j.i++
		}
		j.i++
	}
	return v, errShortJSON
}

// skip skips any value.
func (j *jsonScanner) skip() error {
	switch j.space() {
	case '{':
		return j.object(func([]byte) error { return j.skip() })
	case '[':
		return j.array(j.skip)
	}
	_, err := j.value()
	return err
}

// end fails if anything follows.
func (j *jsonScanner) end() error {
	if j.space(); j.i < len(j.b) {
		return fmt.Errorf("%d bytes after the JSON", len(j.b)-j.i)
	}
	return nil
}

// appendUnescaped appends a JSON string's text, unescaped.
func appendUnescaped(dst, s []byte) ([]byte, error) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		if i++; i >= len(s) {
			return dst, errors.New("string ends within an escape")
		}
		switch s[i] {
		case '"', '\\', '/':
			dst = append(dst, s[i])
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(s, i+1)
			if !ok {
				return dst, errors.New("escape \\u without four hexadecimal digits")
			}
			i += 4
			if utf16.IsSurrogate(r) && i+2 < len(s) && s[i+1] == '\\' && s[i+2] == 'u' {
				if low, ok := hex4(s, i+3); ok {
					if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
						r = both
						i += 6
					}
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, fmt.Errorf("unknown escape \\%c", s[i])
		}
	}
	return dst, nil
}

func hex4(s []byte, at int) (rune, bool) {
	if at+4 > len(s) {
		return 0, false
	}
	var r rune
	for _, c := range s[at : at+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// pastQuoted goes past what is between two double quotes, in which a backslash is a character like
// others, as in identifiers of SQL. It reports whether there is a second quote.
func (s *jsonScanner) pastQuoted() bool {
	n := bytes.IndexByte(s.b[s.i+1:], '"')
	if n < 0 {
		return false
	}
	s.i += n + len(`""`)
	return true
}
