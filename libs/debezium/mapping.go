package debezium

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// apply changes the codec as a column mapping demands; m may be nil. streamed is Relation.Streamed.
func (c *codec) apply(m *ColumnMapping, col *pgmodel.Column, streamed bool, out format) error {
	defer func() {
		if c.queried == nil {
			c.queried = c.encode
		}
	}()
	if m == nil {
		return nil
	}
	length, scale := jdbcSize(col, streamed)
	switch {
	case m.Propagate:
		c.schema = withParams(c.schema, sourceType(col, streamed, length, scale)...)
	case m.Truncate != nil:
		if length > *m.Truncate {
			c.schema = withParams(c.schema, record.Param{Name: "truncateLength", Value: strconv.Itoa(*m.Truncate)})
			c.rewrite(truncated(*m.Truncate), out)
			c.cutBytes(*m.Truncate, out)
		}
	case m.Mask != nil:
		c.schema = withParams(c.schema, record.Param{Name: "masked", Value: "true"})
		if isCharacter(col) {
			c.mask(*m.Mask, out)
		}
	case m.Hash != nil:
		c.schema = withParams(c.schema, record.Param{Name: "masked", Value: "true"})
		if isCharacter(col) {
			h, err := newHasher(m.Hash)
			if err != nil {
				return err
			}
			c.rewrite(h.replace(length), out)
		}
	}
	return nil
}

// withParams returns the schema with further parameters.
func withParams(s *record.Schema, params ...record.Param) *record.Schema {
	c := *s
	c.Params = append(append([]record.Param(nil), s.Params...), params...)
	return &c
}

// rewriter replaces the text of a value that becomes a JSON string. It returns text itself, or a
// slice that is valid until the next call.
type rewriter func(text []byte) []byte

// rewrite applies a rewriter to the values of a codec if they are strings, and to the values that
// replace missing ones.
func (c *codec) rewrite(f rewriter, out format) {
	if c.schema.Type != record.String || c.encode == nil && c.queried == nil {
		return
	}
	c.rewritten = true
	schema, verbatim := c.schema, c.verbatim
	wrap := func(encode encodeFunc) encodeFunc {
		if encode == nil {
			return nil
		}
		if verbatim {
			return func(dst, text []byte) ([]byte, error) { return encode(dst, f(text)) }
		}
		return func(dst, text []byte) ([]byte, error) {
			from := len(dst)
			dst, err := encode(dst, text)
			if err != nil {
				return dst, err
			}
			text, err = out.content(schema, dst[from:])
			if err != nil {
				return dst, err
			}
			return out.text(dst[:from], slices.Clone(f(text))), nil
		}
	}
	c.encode, c.queried = wrap(c.encode), wrap(c.queried)
	for _, instead := range []*any{&c.unchanged, &c.fallback} {
		if text, ok := (*instead).(string); ok {
			*instead = string(f([]byte(text)))
		}
	}
}

// cutBytes cuts values that are plain bytes, but not the placeholder. Decimals and bits have the
// type Bytes too, but are not byte buffers in Debezium and are not cut.
func (c *codec) cutBytes(n int, out format) {
	if c.schema.Type != record.Bytes || c.schema.Name != "" {
		return
	}
	c.rewritten = true
	schema, encode := c.schema, c.encode
	c.encode = func(dst, text []byte) ([]byte, error) {
		from := len(dst)
		dst, err := encode(dst, text)
		if err != nil {
			return dst, err
		}
		b, err := out.content(schema, dst[from:])
		if err == nil && len(b) > n {
			dst = out.bytes(dst[:from], slices.Clone(b[:n]))
		}
		return dst, err
	}
}

// mask replaces every value by the same text, including NULL.
func (c *codec) mask(text string, out format) {
	mask := out.text(nil, []byte(text))
	c.encode = func(dst, _ []byte) ([]byte, error) { return append(dst, mask...), nil }
	c.queried, c.unchanged, c.masked, c.rewritten = nil, text, &text, true
}

// truncated returns a rewriter that cuts text to n UTF-16 units, which Java's String counts as
// characters.
func truncated(n int) rewriter {
	return func(text []byte) []byte {
		if len(text) <= n {
			return text
		}
		units := 0
		for i := 0; i < len(text); {
			r, size := utf8.DecodeRune(text[i:])
			if units += max(1, utf16.RuneLen(r)); units > n {
				return text[:i]
			}
			i += size
		}
		return text
	}
}

// hasher computes column.mask.hash.
type hasher struct {
	digest hash.Hash
	salt   []byte
	v2     bool
	sum    []byte
	text   []byte
}

func newHasher(m *HashMapping) (*hasher, error) {
	algorithms := map[string]func() hash.Hash{"MD5": md5.New, "SHA-1": sha1.New, "SHA": sha1.New, "SHA1": sha1.New,
		"SHA-224": sha256.New224,
		"SHA-256": sha256.New, "SHA-384": sha512.New384, "SHA-512": sha512.New, "SHA-512/224": sha512.New512_224,
		"SHA-512/256": sha512.New512_256}
	newDigest := algorithms[strings.ToUpper(m.Algorithm)]
	if newDigest == nil {
		return nil, fmt.Errorf("the hash algorithm %s is unknown: use MD5, SHA-1, SHA-224, SHA-256, SHA-384 or SHA-512",
			m.Algorithm)
	}
	return &hasher{digest: newDigest(), salt: []byte(m.Salt), v2: m.V2}, nil
}

// replace returns a rewriter that hashes text, and cuts the hash to the column's length if it has
// one. Version 1 hashes what Java's ObjectOutputStream writes for the string: a stream header, a
// type code, the length and the text.
func (h *hasher) replace(length int) rewriter {
	return func(text []byte) []byte {
		h.digest.Reset()
		h.digest.Write(h.salt)
		if !h.v2 {
			text = javaUTF(text)
			header := []byte{0xAC, 0xED, 0, 5}
			if len(text) <= 0xFFFF {
				header = binary.BigEndian.AppendUint16(append(header, 't'), uint16(len(text)))
			} else {
				header = binary.BigEndian.AppendUint64(append(header, '|'), uint64(len(text)))
			}
			h.digest.Write(header)
		}
		h.digest.Write(text)
		h.sum = h.digest.Sum(h.sum[:0])
		h.text = hex.AppendEncode(h.text[:0], h.sum)
		if length > 0 && length < len(h.text) {
			return h.text[:length]
		}
		return h.text
	}
}

// javaUTF returns text in Java's modified UTF-8: NUL takes two bytes, and characters outside the
// basic plane are two surrogates of three bytes each.
func javaUTF(text []byte) []byte {
	if bytes.IndexByte(text, 0) < 0 && bytes.IndexFunc(text, func(r rune) bool { return r > 0xFFFF }) < 0 {
		return text
	}
	var out []byte
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		switch {
		case r == 0:
			out = append(out, 0xC0, 0x80)
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			for _, s := range []rune{hi, lo} {
				out = append(out, 0xE0|byte(s>>12), 0x80|byte(s>>6&0x3F), 0x80|byte(s&0x3F))
			}
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

// isCharacter reports whether the column's type is a character type to the JDBC driver. citext is
// not: Debezium does not mask it.
func isCharacter(col *pgmodel.Column) bool {
	switch t, _ := col.Type.Base(col.TypeMod); t.Name {
	case "varchar", "bpchar", "text", "name", "char":
		return true
	default:
		return t.Kind == pgmodel.EnumType
	}
}

// sourceType returns the parameters of column.propagate.source.type. A scale of -1 means none.
func sourceType(col *pgmodel.Column, streamed bool, length, scale int) []record.Param {
	name := sourceTypeName(col, streamed)
	params := []record.Param{{Name: "__debezium.source.column.type", Value: strings.ToUpper(name)},
		{Name: "__debezium.source.column.length", Value: strconv.Itoa(length)}}
	if scale >= 0 {
		params = append(params, record.Param{Name: "__debezium.source.column.scale", Value: strconv.Itoa(scale)})
	}
	return append(params, record.Param{Name: "__debezium.source.column.name", Value: col.Name})
}

// sourceTypeName returns the type's name as the JDBC driver reports it, or for a streamed table,
// which the driver does not describe, the catalog's name.
func sourceTypeName(col *pgmodel.Column, streamed bool) string {
	switch serial, ok := serialNames[col.Type.Name]; {
	case streamed:
	case ok && strings.HasPrefix(col.Default, "nextval("):
		return serial
	case col.Type.OffPath:
		return `"` + col.Type.Schema + `"."` + col.Type.Name + `"`
	}
	return col.Type.Name
}

// serialNames maps integer types to those that the JDBC driver reports if a sequence fills the
// column.
var serialNames = map[string]string{"int2": "smallserial", "int4": "serial", "int8": "bigserial"}

// unboundedLength is what the JDBC driver reports for a type without a length.
const unboundedLength = 2147483647

// jdbcSize returns COLUMN_SIZE and DECIMAL_DIGITS of the JDBC driver's metadata; scale is -1 if
// there is none. An array has those of its elements.
func jdbcSize(col *pgmodel.Column, streamed bool) (length, scale int) {
	t, mod := col.Type.Base(col.TypeMod)
	array := t.Kind == pgmodel.ArrayType && t.Elem != nil
	if array {
		t = t.Elem
	}
	precision := 6
	if mod >= 0 && mod <= 6 {
		precision = int(mod)
	}
	fraction := 0 // characters after the seconds
	if precision > 0 {
		fraction = precision + 1
	}
	switch t.Name {
	case "bool", "char":
		return 1, 0
	case "int2":
		return 5, 0
	case "int4", "oid":
		return 10, 0
	case "int8":
		return 19, 0
	case "float4":
		return 8, 8
	case "float8":
		return 17, 17
	case "numeric":
		switch {
		case mod != -1:
			return numericModifier(mod)
		case streamed || array:
			return 131089, 0
		}
		return 0, -1
	case "varchar", "bpchar":
		if mod >= 4 {
			return int(mod - 4), 0
		}
	case "bit":
		return max(1, int(mod)), 0
	case "varbit":
		if mod > 0 {
			return int(mod), 0
		}
	case "date":
		return 13, 0
	case "time":
		return 8 + fraction, precision
	case "timetz":
		return 14 + fraction, precision
	case "timestamp":
		return 22 + fraction, precision
	case "timestamptz":
		return 28 + fraction, precision
	case "interval":
		if mod != -1 {
			return 49, int(mod & 0xFFFF) // 65535 if the fields are restricted and the precision is not
		}
		return 49, 6
	}
	return unboundedLength, 0
}
