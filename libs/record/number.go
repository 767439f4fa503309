package record

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// AppendFloat64 appends f as Java's Double.toString writes it, NaN and the infinities as JSON strings.
func AppendFloat64(dst []byte, f float64) []byte { return appendJavaFloat(dst, f, 64) }

// AppendFloat32 appends f as Java's Float.toString writes it, NaN and the infinities as JSON strings.
func AppendFloat32(dst []byte, f float32) []byte { return appendJavaFloat(dst, float64(f), 32) }

func appendJavaFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	return AppendJavaFloat(dst, f, bits)
}

// AppendJavaFloat appends a finite f in the form of Double.toString (bits 64) or Float.toString (bits 32): a plain
// decimal between 10^-3 and 10^7, else computerised scientific notation, with at least one digit after the point.
func AppendJavaFloat(dst []byte, f float64, bits int) []byte {
	if f == 0 {
		if math.Signbit(f) {
			dst = append(dst, '-')
		}
		return append(dst, "0.0"...)
	}
	var scratch, digitSpace [32]byte
	text := strconv.AppendFloat(scratch[:0], math.Abs(f), 'e', -1, bits) // d.ddde±dd
	if f < 0 {
		dst = append(dst, '-')
	}
	digits := append(digitSpace[:0], text[0])
	mark := 1
	if text[1] == '.' {
		for mark = 2; text[mark] != 'e'; mark++ {
			digits = append(digits, text[mark])
		}
	}
	exp, _ := strconv.Atoi(string(text[mark+1:]))
	return appendJavaDigits(dst, digits, exp)
}

// appendJavaDigits lays out d.ddd × 10^exp.
func appendJavaDigits(dst, digits []byte, exp int) []byte {
	switch {
	case exp >= 0 && exp < 7:
		for i := 0; i <= exp; i++ {
			if i < len(digits) {
				dst = append(dst, digits[i])
			} else {
				dst = append(dst, '0')
			}
		}
		dst = append(dst, '.')
		if len(digits) > exp+1 {
			return append(dst, digits[exp+1:]...)
		}
		return append(dst, '0')
	case exp < 0 && exp >= -3:
		dst = append(dst, "0."...)
		for i := -1; i > exp; i-- {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[0], '.')
	if len(digits) > 1 {
		dst = append(dst, digits[1:]...)
	} else {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(append(dst, 'E'), int64(exp), 10)
}

// Decimal is an arbitrary-precision decimal number: Value × 10^-Scale.
type Decimal struct {
	Value *big.Int
	Scale int
}

// Unscaled returns the unscaled value in big-endian two's complement of the least length: java.math.BigInteger.toByteArray.
func (d Decimal) Unscaled() []byte { return TwosComplement(nil, d.Value) }

// TwosComplement appends v in big-endian two's complement of the least length, at least one byte.
func TwosComplement(dst []byte, v *big.Int) []byte {
	if v.Sign() >= 0 {
		b := v.Bytes()
		if len(b) == 0 || b[0] >= 0x80 {
			dst = append(dst, 0)
		}
		return append(dst, b...)
	}
	n := new(big.Int).Not(v) // -v-1
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		dst = append(dst, 0xFF)
	}
	for _, x := range b {
		dst = append(dst, ^x)
	}
	return dst
}

// FromTwosComplement reads what TwosComplement writes.
func FromTwosComplement(b []byte) *big.Int {
	v := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return v
}

// Append appends the number in plain notation with Scale digits after the point (BigDecimal.toPlainString).
func (d Decimal) Append(dst []byte) []byte {
	text := new(big.Int).Abs(d.Value).Append(nil, 10)
	if d.Value.Sign() < 0 {
		dst = append(dst, '-')
	}
	if d.Scale <= 0 {
		dst = append(dst, text...)
		if d.Value.Sign() != 0 {
			dst = appendZeros(dst, -d.Scale)
		}
		return dst
	}
	if whole := len(text) - d.Scale; whole > 0 {
		dst = append(append(dst, text[:whole]...), '.')
		return append(dst, text[whole:]...)
	}
	dst = appendZeros(append(dst, "0."...), d.Scale-len(text))
	return append(dst, text...)
}

func appendZeros(dst []byte, n int) []byte {
	for ; n > 0; n-- {
		dst = append(dst, '0')
	}
	return dst
}

func (d Decimal) String() string { return string(d.Append(nil)) }

// ParseDecimal reads a plain decimal number.
func ParseDecimal(text string) (Decimal, error) {
	digits, scale := make([]byte, 0, len(text)), 0
	point := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '.' && !point:
			point = true
		case c >= '0' && c <= '9' || i == 0 && (c == '-' || c == '+'):
			digits = append(digits, c)
			if point {
				scale++
			}
		default:
			return Decimal{}, fmt.Errorf("read the decimal number %q: unexpected %q", text, c)
		}
	}
	v, ok := new(big.Int).SetString(string(digits), 10)
	if !ok {
		return Decimal{}, fmt.Errorf("read the decimal number %q: there are no digits", text)
	}
	return Decimal{Value: v, Scale: scale}, nil
}
