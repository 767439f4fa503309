package debezium

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// intEncoder copies the digits of integers, which are JSON already, after a look at them.
func intEncoder(bits int) encodeFunc {
	safe := map[int]int{16: 4, 32: 9, 64: 18}[bits] // so many digits always fit
	return func(dst, text []byte) ([]byte, error) {
		digits := text
		if len(digits) > 0 && digits[0] == '-' {
			digits = digits[1:]
		}
		if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' {
			return dst, fmt.Errorf("%q is no integer", text)
		}
		for _, c := range digits {
			if c < '0' || c > '9' {
				return dst, fmt.Errorf("%q is no integer", text)
			}
		}
		if len(digits) > safe {
			if _, err := strconv.ParseInt(string(text), 10, bits); err != nil {
				return dst, fmt.Errorf("%q is no integer of %d bits", text, bits)
			}
		}
		return append(dst, text...), nil
	}
}

// isVector says whether a type is one of the catalogs' lists of integers, whose text has spaces between them.
func isVector(t *pgmodel.Type) bool { return t.Name == "int2vector" || t.Name == "oidvector" }

// integers is the codec of such a list. Debezium has the schema, but takes the text for an array's,
// of which nothing is left.
func integers(element record.Type, bits int) codec {
	encode := intEncoder(bits)
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

func encodeBool(dst, text []byte) ([]byte, error) {
	if len(text) == 1 && text[0] == 't' {
		return append(dst, "true"...), nil
	}
	if len(text) == 1 && text[0] == 'f' {
		return append(dst, "false"...), nil
	}
	return dst, fmt.Errorf("%q is no boolean", text)
}

func encodeFloat64(dst, text []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return dst, fmt.Errorf("%q is no floating-point number", text)
	}
	return record.AppendFloat64(dst, f), nil
}

func encodeFloat32(dst, text []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(text), 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return dst, fmt.Errorf("%q is no floating-point number", text)
	}
	return record.AppendFloat32(dst, float32(f)), nil
}
