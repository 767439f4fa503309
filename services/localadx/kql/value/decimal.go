package value

import (
	"bytes"
	"math/big"
	"strconv"
	"strings"
)

// A decimal is one of IEEE 754's decimal128: up to 34 digits, and a power of ten.
const (
	// DecimalDigits is how many significant digits a decimal has.
	DecimalDigits = 34
	maxExponent   = 6144  // of the first digit
	minExponent   = -6143 // of the first digit
)

// Decimal128 is coefficient × 10^exponent. Operations are exact; Stored rounds.
type Decimal128 struct {
	coefficient *big.Int
	exponent    int
}

// maxDecimalText bounds the text that is read as a decimal.
const maxDecimalText = 1000

// ParseDecimal reads a number such as "-12.50" or "1e-5"; false for other text and for a number
// that a decimal cannot hold as it is.
func ParseDecimal(text string) (Decimal128, bool) {
	if len(text) > maxDecimalText {
		return Decimal128{}, false
	}
	mantissa, power, scientific := strings.Cut(strings.ToLower(text), "e")
	exponent := 0
	if scientific {
		n, err := strconv.ParseInt(power, 10, 32)
		if err != nil {
			return Decimal128{}, false
		}
		exponent = int(n)
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	unsigned := strings.TrimLeft(whole, "+-")
	if len(whole)-len(unsigned) > 1 || unsigned+fraction == "" || strings.Trim(unsigned+fraction, "0123456789") != "" {
		return Decimal128{}, false
	}
	coefficient, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return Decimal128{}, false
	}
	d := Decimal128{coefficient, exponent - len(fraction)}
	n, significant := d.normal()
	if len(significant) > DecimalDigits || !n.inRange(len(significant)) {
		return Decimal128{}, false
	}
	return n, true
}

// DecimalOf returns a whole number.
func DecimalOf(n int64) Decimal128 { return Decimal128{big.NewInt(n), 0} }

// normal returns d without zeros at the end of its coefficient, and its digits without a sign; none for zero.
func (d Decimal128) normal() (Decimal128, string) {
	if d.coefficient.Sign() == 0 {
		return Decimal128{d.coefficient, 0}, ""
	}
	if d.coefficient.IsInt64() {
		n := d.coefficient.Int64()
		if n%10 != 0 {
			return d, strings.TrimPrefix(strconv.FormatInt(n, 10), "-")
		}
		zeros := 0
		for ; n%10 == 0; n /= 10 {
			zeros++
		}
		return Decimal128{big.NewInt(n), d.exponent + zeros}, strings.TrimPrefix(strconv.FormatInt(n, 10), "-")
	}
	digits := new(big.Int).Abs(d.coefficient).String()
	significant := strings.TrimRight(digits, "0")
	if zeros := len(digits) - len(significant); zeros > 0 {
		return Decimal128{new(big.Int).Quo(d.coefficient, tens(zeros)), d.exponent + zeros}, significant
	}
	return d, significant
}

// inRange reports whether a decimal can have the power of ten; digits is how long the coefficient is.
func (d Decimal128) inRange(digits int) bool {
	first := d.exponent + digits - 1
	return digits == 0 || first <= maxExponent && first >= minExponent
}

// smallTens are the powers of ten that calculations of 34 digits mostly need.
var smallTens = func() (out [128]*big.Int) {
	for i := range out {
		out[i] = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(i)), nil)
	}
	return out
}()

// tens returns 10^n, n ≥ 0, which nobody may change.
func tens(n int) *big.Int {
	if n < len(smallTens) {
		return smallTens[n]
	}
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// rounded returns d with at most 34 digits, half to even, without zeros at its end, and the digits.
func (d Decimal128) rounded() (Decimal128, string) {
	d, digits := d.normal()
	surplus := len(digits) - DecimalDigits
	if surplus <= 0 {
		return d, digits
	}
	unit := tens(surplus)
	quotient, rest := new(big.Int).QuoRem(d.coefficient, unit, new(big.Int))
	switch rest.Abs(rest).Lsh(rest, 1).Cmp(unit) {
	case 0:
		if quotient.Bit(0) == 1 {
			quotient.Add(quotient, big.NewInt(int64(d.coefficient.Sign())))
		}
	case 1:
		quotient.Add(quotient, big.NewInt(int64(d.coefficient.Sign())))
	}
	return Decimal128{quotient, d.exponent + surplus}.normal()
}

// The stored form begins with the sign, so that texts sort as the numbers do.
const (
	storedNegative = '4'
	storedZero     = '5'
	storedPositive = '6'
	// exponentBias makes the power of ten of the first digit a positive number of five digits.
	exponentBias = 10000
	// storedEnd follows the digits of a negative number, of two of which the longer is less.
	storedEnd = '~'
)

// Stored returns the text that a decimal is kept as, rounded to 34 digits; "" for a number that is
// out of a decimal's range. Equal decimals have equal texts, which sort as the numbers do.
func (d Decimal128) Stored() string {
	d, digits := d.rounded()
	if digits == "" {
		return string(storedZero)
	}
	if first := d.exponent + len(digits) - 1; first > maxExponent {
		return ""
	} else if first < minExponent {
		return string(storedZero)
	}
	b := make([]byte, 0, 48)
	b = append(b, storedPositive)
	b = strconv.AppendInt(b, int64(d.exponent+len(digits)-1+exponentBias), 10)
	if len(b) == 5 { // a bias of five digits less an exponent may have four
		b = append(b[:1], append([]byte{'0'}, b[1:]...)...)
	}
	b = append(b, digits...)
	if d.coefficient.Sign() > 0 {
		return string(b)
	}
	complement(b[1:])
	b[0] = storedNegative
	return string(append(b, storedEnd))
}

// complement reverses the order of digits.
func complement(digits []byte) {
	for i, c := range digits {
		digits[i] = '0' + '9' - c
	}
}

// StoredDecimal reads what Stored returned; other text is 0.
func StoredDecimal(stored string) Decimal128 {
	if len(stored) < 7 || stored[0] == storedZero {
		return DecimalOf(0)
	}
	digits := stored[1:]
	if stored[0] == storedNegative {
		turned := bytes.TrimSuffix([]byte(digits), []byte{storedEnd})
		complement(turned)
		digits = string(turned)
	}
	first, _ := strconv.Atoi(digits[:5])
	digits = digits[5:]
	d := Decimal128{exponent: first - exponentBias - len(digits) + 1}
	if small, err := strconv.ParseInt(digits, 10, 64); err == nil {
		d.coefficient = big.NewInt(small)
	} else {
		var ok bool
		if d.coefficient, ok = new(big.Int).SetString(digits, 10); !ok {
			return DecimalOf(0)
		}
	}
	if stored[0] == storedNegative {
		d.coefficient.Neg(d.coefficient)
	}
	return d
}

// maxPlain is how many digits are written without a power of ten: all that 34 digits, of which some
// are behind the point, usually need.
const maxPlain = 80

// String returns the number in plain digits: "12.5", "100000"; one that is very great or small as "1e+100".
func (d Decimal128) String() string {
	d, digits := d.rounded()
	if digits == "" {
		return "0"
	}
	sign := ""
	if d.coefficient.Sign() < 0 {
		sign = "-"
	}
	first := d.exponent + len(digits) - 1
	switch {
	case first >= maxPlain || first <= -maxPlain:
		fraction := ""
		if len(digits) > 1 {
			fraction = "." + digits[1:]
		}
		return sign + digits[:1] + fraction + "e" + strconv.Itoa(first)
	case d.exponent >= 0:
		return sign + digits + strings.Repeat("0", d.exponent)
	case first >= 0:
		return sign + digits[:first+1] + "." + digits[first+1:]
	}
	return sign + "0." + strings.Repeat("0", -first-1) + digits
}

// DecimalText returns the text of a stored decimal.
func DecimalText(stored string) string { return StoredDecimal(stored).String() }

// Sign returns -1, 0 or 1.
func (d Decimal128) Sign() int { return d.coefficient.Sign() }

// Neg returns -d.
func (d Decimal128) Neg() Decimal128 { return Decimal128{new(big.Int).Neg(d.coefficient), d.exponent} }

// maxAligned is how far two numbers that are added may lie apart: beyond it the smaller one only
// says to which side the sum is rounded.
const maxAligned = 3 * DecimalDigits

// Add returns d + e.
func (d Decimal128) Add(e Decimal128) Decimal128 {
	if d.exponent < e.exponent {
		d, e = e, d
	}
	if e.coefficient.Sign() == 0 {
		return d
	}
	if d.coefficient.Sign() == 0 {
		return e
	}
	apart := d.exponent - e.exponent
	if apart > maxAligned {
		apart = maxAligned
		if length := len(e.coefficient.Text(10)); e.exponent+length < d.exponent-2*DecimalDigits {
			e = Decimal128{big.NewInt(int64(e.coefficient.Sign())), d.exponent - apart}
		} else {
			apart = d.exponent - e.exponent
		}
	}
	sum := new(big.Int).Mul(d.coefficient, tens(apart))
	return Decimal128{sum.Add(sum, e.coefficient), d.exponent - apart}
}

// Mul returns d × e.
func (d Decimal128) Mul(e Decimal128) Decimal128 {
	return Decimal128{new(big.Int).Mul(d.coefficient, e.coefficient), d.exponent + e.exponent}
}

// Quo returns d / e with more digits than a decimal has, so that Stored rounds it correctly; false if e is zero.
func (d Decimal128) Quo(e Decimal128) (Decimal128, bool) {
	if e.coefficient.Sign() == 0 {
		return Decimal128{}, false
	}
	more := 2*DecimalDigits + 4
	dividend := new(big.Int).Mul(d.coefficient, tens(more))
	quotient, rest := new(big.Int).QuoRem(dividend, e.coefficient, new(big.Int))
	exponent := d.exponent - e.exponent - more
	if rest.Sign() != 0 { // a digit that keeps a half from being taken for exactly one
		quotient.Mul(quotient, big.NewInt(10))
		quotient.Add(quotient, big.NewInt(int64(d.coefficient.Sign()*e.coefficient.Sign())))
		exponent--
	}
	return Decimal128{quotient, exponent}, true
}

// Floor returns the greatest multiple of step that is not greater than d, and the rest; false if step is not positive.
func (d Decimal128) Floor(step Decimal128) (multiple, rest Decimal128, ok bool) {
	if step.coefficient.Sign() <= 0 {
		return Decimal128{}, Decimal128{}, false
	}
	x, y := new(big.Int).Set(d.coefficient), new(big.Int).Set(step.coefficient)
	exponent := min(d.exponent, step.exponent)
	x.Mul(x, tens(d.exponent-exponent))
	y.Mul(y, tens(step.exponent-exponent))
	_, modulus := new(big.Int).DivMod(x, y, new(big.Int))
	return Decimal128{x.Sub(x, modulus), exponent}, Decimal128{modulus, exponent}, true
}

// Int64 returns the number without what is behind the point; false if it is beyond a long.
func (d Decimal128) Int64() (int64, bool) {
	n := new(big.Int).Set(d.coefficient)
	switch {
	case d.exponent > 20:
		return 0, n.Sign() == 0
	case d.exponent < -maxExponent:
		return 0, true
	case d.exponent >= 0:
		n.Mul(n, tens(d.exponent))
	default:
		n.Quo(n, tens(-d.exponent))
	}
	return n.Int64(), n.IsInt64()
}

// Float64 returns the real nearest to the number.
func (d Decimal128) Float64() float64 {
	f, _ := strconv.ParseFloat(d.coefficient.String()+"e"+strconv.Itoa(d.exponent), 64)
	return f
}

// Units returns the number in units of 10^-digits; false if it is no whole number of them, or beyond a long.
func (d Decimal128) Units(digits int) (int64, bool) {
	d, _ = d.normal()
	d.exponent += digits
	if d.exponent < 0 {
		return 0, false
	}
	return d.Int64()
}

// DecimalOfUnits returns units × 10^-digits.
func DecimalOfUnits(units *big.Int, digits int) Decimal128 { return Decimal128{units, -digits} }
