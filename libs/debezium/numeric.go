package debezium

import (
	"bytes"
	"fmt"
	"math/big"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/record"
)

// numericModifier extracts the precision and scale from a numeric's type modifier. Since PostgreSQL
// 15 the scale is a signed number of 11 bits; Debezium reads it as unsigned, so that a scale of -3
// becomes 2045.
func numericModifier(mod int32) (precision, scale int) {
	mod -= 4
	return int(mod >> 16 & 0xFFFF), int(mod & 0x7FF)
}

// numeric is the codec of numeric under decimal.handling.mode.
func (k *compiler) numeric(mod int32) codec {
	precision, scale := 0, 0
	if mod != -1 {
		precision, scale = numericModifier(mod)
	}
	zero := record.Decimal{Value: new(big.Int), Scale: scale}
	switch k.cfg.Decimal {
	case DecimalDouble:
		return codec{schema: record.Of(record.Float64), encode: encodeFloat64(k.out), fallback: float64(0)}
	case DecimalString:
		return codec{schema: record.Of(record.String), encode: encodeNumericText(k.out, mod, scale), fallback: zero.String(),
			unchanged: string(k.cfg.Unavailable)}
	}
	if mod == -1 {
		return variableScale(k.out)
	}
	s := decimalSchema(scale)
	s.Params = append(s.Params, record.Param{Name: "connect.decimal.precision", Value: strconv.Itoa(precision)})
	return codec{schema: s, encode: encodeDecimal(k.out, scale), fallback: zero}
}

func decimalSchema(scale int) *record.Schema {
	return semantic(record.Bytes, record.DecimalName, record.Param{Name: "scale", Value: strconv.Itoa(scale)})
}

// encodeNumericText writes numerics as strings with the column's scale. Values of the column have
// that scale already; its default may not.
func encodeNumericText(out format, mod int32, scale int) encodeFunc {
	if mod == -1 {
		return plain(out, appendNumeric)
	}
	return plain(out, func(dst, text []byte) ([]byte, error) {
		fraction := 0
		if point := bytes.IndexByte(text, '.'); point >= 0 {
			fraction = len(text) - point - 1
		}
		if fraction != scale && len(text) > 0 && text[len(text)-1] <= '9' {
			d, err := parseNumeric(text, scale)
			if err != nil {
				return dst, err
			}
			text = []byte(d.String())
		}
		return appendNumeric(dst, text)
	})
}

// appendNumeric appends the digits of a numeric; special values have the names that Debezium gives them.
func appendNumeric(dst, text []byte) ([]byte, error) {
	if len(text) > 0 && (text[0] == 'N' || text[len(text)-1] == 'y') {
		switch string(text) {
		case "NaN":
			return append(dst, "NAN"...), nil
		case "Infinity":
			return append(dst, "POSITIVE_INFINITY"...), nil
		case "-Infinity":
			return append(dst, "NEGATIVE_INFINITY"...), nil
		}
	}
	return append(dst, text...), checkNumeric(text)
}

// checkNumeric accepts what numeric_out prints: digits, with at most a sign before them and a point
// between them.
func checkNumeric(text []byte) error {
	digits, points := 0, 0
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' && digits > 0 && points == 0 && i < len(text)-1:
			points++
		case c == '-' && i == 0:
		default:
			return fmt.Errorf("%q is not a number", text)
		}
	}
	if digits == 0 {
		return fmt.Errorf("%q is not a number", text)
	}
	return nil
}

// encodeDecimal writes Connect Decimals of a fixed scale.
func encodeDecimal(out format, scale int) encodeFunc {
	return func(dst, text []byte) ([]byte, error) {
		if v, ok := smallUnscaled(text, scale); ok {
			if dst, ok = out.unscaled(dst, v); ok {
				return dst, nil
			}
		}
		d, err := parseNumeric(text, scale)
		if err != nil {
			return dst, err
		}
		return out.decimal(dst, d), nil
	}
}

// smallUnscaled reads a number of exactly this scale if its unscaled value fits in 64 bits.
func smallUnscaled(text []byte, scale int) (v int64, ok bool) {
	digits, negative := text, false
	if len(digits) > 0 && digits[0] == '-' {
		digits, negative = digits[1:], true
	}
	if len(digits) == 0 || len(digits) > 19 || scale < 0 {
		return 0, false
	}
	fraction, seen := 0, false
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			v = v*10 + int64(c-'0')
			if seen {
				fraction++
			}
		case c == '.' && !seen:
			seen = true
		default:
			return 0, false
		}
	}
	if len(digits) == 19 && !seen || fraction != scale || seen && fraction == 0 {
		return 0, false
	}
	if negative {
		v = -v
	}
	return v, true
}

// parseNumeric reads a numeric at the given scale; it does not round.
func parseNumeric(text []byte, scale int) (record.Decimal, error) {
	d, err := parseAnyNumeric(text)
	if err != nil {
		return d, err
	}
	ten := big.NewInt(10)
	for ; d.Scale < scale; d.Scale++ {
		d.Value.Mul(d.Value, ten)
	}
	rest := new(big.Int)
	for ; d.Scale > scale; d.Scale-- {
		if d.Value.QuoRem(d.Value, ten, rest); rest.Sign() != 0 {
			return d, fmt.Errorf("%s does not fit the scale %d", text, scale)
		}
	}
	return d, nil
}

func parseAnyNumeric(text []byte) (record.Decimal, error) {
	switch string(text) {
	case "NaN", "Infinity", "-Infinity":
		return record.Decimal{}, errUnrepresentable
	}
	return record.ParseDecimal(string(text))
}

// variableScale is the codec of a numeric without precision: a struct of scale and unscaled value,
// without trailing zeros and never with a negative scale.
func variableScale(out format) codec {
	s := &record.Schema{Type: record.Struct, Name: "io.debezium.data.VariableScaleDecimal", Version: 1,
		Doc:    "Variable scaled decimal",
		Fields: []record.Field{field("scale", record.Of(record.Int32)), field("value", record.Of(record.Bytes))}}
	if json, ok := out.(jsonFormat); ok && json.json.Decimals != "" {
		out = jsonFormat{&record.JSON{}} // the value is bytes, not a decimal
	}
	first, second, end := out.member(nil, s, 0), out.member(nil, s, 1), out.end(nil)
	return codec{schema: s, fallback: structOf(s, int32(0), []byte{0}), encode: func(dst, text []byte) ([]byte, error) {
		if point := bytes.IndexByte(text, '.'); point > 0 {
			for text[len(text)-1] == '0' {
				text = text[:len(text)-1]
			}
			if text[len(text)-1] == '.' {
				text = text[:point]
			}
		}
		scale := 0
		if point := bytes.IndexByte(text, '.'); point >= 0 {
			scale = len(text) - point - 1
		}
		dst = append(out.integer(append(dst, first...), int64(scale)), second...)
		v, ok := smallUnscaled(text, scale)
		if ok {
			dst, _ = out.unscaled(dst, v)
		} else {
			d, err := parseAnyNumeric(text)
			if err != nil {
				return dst, err
			}
			dst = out.bytes(dst, d.Unscaled())
		}
		return append(dst, end...), nil
	}}
}

// money is the codec of money, whose text output depends on lc_monetary. The last point must be the
// decimal point; everything except digits, that point and the sign is ignored.
func (k *compiler) money() codec {
	digits := k.cfg.MoneyFractionDigits
	zero := record.Decimal{Value: new(big.Int), Scale: digits}
	switch k.cfg.Decimal {
	case DecimalDouble:
		out := k.out
		return codec{schema: record.Of(record.Float64), fallback: float64(0), encode: func(dst, text []byte) ([]byte, error) {
			var plain [40]byte
			f, err := parseFloat(plainMoney(plain[:0], text), 64)
			if err != nil {
				return dst, err
			}
			return out.float64(dst, f), nil
		}}
	case DecimalString:
		return codec{schema: record.Of(record.String), fallback: zero.String(),
			encode: plain(k.out, func(dst, text []byte) ([]byte, error) { return plainMoney(dst, text), nil })}
	}
	out := k.out
	return codec{schema: decimalSchema(digits), fallback: zero, encode: func(dst, text []byte) ([]byte, error) {
		var space [40]byte
		d, err := record.ParseDecimal(string(plainMoney(space[:0], text)))
		if err != nil {
			return dst, err
		}
		return out.decimal(dst, roundHalfUp(d, digits)), nil
	}}
}

func plainMoney(dst, text []byte) []byte {
	if bytes.IndexByte(text, '-') >= 0 || bytes.IndexByte(text, '(') >= 0 {
		dst = append(dst, '-')
	}
	for _, c := range text {
		if c >= '0' && c <= '9' || c == '.' {
			dst = append(dst, c)
		}
	}
	return dst
}

// roundHalfUp rounds d to a scale, with halves away from zero.
func roundHalfUp(d record.Decimal, scale int) record.Decimal {
	ten := big.NewInt(10)
	v := new(big.Int).Set(d.Value)
	for ; d.Scale < scale; d.Scale++ {
		v.Mul(v, ten)
	}
	if d.Scale > scale {
		pow := new(big.Int).Exp(ten, big.NewInt(int64(d.Scale-scale)), nil)
		half := new(big.Int).Rsh(pow, 1)
		if v.Sign() < 0 {
			half.Neg(half)
		}
		v.Quo(v.Add(v, half), pow)
	}
	return record.Decimal{Value: v, Scale: scale}
}
