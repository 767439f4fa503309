package debezium

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/record"
)

// binaryValue is the Connect value of bytes under binary.handling.mode.
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

// binaryEncoder returns the function that writes bytes under binary.handling.mode.
func (k *compiler) binaryEncoder() encodeFunc {
	switch k.cfg.Binary {
	case BinaryBase64URLSafe:
		return func(dst, b []byte) ([]byte, error) {
			return append(base64.URLEncoding.AppendEncode(append(dst, '"'), b), '"'), nil
		}
	case BinaryHex:
		return func(dst, b []byte) ([]byte, error) {
			return append(hex.AppendEncode(append(dst, '"'), b), '"'), nil
		}
	}
	// As JSON, Connect's BYTES look like the base64 string.
	return func(dst, b []byte) ([]byte, error) { return record.AppendBase64(dst, b), nil }
}

// bytea is the codec of bytea, whose text output is "\x" and hexadecimal digits (bytea_output = hex).
func (k *compiler) bytea() codec {
	s := record.Of(record.Bytes)
	if _, text := k.cfg.binaryValue(nil).(string); text {
		s = record.Of(record.String)
	}
	c := codec{schema: s, fallback: k.cfg.binaryValue([]byte{})}
	switch k.cfg.Binary {
	case BinaryBytes, "":
		c.unchanged = k.cfg.Unavailable
	case BinaryHex:
		c.unchanged = string(k.cfg.Unavailable)
	}
	if k.cfg.Binary == BinaryHex {
		c.encode = func(dst, text []byte) ([]byte, error) {
			digits, err := hexDigits(text)
			if err != nil {
				return dst, err
			}
			return append(append(append(dst, '"'), digits...), '"'), nil
		}
		return c
	}
	encoding := base64.StdEncoding
	if k.cfg.Binary == BinaryBase64URLSafe {
		encoding = base64.URLEncoding
	}
	c.encode = func(dst, text []byte) ([]byte, error) {
		digits, err := hexDigits(text)
		if err != nil {
			return dst, err
		}
		dst = append(dst, '"')
		// Three bytes at a time become four characters, so that no copy of the value is needed.
		var raw [48]byte
		for len(digits) > 0 {
			n := min(len(digits), 2*len(raw))
			if _, err := hex.Decode(raw[:], digits[:n]); err != nil {
				return dst, fmt.Errorf("read a bytea: %w", err)
			}
			dst = encoding.AppendEncode(dst, raw[:n/2])
			digits = digits[n:]
		}
		return append(dst, '"'), nil
	}
	return c
}

func hexDigits(text []byte) ([]byte, error) {
	if len(text) < 2 || text[0] != '\\' || text[1] != 'x' || len(text)%2 != 0 {
		return nil, fmt.Errorf("read a bytea: it is not in the hex format; set bytea_output = hex for the connector's role")
	}
	for _, c := range text[2:] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return nil, fmt.Errorf("read a bytea: %q is no hexadecimal digit", c)
		}
	}
	return text[2:], nil
}

// unboundedBits is the length that the JDBC driver gives a varbit without one.
const unboundedBits = 2147483647

// bits is the codec of bit and varbit: a boolean where there is one bit, else bytes in
// little-endian order, as many as the highest bit that is set needs.
func (k *compiler) bits(name string, mod int32) codec {
	length := int(mod)
	if mod == -1 {
		length = unboundedBits
		if name == "bit" {
			length = 1
		}
	}
	if length == 1 {
		return codec{schema: record.Of(record.Boolean), fallback: false, encode: func(dst, text []byte) ([]byte, error) {
			if len(text) != 1 {
				return dst, fmt.Errorf("%q is not one bit", text)
			}
			return strconv.AppendBool(dst, text[0] == '1'), nil
		}}
	}
	s := semantic(record.Bytes, "io.debezium.data.Bits", record.Param{Name: "length", Value: strconv.Itoa(length)})
	return codec{schema: s, fallback: []byte{}, encode: encodeBits}
}

func encodeBits(dst, text []byte) ([]byte, error) {
	var space [32]byte
	out := space[:0]
	for end := len(text); end > 0; end -= 8 {
		var b byte
		for _, c := range text[max(0, end-8):end] {
			if c != '0' && c != '1' {
				return dst, fmt.Errorf("%q is no bit", c)
			}
			b = b<<1 | (c - '0')
		}
		out = append(out, b)
	}
	for len(out) > 0 && bits.Len8(out[len(out)-1]) == 0 {
		out = out[:len(out)-1]
	}
	return record.AppendBase64(dst, out), nil
}
