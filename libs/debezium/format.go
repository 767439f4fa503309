package debezium

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/calypso-cdc/calypso/libs/record"
)

// format is an encoding of records' keys or values: JSON, or Avro's binary one. Codecs are written
// once, in terms of it. Methods with a dst append to it and return it.
type format interface {
	// constant appends a value in full, null included, as the converter of the format writes it.
	constant(dst []byte, s *record.Schema, value any) ([]byte, error)
	// lead appends what precedes a value of the schema that is not null.
	lead(dst []byte, s *record.Schema) []byte
	// member appends what precedes the field of a struct with this index, end what follows the last
	// one.
	member(dst []byte, s *record.Schema, field int) []byte
	end(dst []byte) []byte

	boolean(dst []byte, v bool) []byte
	integer(dst []byte, v int64) []byte
	float32(dst []byte, v float32) []byte
	float64(dst []byte, v float64) []byte
	// text appends a string of any characters; bytes that are not UTF-8 become U+FFFD.
	text(dst, s []byte) []byte
	// open and shut surround a string of ASCII characters that JSON does not escape, which is appended
	// between the two calls. from is the length of dst before open.
	open(dst []byte) []byte
	shut(dst []byte, from int) []byte
	bytes(dst, b []byte) []byte
	// hex appends bytes, given as pairs of hexadecimal digits.
	hex(dst, digits []byte) ([]byte, error)
	decimal(dst []byte, d record.Decimal) []byte
	// unscaled appends a decimal by its unscaled value; it returns false if the format needs more than
	// that.
	unscaled(dst []byte, v int64) ([]byte, bool)
	// content returns the content of an encoded string, or of encoded bytes.
	content(s *record.Schema, encoded []byte) ([]byte, error)
}

// jsonFormat is the JSON that a JSON converter writes, without the schema.
type jsonFormat struct{ json *record.JSON }

func (f jsonFormat) constant(dst []byte, s *record.Schema, value any) ([]byte, error) {
	return f.json.AppendValue(dst, s, value)
}

func (jsonFormat) lead(dst []byte, _ *record.Schema) []byte { return dst }

func (jsonFormat) member(dst []byte, s *record.Schema, field int) []byte {
	between := byte(',')
	if field == 0 {
		between = '{'
	}
	return append(record.AppendString(append(dst, between), []byte(s.Fields[field].Name)), ':')
}

func (jsonFormat) end(dst []byte) []byte { return append(dst, '}') }

func (jsonFormat) boolean(dst []byte, v bool) []byte    { return strconv.AppendBool(dst, v) }
func (jsonFormat) integer(dst []byte, v int64) []byte   { return strconv.AppendInt(dst, v, 10) }
func (jsonFormat) float32(dst []byte, v float32) []byte { return record.AppendFloat32(dst, v) }
func (jsonFormat) float64(dst []byte, v float64) []byte { return record.AppendFloat64(dst, v) }
func (jsonFormat) text(dst, s []byte) []byte            { return record.AppendString(dst, s) }
func (jsonFormat) open(dst []byte) []byte               { return append(dst, '"') }
func (jsonFormat) shut(dst []byte, _ int) []byte        { return append(dst, '"') }
func (jsonFormat) bytes(dst, b []byte) []byte           { return record.AppendBase64(dst, b) }

func (jsonFormat) hex(dst, digits []byte) ([]byte, error) {
	dst, err := appendHexAsBase64(append(dst, '"'), digits, base64.StdEncoding)
	return append(dst, '"'), err
}

func (f jsonFormat) decimal(dst []byte, d record.Decimal) []byte {
	if f.json.Decimals == record.DecimalNumeric {
		return append(dst, d.JavaString()...)
	}
	return record.AppendBase64(dst, d.Unscaled())
}

func (f jsonFormat) unscaled(dst []byte, v int64) ([]byte, bool) {
	if f.json.Decimals == record.DecimalNumeric {
		return dst, false
	}
	var b [8]byte
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), shortest(&b, v)), '"'), true
}

func (jsonFormat) content(s *record.Schema, encoded []byte) ([]byte, error) {
	v, err := record.DecodeJSONValue(s, encoded)
	if text, ok := v.(string); ok {
		return []byte(text), err
	}
	b, _ := v.([]byte)
	return b, err
}

// avroFormat is Avro's binary encoding, as Confluent's converter writes it.
type avroFormat struct{ avro *record.Avro }

func (f avroFormat) constant(dst []byte, s *record.Schema, value any) ([]byte, error) {
	return f.avro.AppendValue(dst, s, value)
}

// lead appends the branch of an optional value's union: the value comes before null if it has a
// default, after it otherwise.
func (avroFormat) lead(dst []byte, s *record.Schema) []byte {
	switch {
	case !s.Optional:
		return dst
	case s.Default != nil:
		return binary.AppendVarint(dst, 0)
	}
	return binary.AppendVarint(dst, 1)
}

func (avroFormat) member(dst []byte, _ *record.Schema, _ int) []byte { return dst }
func (avroFormat) end(dst []byte) []byte                             { return dst }

func (avroFormat) boolean(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func (avroFormat) integer(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

func (avroFormat) float32(dst []byte, v float32) []byte {
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
}

func (avroFormat) float64(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

func (f avroFormat) text(dst, s []byte) []byte {
	if utf8.Valid(s) {
		return f.bytes(dst, s)
	}
	from := len(dst)
	dst = f.open(dst)
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		dst, s = utf8.AppendRune(dst, r), s[n:]
	}
	return f.shut(dst, from)
}

// open leaves one byte of room for the length.
func (avroFormat) open(dst []byte) []byte { return append(dst, 0) }

func (avroFormat) shut(dst []byte, from int) []byte {
	n := len(dst) - from - 1
	if n < 64 {
		dst[from] = byte(n) << 1
		return dst
	}
	var length [binary.MaxVarintLen64]byte
	size := binary.PutVarint(length[:], int64(n))
	dst = append(dst, length[1:size]...)
	copy(dst[from+size:], dst[from+1:from+1+n])
	copy(dst[from:], length[:size])
	return dst
}

func (avroFormat) bytes(dst, b []byte) []byte {
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}

func (avroFormat) hex(dst, digits []byte) ([]byte, error) {
	return hex.AppendDecode(binary.AppendVarint(dst, int64(len(digits)/2)), digits)
}

func (f avroFormat) decimal(dst []byte, d record.Decimal) []byte { return f.bytes(dst, d.Unscaled()) }

func (avroFormat) unscaled(dst []byte, v int64) ([]byte, bool) {
	var b [8]byte
	digits := shortest(&b, v)
	return append(append(dst, byte(len(digits))<<1), digits...), true
}

func (avroFormat) content(_ *record.Schema, encoded []byte) ([]byte, error) {
	n, size := binary.Varint(encoded)
	if size <= 0 || int64(len(encoded)-size) != n {
		return nil, fmt.Errorf("%d bytes of Avro are not a string", len(encoded))
	}
	return encoded[size:], nil
}

// shortest returns v in big-endian two's complement of the least length, in the memory of b.
func shortest(b *[8]byte, v int64) []byte {
	n := 8
	for n > 0 {
		n--
		b[n] = byte(v)
		v >>= 8
		if v == 0 && b[n] < 0x80 || v == -1 && b[n] >= 0x80 {
			break
		}
	}
	return b[n:]
}

// appendHexAsBase64 appends pairs of hexadecimal digits as base64, three bytes at a time, so that
// no copy of the value is needed.
func appendHexAsBase64(dst, digits []byte, encoding *base64.Encoding) ([]byte, error) {
	var raw [48]byte
	for len(digits) > 0 {
		n := min(len(digits), 2*len(raw))
		if _, err := hex.Decode(raw[:], digits[:n]); err != nil {
			return dst, fmt.Errorf("read a bytea: %w", err)
		}
		dst = encoding.AppendEncode(dst, raw[:n/2])
		digits = digits[n:]
	}
	return dst, nil
}
