package record

import (
	"fmt"
	"math/big"
	"strconv"
)

// Decimal is an arbitrary-precision decimal number: Value × 10^-Scale.
type Decimal struct {
	Value *big.Int
	Scale int
}

// Unscaled returns the unscaled value in big-endian two's complement of the least length, as
// java.math.BigInteger.toByteArray does.
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

// Bounds of decimal numbers, since these are written out digit by digit. PostgreSQL's numeric stays
// within them.
const (
	maxExponent = 1 << 17
	maxDigits   = 1 << 18
	maxUnscaled = maxDigits / 2 // bytes
)

// DecimalOf makes a decimal number from its unscaled value in big-endian two's complement and its
// scale.
func DecimalOf(unscaled []byte, scale int) (Decimal, error) {
	if len(unscaled) > maxUnscaled {
		return Decimal{}, fmt.Errorf("read a decimal number: its unscaled value has %d bytes; the limit is %d",
			len(unscaled), maxUnscaled)
	}
	if scale > maxExponent || scale < -maxExponent {
		return Decimal{}, fmt.Errorf("read a decimal number: its scale %d is not between -%d and %d", scale,
			maxExponent, maxExponent)
	}
	return Decimal{Value: FromTwosComplement(unscaled), Scale: scale}, nil
}

// ParseDecimal reads a decimal number, with or without an exponent.
func ParseDecimal(text string) (Decimal, error) {
	digits, scale := make([]byte, 0, len(text)), 0
	point := false
	if len(text) > maxDigits {
		return Decimal{}, fmt.Errorf("read the decimal number %.50q…: it has %d characters; the limit is %d", text,
			len(text), maxDigits)
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case (c == 'e' || c == 'E') && len(digits) > 0:
			exponent, err := strconv.Atoi(text[i+1:])
			if err != nil || exponent > maxExponent || exponent < -maxExponent {
				return Decimal{}, fmt.Errorf("read the decimal number %q: its exponent is not a number between -%d and %d", text,
					maxExponent, maxExponent)
			}
			scale -= exponent
			i = len(text)
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
		return Decimal{}, fmt.Errorf("read the decimal number %q: it has no digits", text)
	}
	return Decimal{Value: v, Scale: scale}, nil
}
