package debezium

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// withoutArrays are the element types whose arrays Debezium leaves out even if unknown types are
// included.
var withoutArrays = map[string]bool{"money": true, "name": true, "interval": true, "varbit": true, "xml": true,
	"point": true, "refcursor": true}

// array is the codec of arrays. In Debezium, queried rows and streamed changes both pass through
// the JDBC driver's array class, which turns elements into java.sql dates and times: whatever these
// cannot hold is lost.
func (k *compiler) array(t *pgmodel.Type, mod int32) (codec, bool) {
	element, elementMod := t.Elem, mod
	if element == nil {
		return k.unknown(t)
	}
	var c codec
	optional := true
	switch {
	case element.Kind == pgmodel.EnumType:
		e, _ := k.column(&pgmodel.Column{Type: element, TypeMod: -1})
		c, optional = e, false
	case element.Kind == pgmodel.BaseType && element.Name == "bit":
		// Debezium uses the schema of one element, which no array fits.
		e := k.bits(element.Name, elementMod)
		return codec{schema: e.schema, encode: encodeNothing}, true
	case element.Kind == pgmodel.BaseType && withoutArrays[element.Name] || element.Kind == pgmodel.RangeType &&
		element.Schema != "pg_catalog" || element.Kind == pgmodel.DomainType:
		if element.Kind == pgmodel.BaseType && !k.cfg.UnknownAsText {
			return codec{}, false
		}
		e, ok := k.unknown(element)
		if !ok {
			return codec{}, false
		}
		c, optional = e, false
	default:
		e, ok := k.base(element, elementMod)
		if !ok {
			if e, ok = k.unknown(element); !ok {
				return codec{}, false
			}
			optional = false
		}
		c = e
		optional = optional && element.Name != "tsvector" && element.Name != "isbn" && !isVector(element)
	}
	encode := c.encode
	if c.queried != nil {
		encode = c.queried
	}
	switch element.Name {
	case "numeric":
		encode = encodeFinite(encode)
	case "timetz":
		encode = plain(k.out, appendWholeTimetz)
	case "time":
		encode = encodeSQLTime(encode)
	case "timestamp":
		encode = encodeOrNull(k.timestamp(elementMod, julianDays).encode)
	case "timestamptz":
		encode = encodeSQLTimestamptz(encode, fractionDigits(elementMod))
	}
	nulls := optional && element.Name != "ltree" // which Debezium cannot convert if one is null
	a := arrayEncoder{encode: encode, nulls: nulls, text: c.schema.Type == record.String,
		delimiter: element.ElementDelimiter()}
	out := codec{schema: record.ArrayOf(c.schema.AsOptional(optional)), encode: a.append, fallback: []any{}}
	out.unchanged = k.unchangedArray(element.Name, c.schema)
	return out, true
}

// unchangedArray is the placeholder for an array: one element that is the placeholder, or the
// placeholder's bytes as numbers. Arrays of other types have none.
func (k *compiler) unchangedArray(element string, items *record.Schema) any {
	placeholder := k.cfg.Unavailable
	switch {
	case element == "text" || element == "varchar" || element == "bpchar" || element == "json" || element == "jsonb":
		return []any{string(placeholder)}
	case element == "bytea" && items.Type == record.Bytes:
		return []any{placeholder}
	case element == "uuid":
		return []any{nameUUID(placeholder)}
	case element == "int4" || element == "date" && items.Type == record.Int32 && items.Name != record.DateName:
		numbers := make([]any, len(placeholder))
		for i, b := range placeholder {
			numbers[i] = int32(int8(b))
		}
		return numbers
	case element == "int8":
		numbers := make([]any, len(placeholder))
		for i, b := range placeholder {
			numbers[i] = int64(int8(b))
		}
		return numbers
	}
	return nil
}

// nameUUID does what java.util.UUID.nameUUIDFromBytes does: it makes a UUID of version 3 without
// namespace.
func nameUUID(name []byte) string {
	u := md5.Sum(name)
	u[6] = u[6]&0x0F | 0x30
	u[8] = u[8]&0x3F | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func encodeNothing(dst, _ []byte) ([]byte, error) { return dst, errUnrepresentable }

// arrayEncoder writes one-dimensional arrays of PostgreSQL's array_out as JSON arrays.
type arrayEncoder struct {
	encode encodeFunc
	// nulls is true if elements may be null.
	nulls bool
	// text is true if elements are strings: an inner array then becomes a string with its text; with
	// other types it becomes null.
	text bool
	// delimiter separates elements.
	delimiter byte
}

func (a *arrayEncoder) append(dst, text []byte) ([]byte, error) {
	elements, err := openArray(text, a.delimiter)
	if err != nil {
		return dst, err
	}
	dst = append(dst, '[')
	for first := true; ; first = false {
		e, more, err := elements.next()
		if err != nil {
			return dst, err
		}
		if !more {
			return append(dst, ']'), nil
		}
		if !first {
			dst = append(dst, ',')
		}
		switch {
		case e.nested && a.text:
			dst = record.AppendString(dst, e.text)
		case e.null || e.nested:
			if !a.nulls {
				return dst, errUnrepresentable
			}
			dst = append(dst, "null"...)
		default:
			if dst, err = a.encode(dst, e.text); err != nil {
				return dst, err
			}
		}
	}
}

// arrayReader reads the elements of the outermost dimension.
type arrayReader struct {
	rest      []byte
	delimiter byte
	started   bool
}

type arrayElement struct {
	text         []byte
	null, nested bool
}

// openArray begins to read "{…}", which may be preceded by bounds ("[0:1]={…}").
func openArray(text []byte, delimiter byte) (arrayReader, error) {
	if len(text) > 0 && text[0] == '[' {
		if i := bytes.IndexByte(text, '='); i > 0 {
			text = text[i+1:]
		}
	}
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return arrayReader{}, fmt.Errorf("%q is not an array", text)
	}
	return arrayReader{rest: text[1:], delimiter: delimiter}, nil
}

// next returns the next element; false after the last.
func (r *arrayReader) next() (arrayElement, bool, error) {
	if len(r.rest) == 1 && r.rest[0] == '}' && !r.started {
		return arrayElement{}, false, nil
	}
	if r.started {
		if len(r.rest) == 1 && r.rest[0] == '}' {
			return arrayElement{}, false, nil
		}
		if len(r.rest) == 0 || r.rest[0] != r.delimiter {
			return arrayElement{}, false, fmt.Errorf("%q is missing in an array", r.delimiter)
		}
		r.rest = r.rest[1:]
	}
	r.started = true
	if len(r.rest) == 0 {
		return arrayElement{}, false, fmt.Errorf("an array does not end")
	}
	switch r.rest[0] {
	case '"':
		text, n, ok := unquote(r.rest)
		if !ok {
			return arrayElement{}, false, fmt.Errorf("a quoted array element does not end")
		}
		r.rest = r.rest[n:]
		return arrayElement{text: text}, true, nil
	case '{':
		n := nestedLength(r.rest)
		if n == 0 {
			return arrayElement{}, false, fmt.Errorf("an inner array does not end")
		}
		e := arrayElement{text: r.rest[:n], nested: true}
		r.rest = r.rest[n:]
		return e, true, nil
	}
	n := 0
	for n < len(r.rest) && r.rest[n] != r.delimiter && r.rest[n] != '}' {
		n++
	}
	if n == 0 || n == len(r.rest) {
		return arrayElement{}, false, fmt.Errorf("an array element is empty or does not end")
	}
	e := arrayElement{text: r.rest[:n]}
	e.null = string(e.text) == "NULL"
	r.rest = r.rest[n:]
	return e, true, nil
}

// unquote reads a string in double quotes with backslash escapes, and returns its length in the
// text. It copies the string only if there are escapes.
func unquote(text []byte) (value []byte, length int, ok bool) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			if value == nil {
				return text[1:i], i + 1, true
			}
			return value, i + 1, true
		case '\\':
			if value == nil {
				value = append(make([]byte, 0, len(text)), text[1:i]...)
			}
			if i++; i < len(text) {
				value = append(value, text[i])
			}
		default:
			if value != nil {
				value = append(value, text[i])
			}
		}
	}
	return nil, 0, false
}

// nestedLength returns the length of the inner array at the beginning of text, 0 if it does not
// end.
func nestedLength(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			_, n, ok := unquote(text[i:])
			if !ok {
				return 0
			}
			i += n - 1
		}
	}
	return 0
}

// encodeOrNull writes null for an element that its schema cannot hold: a timestamp whose
// nanoseconds exceed 64 bits.
func encodeOrNull(encode encodeFunc) encodeFunc {
	return func(dst, text []byte) ([]byte, error) {
		out, err := encode(dst, text)
		if errors.Is(err, errUnrepresentable) {
			return append(dst, "null"...), nil
		}
		return out, err
	}
}

// encodeFinite writes a numeric as an element: the driver's array class has no special values such
// as NaN.
func encodeFinite(encode encodeFunc) encodeFunc {
	return func(dst, text []byte) ([]byte, error) {
		if _, err := parseAnyNumeric(text); err != nil {
			return dst, err
		}
		return encode(dst, text)
	}
}

// appendWholeTimetz appends a timetz as an element: java.sql.Time keeps no fraction of a second
// here.
func appendWholeTimetz(dst, text []byte) ([]byte, error) {
	t, err := parseTimetz(text)
	return append(appendTime(dst, t-t%microsPerSec, 0), 'Z'), err
}

// encodeSQLTime writes a time as an element: java.sql.Time has no 24:00 and no fractions of a
// millisecond.
func encodeSQLTime(encode encodeFunc) encodeFunc {
	return func(dst, text []byte) ([]byte, error) {
		if string(text) == "24:00:00" {
			return encode(dst, []byte("00:00:00"))
		}
		if point := bytes.IndexByte(text, '.'); point >= 0 && len(text) > point+4 {
			text = text[:point+4]
		}
		return encode(dst, text)
	}
}

// encodeSQLTimestamptz writes a timestamptz as an element: the fields of java.sql.Timestamp have
// neither an era nor a negative infinity, which becomes a time with as many digits of fraction as
// the others.
func encodeSQLTimestamptz(encode encodeFunc, digits int) encodeFunc {
	infinite := []byte(`"+292269055-12-02T23:00:00`)
	if digits > 0 {
		infinite = append(infinite, ".000000"[:1+digits]...)
	}
	infinite = append(infinite, `Z"`...)
	return func(dst, text []byte) ([]byte, error) {
		if string(text) == negativeInfinity {
			return append(dst, infinite...), nil
		}
		return encode(dst, bytes.TrimSuffix(text, []byte(" BC")))
	}
}
