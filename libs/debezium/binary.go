package debezium

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/record"
)

// binaryValue returns the Connect value of bytes under binary.handling.mode.
func (c *Config) binaryValue(b []byte) any {
	switch c.Binary {
	case BinaryBase64:
		return base64.StdEncoding.EncodeToString(b)
	case BinaryBase64URLSafe:
		return base64.URLEncoding.EncodeToString(b)
	case BinaryHex:
		return hex.EncodeToString(b)
	}
	return b
}

// encodeBinary writes bytes under binary.handling.mode, with the schema that bytea has in that
// mode.
func (k *compiler) encodeBinary(s *record.Schema) encodeFunc {
	if s.Type == record.Bytes {
		out := k.out
		return func(dst, b []byte) ([]byte, error) { return out.bytes(dst, b), nil }
	}
	switch k.cfg.Binary {
	case BinaryBase64URLSafe:
		return plain(k.out, func(dst, b []byte) ([]byte, error) { return base64.URLEncoding.AppendEncode(dst, b), nil })
	case BinaryHex:
		return plain(k.out, func(dst, b []byte) ([]byte, error) { return hex.AppendEncode(dst, b), nil })
	}
	return plain(k.out, func(dst, b []byte) ([]byte, error) { return base64.StdEncoding.AppendEncode(dst, b), nil })
}

// bytea is the codec of bytea, whose text output is "\x" and hexadecimal digits (bytea_output = hex).
func (k *compiler) bytea() codec {
	placeholder := k.cfg.Unavailable
	c := codec{schema: record.Of(record.String), fallback: k.cfg.binaryValue([]byte{})}
	switch k.cfg.Binary {
	case BinaryBase64URLSafe:
		c.encode = plain(k.out, func(dst, digits []byte) ([]byte, error) {
			return appendHexAsBase64(dst, digits, base64.URLEncoding)
		})
	case BinaryBase64:
		c.encode = plain(k.out, func(dst, digits []byte) ([]byte, error) {
			return appendHexAsBase64(dst, digits, base64.StdEncoding)
		})
	case BinaryHex:
		c.unchanged = string(placeholder)
		c.encode = plain(k.out, func(dst, digits []byte) ([]byte, error) { return append(dst, digits...), nil })
	default:
		c.schema, c.encode, c.unchanged = record.Of(record.Bytes), k.out.hex, placeholder
	}
	encode := c.encode
	c.encode = func(dst, text []byte) ([]byte, error) {
		digits, err := hexDigits(text)
		if err != nil {
			return dst, err
		}
		return encode(dst, digits)
	}
	return c
}

func hexDigits(text []byte) ([]byte, error) {
	if len(text) < 2 || text[0] != '\\' || text[1] != 'x' || len(text)%2 != 0 {
		return nil, fmt.Errorf("read a bytea: it is not in hex format; set bytea_output = hex for the connector's role")
	}
	for _, c := range text[2:] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return nil, fmt.Errorf("read a bytea: %q is not a hexadecimal digit", c)
		}
	}
	return text[2:], nil
}

// unboundedBits is the length that the JDBC driver reports for a varbit without a length.
const unboundedBits = 2147483647

// bits is the codec of bit and varbit: a boolean for one bit, else bytes in little-endian order, as
// many as the highest bit set requires.
func (k *compiler) bits(name string, mod int32) codec {
	length := int(mod)
	if mod == -1 {
		length = unboundedBits
		if name == "bit" {
			length = 1
		}
	}
	out := k.out
	if length == 1 {
		return codec{schema: record.Of(record.Boolean), fallback: false, encode: func(dst, text []byte) ([]byte, error) {
			if len(text) != 1 {
				return dst, fmt.Errorf("%q is not one bit", text)
			}
			return out.boolean(dst, text[0] == '1'), nil
		}}
	}
	s := semantic(record.Bytes, "io.debezium.data.Bits", record.Param{Name: "length", Value: strconv.Itoa(length)})
	var scratch []byte
	return codec{schema: s, fallback: []byte{}, encode: func(dst, text []byte) (_ []byte, err error) {
		if scratch, err = appendBits(scratch[:0], text); err != nil {
			return dst, err
		}
		return out.bytes(dst, scratch), nil
	}}
}

// appendBits appends the bits that text gives as digits.
func appendBits(dst, text []byte) ([]byte, error) {
	for end := len(text); end > 0; end -= 8 {
		var b byte
		for _, c := range text[max(0, end-8):end] {
			if c != '0' && c != '1' {
				return dst, fmt.Errorf("%q is not a bit", c)
			}
			b = b<<1 | (c - '0')
		}
		dst = append(dst, b)
	}
	for len(dst) > 0 && bits.Len8(dst[len(dst)-1]) == 0 {
		dst = dst[:len(dst)-1]
	}
	return dst, nil
}
