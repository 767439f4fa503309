package record

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// Kafka Connect prints numbers with Double.toString and Float.toString. Until Java 19 (JDK-4511638)
// these do not always give the shortest text that reads back: 2e23 is 1.9999999999999998E23. The
// digits are part of the bytes that consumers have seen, so this file generates them by the same
// method: Steele and White's free-format algorithm with a symmetric half-unit bound, at least two
// digits in scientific form, and whole numbers below 2^63 printed directly.

// AppendFloat64 appends f as Java's Double.toString writes it, NaN and the infinities as JSON strings.
func AppendFloat64(dst []byte, f float64) []byte {
	b := math.Float64bits(f)
	exp, fraction := int(b>>52&0x7FF), b&(1<<52-1)
	if exp == 0x7FF || b<<1 == 0 {
		return appendSpecial(dst, f)
	}
	significant := 53
	if exp == 0 {
		fraction, exp, significant = normalize(fraction)
	} else {
		fraction |= 1 << 52
	}
	if f < 0 {
		dst = append(dst, '-')
	}
	return appendJavaDigits(dst, fraction, exp-1023, significant)
}

// AppendFloat32 appends f as Java's Float.toString writes it, NaN and the infinities as JSON strings.
func AppendFloat32(dst []byte, f float32) []byte {
	b := math.Float32bits(f)
	exp, fraction := int(b>>23&0xFF), uint64(b&(1<<23-1))<<29
	if exp == 0xFF || b<<1 == 0 {
		return appendSpecial(dst, float64(f))
	}
	significant := 24
	if exp == 0 {
		fraction, exp, significant = normalize(fraction)
		significant -= 29
	} else {
		fraction |= 1 << 52
	}
	if f < 0 {
		dst = append(dst, '-')
	}
	return appendJavaDigits(dst, fraction, exp-127, significant)
}

// normalize shifts the fraction of a subnormal number so that bit 52 is set.
func normalize(fraction uint64) (uint64, int, int) {
	n := bits.Len64(fraction)
	return fraction << (53 - n), n - 52, n
}

func appendSpecial(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	case math.Signbit(f):
		return append(dst, "-0.0"...)
	}
	return append(dst, "0.0"...)
}

// appendJavaDigits writes fraction × 2^(exp-52). Bit 52 of fraction is set, and significant is how
// many of its leading bits count.
func appendJavaDigits(dst []byte, fraction uint64, exp, significant int) []byte {
	var space [32]byte
	digits := space[:0]
	zeros := bits.TrailingZeros64(fraction)
	width := 53 - zeros         // bits that are not trailing zeros
	tiny := max(0, width-exp-1) // bits below the binary point
	if tiny == 0 && exp <= 62 { // a whole number
		digits, decimal := wholeDigits(digits, fraction, exp, significant)
		return layOut(dst, digits, decimal)
	}
	g := generator{decimal: estimate(fraction, exp)}
	// value = fraction·2^b2·5^b5 / (2^s2·5^s5) · 10^decimal, half a unit in the last place = 2^m2·5^b5 on the same scale.
	g.b5, g.s5 = max(0, -g.decimal), max(0, g.decimal)
	b2, s2 := g.b5+tiny+exp, g.s5+tiny
	m2 := b2 - significant
	b2 -= width - 1
	common := min(b2, s2)
	b2, s2, m2 = b2-common, s2-common, m2-common
	if width == 1 { // below a power of two the spacing of numbers is half as wide
		m2--
	}
	if m2 < 0 {
		b2, s2, m2 = b2-m2, s2-m2, 0
	}
	g.b2, g.s2, g.m2 = b2, s2, m2
	return g.append(dst, digits, fraction>>zeros, width)
}

// estimate is floor(log10) of the number, or one more: a Taylor expansion about 1.5, as in David Gay's dtoa.
func estimate(fraction uint64, exp int) int {
	f := math.Float64frombits(1023<<52 | fraction&(1<<52-1))
	return int(math.Floor((f-1.5)*0.289529654 + 0.176091259 + float64(exp)*0.301029995663981))
}

// wholeDigits returns the digits of a whole number and its decimal exponent, rounded to as many
// digits as its significant bits determine.
func wholeDigits(digits []byte, fraction uint64, exp, significant int) ([]byte, int) {
	n := fraction >> max(0, 52-exp) << max(0, exp-52)
	dropped := 0
	if spare := exp - significant - 1; spare > 1 {
		dropped = spare * 30103 / 100000 // log10(2)
	}
	if dropped > 0 {
		pow := uint64(1)
		for range dropped {
			pow *= 10
		}
		rest := n % pow
		n /= pow
		if rest >= pow/2 {
			n++
		}
	}
	digits = strconv.AppendUint(digits, n, 10)
	decimal := len(digits) - 1 + dropped
	for len(digits) > 1 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return digits, decimal
}

// generator makes digits until the rest is smaller than half a unit in the last place.
type generator struct {
	decimal            int // exponent of the first digit
	b2, b5, s2, s5, m2 int
}

// bitsOf5 estimates how many bits 5^n has.
func bitsOf5(n int) int {
	if n < len(pow5) {
		return bits.Len64(pow5[n])
	}
	return n * 3
}

// pow5 holds the powers of 5 that fit in 63 bits.
var pow5 = func() (p [27]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 5
	}
	return p
}()

func (g *generator) append(dst, digits []byte, fraction uint64, width int) []byte {
	bBits := width + g.b2 + bitsOf5(g.b5)
	sBits := g.s2 + 1 + bitsOf5(g.s5+1)
	var high, low bool
	var tie int
	switch {
	case bBits < 32 && sBits < 32:
		digits, high, low, tie = g.small(digits, fraction, math.MaxInt32)
	case bBits < 64 && sBits < 64:
		digits, high, low, tie = g.small(digits, fraction, math.MaxInt64)
	default:
		digits, high, low, tie = g.large(digits, fraction)
	}
	if high && (!low || tie > 0 || tie == 0 && digits[len(digits)-1]&1 != 0) {
		digits = g.roundUp(digits)
	}
	return layOut(dst, digits, g.decimal)
}

// oneDigitEnough reports whether the number may end after one digit: it is written plainly, not in
// scientific form.
func (g *generator) oneDigitEnough() bool { return g.decimal >= -3 && g.decimal < 8 }

// small generates digits in machine words. limit is the largest value of the word that Java uses
// here: when the half unit overflows it, the digits end.
func (g *generator) small(digits []byte, fraction uint64, limit int64) (_ []byte, high, low bool, tie int) {
	b := int64(fraction*pow5[g.b5]) << g.b2
	s := int64(pow5[g.s5]) << g.s2
	m := int64(pow5[g.b5]) << g.m2
	tens := s * 10
	q := b / s
	b, m = 10*(b%s), m*10
	low, high = b < m, b+m > tens
	if q == 0 && !high {
		g.decimal--
	} else {
		digits = append(digits, byte('0'+q))
	}
	if !g.oneDigitEnough() {
		high, low = false, false
	}
	for !low && !high {
		q = b / s
		b, m = 10*(b%s), m*10
		if m > 0 && m <= limit {
			low, high = b < m, b+m > tens
		} else {
			low, high = true, true
		}
		digits = append(digits, byte('0'+q))
	}
	switch d := b<<1 - tens; {
	case d > 0:
		tie = 1
	case d < 0:
		tie = -1
	}
	return digits, high, low, tie
}

// large does the same as small for numbers that need more than 64 bits.
func (g *generator) large(digits []byte, fraction uint64) (_ []byte, high, low bool, tie int) {
	power := func(p2, p5 int) *big.Int {
		v := new(big.Int).Exp(big.NewInt(5), big.NewInt(int64(p5)), nil)
		return v.Lsh(v, uint(p2))
	}
	ten := big.NewInt(10)
	s := power(g.s2, g.s5)
	b := power(g.b2, g.b5)
	b.Mul(b, new(big.Int).SetUint64(fraction))
	m := power(g.m2+1, g.b5+1)
	tens := new(big.Int).Mul(s, ten)
	q, sum := new(big.Int), new(big.Int)
	step := func() byte {
		q.QuoRem(b, s, b)
		b.Mul(b, ten)
		return byte('0' + q.Int64())
	}
	test := func() {
		low = b.Cmp(m) < 0
		high = tens.Cmp(sum.Add(b, m)) <= 0
	}
	first := step()
	test()
	if first == '0' && !high {
		g.decimal--
	} else {
		digits = append(digits, first)
	}
	if !g.oneDigitEnough() {
		high, low = false, false
	}
	for !low && !high {
		next := step()
		m.Mul(m, ten)
		test()
		digits = append(digits, next)
	}
	return digits, high, low, b.Lsh(b, 1).Cmp(tens)
}

// roundUp adds one to the last digit.
func (g *generator) roundUp(digits []byte) []byte {
	i := len(digits) - 1
	for ; i > 0 && digits[i] == '9'; i-- {
		digits[i] = '0'
	}
	if digits[i] == '9' {
		digits[i] = '1'
		g.decimal++
		return digits
	}
	digits[i]++
	return digits
}

// layOut writes d.ddd × 10^exp: plain between 10^-3 and 10^7, else in scientific form, always with
// a digit after the point.
func layOut(dst, digits []byte, exp int) []byte {
	switch {
	case exp >= 0 && exp < 7:
		n := min(len(digits), exp+1)
		dst = appendZeros(append(dst, digits[:n]...), exp+1-n)
		digits = digits[n:]
		if len(digits) == 0 {
			return append(dst, ".0"...)
		}
		return append(append(dst, '.'), digits...)
	case exp < 0 && exp >= -3:
		return append(appendZeros(append(dst, "0."...), -1-exp), digits...)
	}
	dst = append(dst, digits[0], '.')
	if len(digits) > 1 {
		dst = append(dst, digits[1:]...)
	} else {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(append(dst, 'E'), int64(exp), 10)
}
