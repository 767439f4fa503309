package record

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// number is a JSON number as it was written.
type number string

// maxDepth bounds the nesting of JSON, as deeper input could exhaust the stack.
const maxDepth = 512

// parser reads JSON into nil, bool, number, string, []any and Map, keeping order and the text of numbers.
type parser struct {
	data  []byte
	pos   int
	depth int
}

func parseJSON(data []byte) (any, error) {
	p := parser{data: data}
	v, err := p.value()
	if err != nil {
		return nil, fmt.Errorf("read JSON at byte %d: %w", p.pos, err)
	}
	if p.space(); p.pos < len(p.data) {
		return nil, fmt.Errorf("read JSON: unexpected text after the value, at byte %d", p.pos)
	}
	return v, nil
}

func (p *parser) space() {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	if p.pos < len(p.data) {
		return p.data[p.pos]
	}
	return 0
}

func (p *parser) value() (any, error) {
	p.space()
	switch c := p.peek(); {
	case c == '{':
		return p.object()
	case c == '[':
		return p.array()
	case c == '"':
		return p.text()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, w := range []struct {
		text  string
		value any
	}{{"true", true}, {"false", false}, {"null", nil}} {
		if len(p.data)-p.pos >= len(w.text) && string(p.data[p.pos:p.pos+len(w.text)]) == w.text {
			p.pos += len(w.text)
			return w.value, nil
		}
	}
	return nil, fmt.Errorf("no value begins here")
}

// skip skips one value, checking only what it takes to find its end.
func (p *parser) skip() error {
	from, depth := p.pos, 0
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case '"':
			for p.pos++; p.pos < len(p.data) && p.data[p.pos] != '"'; p.pos++ {
				if p.data[p.pos] == '\\' {
					p.pos++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return p.skipped(from)
			}
			depth--
		case ',':
			if depth == 0 {
				return p.skipped(from)
			}
		}
		p.pos++
	}
	return fmt.Errorf("read JSON: a value does not end")
}

func (p *parser) skipped(from int) error {
	if p.pos == from {
		return fmt.Errorf("read JSON at byte %d: a value is missing", from)
	}
	return nil
}

func (p *parser) number() (any, error) {
	from := p.pos
	digits := func() error {
		if c := p.peek(); c < '0' || c > '9' {
			return fmt.Errorf("a digit is missing in a number")
		}
		for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
			p.pos++
		}
		return nil
	}
	if p.peek() == '-' {
		p.pos++
	}
	first := p.pos
	if err := digits(); err != nil {
		return nil, err
	}
	if p.data[first] == '0' && p.pos > first+1 {
		return nil, fmt.Errorf("a number begins with a zero")
	}
	if p.peek() == '.' {
		p.pos++
		if err := digits(); err != nil {
			return nil, err
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if err := digits(); err != nil {
			return nil, err
		}
	}
	return number(p.data[from:p.pos]), nil
}

func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	p.pos++
	p.space()
	return nil
}

func (p *parser) array() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	items := []any{}
	if p.peek() == ']' {
		p.pos++
		return items, nil
	}
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		items = append(items, v)
		if done, err := p.next(']'); done || err != nil {
			return items, err
		}
	}
}

func (p *parser) object() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	m := members{all: Map{}}
	if p.peek() == '}' {
		p.pos++
		return m.all, nil
	}
	for {
		if p.space(); p.peek() != '"' {
			return nil, fmt.Errorf("a member's name is missing")
		}
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		if p.space(); p.peek() != ':' {
			return nil, fmt.Errorf("':' is missing")
		}
		p.pos++
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		m.set(name, v)
		if done, err := p.next('}'); done || err != nil {
			return m.all, err
		}
	}
}

// next reads a comma, or the character that ends the list or object.
func (p *parser) next(end byte) (done bool, err error) {
	p.space()
	switch p.peek() {
	case end:
		p.pos++
		return true, nil
	case ',':
		p.pos++
		return false, nil
	}
	return false, fmt.Errorf("',' or %q is missing", end)
}

func (p *parser) text() (string, error) {
	p.pos++
	from := p.pos
	for p.pos < len(p.data) && p.data[p.pos] != '"' && p.data[p.pos] != '\\' && p.data[p.pos] >= 0x20 {
		p.pos++
	}
	if p.peek() == '"' {
		s := string(p.data[from:p.pos])
		p.pos++
		return s, nil
	}
	out := append([]byte(nil), p.data[from:p.pos]...)
	for p.pos < len(p.data) {
		c := p.data[p.pos]
		p.pos++
		switch {
		case c == '"':
			return string(out), nil
		case c < 0x20:
			return "", fmt.Errorf("a string contains a control character")
		case c != '\\':
			out = append(out, c)
		default:
			var err error
			if out, err = p.escape(out); err != nil {
				return "", err
			}
		}
	}
	return "", fmt.Errorf("a string does not end")
}

func (p *parser) escape(out []byte) ([]byte, error) {
	c := p.peek()
	p.pos++
	switch c {
	case '"', '\\', '/':
		return append(out, c), nil
	case 'b':
		return append(out, '\b'), nil
	case 'f':
		return append(out, '\f'), nil
	case 'n':
		return append(out, '\n'), nil
	case 'r':
		return append(out, '\r'), nil
	case 't':
		return append(out, '\t'), nil
	case 'u':
		r, err := p.hex4()
		if err != nil {
			return out, err
		}
		if utf16.IsSurrogate(r) && p.pos+1 < len(p.data) && p.data[p.pos] == '\\' && p.data[p.pos+1] == 'u' {
			p.pos += 2
			low, err := p.hex4()
			if err != nil {
				return out, err
			}
			r = utf16.DecodeRune(r, low)
		}
		return utf8.AppendRune(out, r), nil
	}
	return out, fmt.Errorf("an escape in a string is unknown")
}

func (p *parser) hex4() (rune, error) {
	if p.pos+4 > len(p.data) {
		return 0, fmt.Errorf("a \\u escape is cut off")
	}
	var r rune
	for _, c := range p.data[p.pos : p.pos+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, fmt.Errorf("a \\u escape holds %q", c)
		}
	}
	p.pos += 4
	return r, nil
}
