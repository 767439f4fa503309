package scalar

import (
	"errors"
	"math"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// maxDegree bounds the polynomial that is fitted: beyond it a fit says more of rounding than of the series.
const maxDegree = 12

// fitPolynomial fits y, over x or 1, 2 … n, by a polynomial of a degree (default 1) by least squares.
// Arguments: y, x, degree.
func fitPolynomial(ended func() bool, a []any) any {
	y, ok := reals(a[0])
	if !ok || len(y) == 0 {
		return nil
	}
	x := make([]float64, len(y))
	for i := range x {
		x[i] = float64(i + 1)
	}
	degree := int64(1)
	if len(a) > 1 {
		if x, ok = reals(a[1]); !ok || len(x) != len(y) {
			return nil
		}
	}
	if len(a) > 2 {
		degree = a[2].(int64)
	}
	if degree < 0 || degree > maxDegree {
		return errors.New("series_fit_poly(): a degree that is not from 0 to 12 is not supported")
	}
	if int64(len(y)) <= degree {
		return errors.New("series_fit_poly(): a series of no more points than the polynomial's degree is not supported")
	}
	for i := range y {
		if math.IsNaN(x[i]) || math.IsNaN(y[i]) || math.IsInf(x[i], 0) || math.IsInf(y[i], 0) {
			return nil
		}
	}
	coefficients, ok := leastSquares(ended, x, y, int(degree))
	if !ok {
		return nil
	}
	n := float64(len(y))
	sum := 0.0
	for _, f := range y {
		sum += f
	}
	total, residual := 0.0, 0.0
	fit := make([]float64, len(y))
	for i, f := range y {
		for _, c := range coefficients {
			fit[i] = fit[i]*x[i] + c
		}
		total += (f - sum/n) * (f - sum/n)
		residual += (f - fit[i]) * (f - fit[i])
	}
	rsquare := 0.0
	if total != 0 {
		rsquare = 1 - residual/total
	}
	freedom := math.Max(n-1, 1)
	return &value.Bag{Keys: []string{"rsquare", "coefficients", "variance", "rvariance", "poly_fit"},
		Values: []any{rsquare, fromReals(coefficients), total / freedom, residual / freedom, fromReals(fit)}}
}

// leastSquares returns the coefficients, that of the highest power first; false if the x do not
// determine them. The polynomials are orthogonal over the x (Forsythe's recurrence), which is exact where powers of x
// would lose their digits.
func leastSquares(ended func() bool, x, y []float64, degree int) ([]float64, bool) {
	out := make([]float64, degree+1) // that of the lowest power first
	before, now := make([]float64, degree+1), make([]float64, degree+1)
	now[0] = 1
	values, previous := make([]float64, len(x)), make([]float64, len(x))
	for i := range values {
		values[i] = 1
	}
	norm := 0.0
	for k := 0; k <= degree && !ended(); k++ {
		square, shifted, product := 0.0, 0.0, 0.0
		for i, v := range values {
			square += v * v
			shifted += x[i] * v * v
			product += y[i] * v
		}
		if square <= 1e-12*norm*float64(k) {
			return nil, false
		}
		for j, c := range now {
			out[j] += product / square * c
		}
		alpha, beta := shifted/square, 0.0
		if k > 0 {
			beta = square / norm
		}
		norm = square
		next := make([]float64, degree+1)
		for j := range next {
			if j > 0 {
				next[j] = now[j-1]
			}
			next[j] -= alpha*now[j] + beta*before[j]
		}
		before, now = now, next
		for i, v := range values {
			values[i], previous[i] = (x[i]-alpha)*v-beta*previous[i], v
		}
	}
	for i, j := 0, degree; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out, true
}
