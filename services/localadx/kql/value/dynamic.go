package value

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDynamicDepth bounds the nesting of a dynamic value.
const maxDynamicDepth = 1000

// Bag is a property bag: a dynamic object whose properties keep their order.
type Bag struct {
	Keys   []string
	Values []any
}

// Get returns the value of a property.
func (b *Bag) Get(key string) (any, bool) {
	for i, k := range b.Keys {
		if k == key {
			return b.Values[i], true
		}
	}
	return nil, false
}

// Set sets a property: in place if the bag has it, else at the end.
func (b *Bag) Set(key string, v any) {
	for i, k := range b.Keys {
		if k == key {
			b.Values[i] = v
			return
		}
	}
	b.Keys = append(b.Keys, key)
	b.Values = append(b.Values, v)
}

// manyKeys is from how many properties on a bag that is being built is searched by a map.
const manyKeys = 32

// setIn is Set for a bag that grows: places are its properties' once there are many, and nil before. It returns them.
func (b *Bag) setIn(places map[string]int, key string, v any) map[string]int {
	if places == nil {
		if b.Set(key, v); len(b.Keys) >= manyKeys {
			places = make(map[string]int, 2*manyKeys)
			for i, k := range b.Keys {
				places[k] = i
			}
		}
		return places
	}
	if i, ok := places[key]; ok {
		b.Values[i] = v
		return places
	}
	places[key] = len(b.Keys)
	b.Keys = append(b.Keys, key)
	b.Values = append(b.Values, v)
	return places
}

// Delete removes a property.
func (b *Bag) Delete(key string) {
	for i, k := range b.Keys {
		if k == key {
			b.Keys = append(b.Keys[:i:i], b.Keys[i+1:]...)
			b.Values = append(b.Values[:i:i], b.Values[i+1:]...)
			return
		}
	}
}

// Clone returns a bag with its own property list; the values are shared.
func (b *Bag) Clone() *Bag {
	return &Bag{Keys: append([]string(nil), b.Keys...), Values: append([]any(nil), b.Values...)}
}

// DecodeDynamic parses JSON into nil, bool, int64, float64, string, []any or *Bag. A number without point and exponent
// that fits is int64. Of a repeated property the last value counts, as in Kusto.
func DecodeDynamic(s string) (any, error) {
	d := &dynamicReader{text: s}
	d.space()
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	d.space()
	if d.at != len(s) {
		return nil, d.bad("text after the value")
	}
	return v, nil
}

type dynamicReader struct {
	text string
	at   int
}

func (d *dynamicReader) bad(what string) error {
	return fmt.Errorf("parse JSON: %s at byte %d", what, d.at)
}

func (d *dynamicReader) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

func (d *dynamicReader) value(depth int) (any, error) {
	if depth > maxDynamicDepth {
		return nil, d.bad("nesting too deep")
	}
	if d.at >= len(d.text) {
		return nil, d.bad("unexpected end")
	}
	switch c := d.text[d.at]; {
	case c == '{':
		return d.bag(depth)
	case c == '[':
		return d.list(depth)
	case c == '"':
		return d.string()
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	}
	for word, v := range map[string]any{"null": nil, "true": true, "false": false} {
		if strings.HasPrefix(d.text[d.at:], word) {
			d.at += len(word)
			return v, nil
		}
	}
	return nil, d.bad("unexpected character")
}

func (d *dynamicReader) bag(depth int) (any, error) {
	d.at++
	bag := &Bag{}
	var places map[string]int // of a bag's properties, once it has many
	d.space()
	if d.at < len(d.text) && d.text[d.at] == '}' {
		d.at++
		return bag, nil
	}
	for {
		d.space()
		if d.at >= len(d.text) || d.text[d.at] != '"' {
			return nil, d.bad("expected a property name")
		}
		key, err := d.string()
		if err != nil {
			return nil, err
		}
		d.space()
		if d.at >= len(d.text) || d.text[d.at] != ':' {
			return nil, d.bad("expected ':'")
		}
		d.at++
		d.space()
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		places = bag.setIn(places, key.(string), v)
		d.space()
		if d.at >= len(d.text) {
			return nil, d.bad("unexpected end")
		}
		d.at++
		switch d.text[d.at-1] {
		case ',':
		case '}':
			return bag, nil
		default:
			return nil, d.bad("expected ',' or '}'")
		}
	}
}

func (d *dynamicReader) list(depth int) (any, error) {
	d.at++
	list := []any{}
	d.space()
	if d.at < len(d.text) && d.text[d.at] == ']' {
		d.at++
		return list, nil
	}
	for {
		d.space()
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		d.space()
		if d.at >= len(d.text) {
			return nil, d.bad("unexpected end")
		}
		d.at++
		switch d.text[d.at-1] {
		case ',':
		case ']':
			return list, nil
		default:
			return nil, d.bad("expected ',' or ']'")
		}
	}
}

func (d *dynamicReader) number() (any, error) {
	start, real := d.at, false
	d.at++
	for d.at < len(d.text) {
		c := d.text[d.at]
		if c == '.' || c == 'e' || c == 'E' {
			real = true
		} else if !(c >= '0' && c <= '9' || c == '+' || c == '-') {
			break
		}
		d.at++
	}
	text := d.text[start:d.at]
	if !real {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return nil, d.bad("bad number")
	}
	return f, nil
}

func (d *dynamicReader) string() (any, error) {
	d.at++
	start := d.at
	for d.at < len(d.text) && d.text[d.at] != '"' && d.text[d.at] != '\\' {
		d.at++
	}
	if d.at < len(d.text) && d.text[d.at] == '"' {
		d.at++
		return d.text[start : d.at-1], nil
	}
	b := []byte(d.text[start:d.at])
	for d.at < len(d.text) {
		c := d.text[d.at]
		d.at++
		switch c {
		case '"':
			return string(b), nil
		case '\\':
			if d.at >= len(d.text) {
				return nil, d.bad("unexpected end")
			}
			e := d.text[d.at]
			d.at++
			switch e {
			case 'n':
				b = append(b, '\n')
			case 't':
				b = append(b, '\t')
			case 'r':
				b = append(b, '\r')
			case 'b':
				b = append(b, '\b')
			case 'f':
				b = append(b, '\f')
			case '"', '\\', '/':
				b = append(b, e)
			case 'u':
				r, err := d.hex4()
				if err != nil {
					return nil, err
				}
				if utf16.IsSurrogate(r) && strings.HasPrefix(d.text[d.at:], `\u`) {
					d.at += 2
					low, err := d.hex4()
					if err != nil {
						return nil, err
					}
					r = utf16.DecodeRune(r, low)
				}
				b = utf8.AppendRune(b, r)
			default:
				return nil, d.bad("bad escape")
			}
		default:
			b = append(b, c)
		}
	}
	return nil, d.bad("unclosed string")
}

func (d *dynamicReader) hex4() (rune, error) {
	if d.at+4 > len(d.text) {
		return 0, d.bad("unexpected end")
	}
	n, err := strconv.ParseUint(d.text[d.at:d.at+4], 16, 32)
	if err != nil {
		return 0, d.bad("bad escape")
	}
	d.at += 4
	return rune(n), nil
}

// Number returns a number within a dynamic as a real; false if v is none.
func Number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// EncodeDynamic returns the canonical JSON of what DecodeDynamic returns: no spaces, properties in order.
func EncodeDynamic(v any) string { return string(AppendDynamic(nil, v)) }

// AppendDynamic appends the canonical JSON of v.
func AppendDynamic(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return AppendReal(b, v)
	case string:
		return AppendQuoted(b, v)
	case []any:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendDynamic(b, x)
		}
		return append(b, ']')
	case *Bag:
		b = append(b, '{')
		for i, k := range v.Keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendQuoted(b, k)
			b = append(b, ':')
			b = AppendDynamic(b, v.Values[i])
		}
		return append(b, '}')
	}
	return AppendQuoted(b, fmt.Sprint(v))
}

// SortKeys returns v with the properties of all bags in name order.
func SortKeys(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = SortKeys(x)
		}
		return out
	case *Bag:
		keys := append([]string(nil), v.Keys...)
		sort.Strings(keys)
		out := &Bag{}
		for _, k := range keys {
			x, _ := v.Get(k)
			out.Set(k, SortKeys(x))
		}
		return out
	}
	return v
}

// DynamicText returns what tostring(dynamic) gives: a string without its quotes, a null as "", else JSON.
func DynamicText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return EncodeDynamic(v)
}
