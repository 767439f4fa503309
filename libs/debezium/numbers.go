package debezium

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// encodeInt writes integers. Their digits are JSON already, so they are only checked.
func encodeInt(out format, bits int) encodeFunc {
	safe := map[int]int{16: 4, 32: 9, 64: 18}[bits] // numbers of so many digits always fit
	_, json := out.(jsonFormat)
	return func(dst, text []byte) ([]byte, error) {
		digits := text
		if len(digits) > 0 && digits[0] == '-' {
			digits = digits[1:]
		}
		if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' {
			return dst, fmt.Errorf("%q is not an integer", text)
		}
		for _, c := range digits {
			if c < '0' || c > '9' {
				return dst, fmt.Errorf("%q is not an integer", text)
			}
		}
		if len(digits) > safe {
			if _, err := strconv.ParseInt(string(text), 10, bits); err != nil {
				return dst, fmt.Errorf("%q is not an integer of %d bits", text, bits)
			}
		}
		if json {
			return append(dst, text...), nil
		}
		return out.integer(dst, wholeNumber(text)), nil
	}
}

// wholeNumber reads digits that have been checked.
func wholeNumber(text []byte) (v int64) {
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	for _, c := range text {
		v = v*10 - int64(c-'0') // negative, since the least number has no positive counterpart
	}
	if negative {
		return v
	}
	return -v
}

// isVector reports whether a type is one of the catalog's lists of integers, which are separated by
// spaces.
func isVector(t *pgmodel.Type) bool { return t.Name == "int2vector" || t.Name == "oidvector" }

// integers is the codec of such a list. Debezium has a schema for it, but reads the text as an
// array's and so loses all elements.
func integers(out format, element record.Type, bits int) codec {
	encode := encodeInt(out, bits)
	return codec{schema: record.ArrayOf(record.Of(element)), fallback: []any{},
		encode: func(dst, text []byte) (_ []byte, err error) {
			dst = append(dst, '[')
			for i, number := range bytes.Fields(text) {
				if i > 0 {
					dst = append(dst, ',')
				}
				if dst, err = encode(dst, number); err != nil {
					return dst, err
				}
			}
			return append(dst, ']'), nil
		}}
}

func encodeBool(out format) encodeFunc {
	return func(dst, text []byte) ([]byte, error) {
		if len(text) != 1 || text[0] != 't' && text[0] != 'f' {
			return dst, fmt.Errorf("%q is not a boolean", text)
		}
		return out.boolean(dst, text[0] == 't'), nil
	}
}

func encodeFloat64(out format) encodeFunc {
	return func(dst, text []byte) ([]byte, error) {
		f, err := parseFloat(text, 64)
		if err != nil {
			return dst, err
		}
		return out.float64(dst, f), nil
	}
}

func encodeFloat32(out format) encodeFunc {
	return func(dst, text []byte) ([]byte, error) {
		f, err := parseFloat(text, 32)
		if err != nil {
			return dst, err
		}
		return out.float32(dst, float32(f)), nil
	}
}

// parseFloat reads a floating-point number; one out of range becomes infinite.
func parseFloat(text []byte, bits int) (float64, error) {
	f, err := strconv.ParseFloat(string(text), bits)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%q is not a floating-point number", text)
	}
	return f, nil
}
