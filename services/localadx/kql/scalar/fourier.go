package scalar

import (
	"errors"
	"math"
	"math/bits"
	"math/cmplx"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

var errNoPowerOfTwo = errors.New("a series whose length is not a power of two is not supported")

// fourier returns the Fourier transform of a series, of which the second argument may be the imaginary
// part, or its inverse.
func fourier(inverse bool) func(ended func() bool, a []any) any {
	return func(ended func() bool, a []any) any {
		x, ok := reals(a[0])
		y := make([]float64, len(x))
		if ok && len(a) > 1 {
			y, ok = reals(a[1])
		}
		if !ok || len(x) != len(y) || len(x) == 0 {
			return nil
		}
		if len(x)&(len(x)-1) != 0 {
			return errNoPowerOfTwo
		}
		series := make([]complex128, len(x))
		for i := range series {
			series[i] = complex(x[i], y[i])
			if cmplx.IsNaN(series[i]) {
				return nil
			}
		}
		transform(ended, series, inverse)
		for i, c := range series {
			x[i], y[i] = real(c), imag(c)
		}
		return &value.Bag{Keys: []string{"real", "imag"}, Values: []any{fromReals(x), fromReals(y)}}
	}
}

// transform is Cooley and Tukey's algorithm, in place, for a power of two.
func transform(ended func() bool, series []complex128, inverse bool) {
	n := len(series)
	shift := 64 - bits.TrailingZeros(uint(n))
	for i := range series {
		if j := int(bits.Reverse64(uint64(i)) >> shift); n > 1 && i < j {
			series[i], series[j] = series[j], series[i]
		}
	}
	turn := -2 * math.Pi
	if inverse {
		turn = -turn
	}
	for size := 2; size <= n && !ended(); size *= 2 {
		half := size / 2
		for k := range half {
			twiddle := cmplx.Rect(1, turn*float64(k)/float64(size))
			for i := k; i < n; i += size {
				odd := series[i+half] * twiddle
				series[i], series[i+half] = series[i]+odd, series[i]-odd
			}
		}
	}
	if inverse {
		for i := range series {
			series[i] /= complex(float64(n), 0)
		}
	}
}
