package scalar

import (
	"math"
	"sort"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// series are the functions over arrays of numbers.
func series() []Function {
	unary := func(name string, f func(float64) float64) Function {
		return define("series_"+name+"(dynamic) dynamic", func(a []any) any { return mapSeries(a[0], f) })
	}
	return []Function{
		unary("abs", math.Abs), unary("acos", math.Acos), unary("asin", math.Asin), unary("atan", math.Atan),
		unary("ceiling", math.Ceil),
		unary("cos", math.Cos), unary("exp", math.Exp), unary("floor", math.Floor), unary("log", math.Log),
		unary("sin", math.Sin), unary("tan", math.Tan),
		define("series_sign(dynamic) dynamic", seriesSign),
		define("series_not(dynamic) dynamic", seriesNot),
		define("series_add(json, json) dynamic", binarySeries(func(x, y int64) int64 { return x + y },
			func(x, y float64) float64 { return x + y })),
		define("series_subtract(json, json) dynamic", binarySeries(func(x, y int64) int64 { return x - y },
			func(x, y float64) float64 { return x - y })),
		define("series_multiply(json, json) dynamic", binarySeries(func(x, y int64) int64 { return x * y },
			func(x, y float64) float64 { return x * y })),
		define("series_divide(json, json) dynamic", binarySeries(nil, func(x, y float64) float64 { return x / y })),
		define("series_pow(json, json) dynamic", binarySeries(nil, math.Pow)),
		define("series_equals(json, json) dynamic", compareSeries(func(x, y float64) bool { return x == y })),
		define("series_not_equals(json, json) dynamic", compareSeries(func(x, y float64) bool { return x != y })),
		define("series_greater(json, json) dynamic", compareSeries(func(x, y float64) bool { return x > y })),
		define("series_greater_equals(json, json) dynamic", compareSeries(func(x, y float64) bool { return x >= y })),
		define("series_less(json, json) dynamic", compareSeries(func(x, y float64) bool { return x < y })),
		define("series_less_equals(json, json) dynamic", compareSeries(func(x, y float64) bool { return x <= y })),
		define("series_sum(dynamic) real", func(a []any) any { return sumOf(list(a[0])) }),
		define("series_product(dynamic) real", seriesProduct),
		define("series_dot_product(json, json) real", func(a []any) any { return orNil(dotProduct(a[0], a[1])) }),
		define("series_magnitude(dynamic) real", func(a []any) any {
			v, ok := dotProduct(a[0], a[0])
			return orNil(math.Sqrt(v), ok)
		}),
		define("series_cosine_similarity(dynamic, dynamic, real?, real?) real", cosineSimilarity),
		define("series_pearson_correlation(dynamic, dynamic) real", pearson),
		define("series_fill_backward(dynamic, json?) dynamic@", func(a []any) any { return fillDirection(a, true) }),
		define("series_fill_forward(dynamic, json?) dynamic@", func(a []any) any { return fillDirection(a, false) }),
		define("series_fill_const(dynamic, json, json?) dynamic@", fillConst),
		defineNulls("series_fill_linear(dynamic, json?, bool?, json?) dynamic@", fillLinear),
		defineLong("series_fir(dynamic, dynamic, bool?, bool?) dynamic@", seriesFIR),
		defineLong("series_iir(dynamic, dynamic, dynamic) dynamic@", seriesIIR),
		define("series_seasonal(dynamic, long) dynamic", seriesSeasonal),
		define("series_stats_dynamic(dynamic, bool?) dynamic", seriesStats),
		define("series_fit_line_dynamic(dynamic) dynamic", fitLine),
		defineLong("series_fit_poly_dynamic(dynamic, dynamic?, long?) dynamic", fitPolynomial),
		defineLong("series_fft_dynamic(dynamic, dynamic?) dynamic", fourier(false)),
		defineLong("series_ifft_dynamic(dynamic, dynamic?) dynamic", fourier(true)),
	}
}

// reals returns an array's numbers; a null or non-number is NaN. ok is false if v is no array.
func reals(v any) (out []float64, ok bool) {
	l, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out = make([]float64, len(l))
	for i, el := range l {
		f, isNumber := value.Number(el)
		if !isNumber {
			f = math.NaN()
		}
		out[i] = f
	}
	return out, true
}

// fromReals returns an array; NaN is null.
func fromReals(l []float64) []any {
	out := make([]any, len(l))
	for i, f := range l {
		if !math.IsNaN(f) {
			out[i] = f
		}
	}
	return out
}

func mapSeries(v any, f func(float64) float64) any {
	l, ok := v.([]any)
	if !ok {
		return nil
	}
	out := make([]any, len(l))
	for i, el := range l {
		if x, ok := value.Number(el); ok {
			out[i] = f(x)
		}
	}
	return out
}

func seriesSign(a []any) any {
	l, ok := a[0].([]any)
	if !ok {
		return nil
	}
	out := make([]any, len(l))
	for i, el := range l {
		x, ok := value.Number(el)
		switch {
		case !ok:
		case x > 0:
			out[i] = int64(1)
		case x < 0:
			out[i] = int64(-1)
		default:
			out[i] = int64(0)
		}
	}
	return out
}

func seriesNot(a []any) any {
	l, ok := a[0].([]any)
	if !ok {
		return nil
	}
	out := make([]any, len(l))
	for i, el := range l {
		if v, ok := el.(bool); ok {
			out[i] = !v
		}
	}
	return out
}

// pairwise applies f to the elements of two arrays; a lone number stands for an array of it.
func pairwise(x, y any, f func(x, y any) any) any {
	lx, okX := x.([]any)
	ly, okY := y.([]any)
	switch {
	case !okX && !okY:
		return nil
	case !okX:
		lx = make([]any, len(ly))
		for i := range lx {
			lx[i] = x
		}
	case !okY:
		ly = make([]any, len(lx))
		for i := range ly {
			ly[i] = y
		}
	}
	out := make([]any, max(len(lx), len(ly)))
	for i := range out {
		if i < len(lx) && i < len(ly) {
			out[i] = f(lx[i], ly[i])
		}
	}
	return out
}

// binarySeries is arithmetic: of two integers with the integer function if there is one.
func binarySeries(integers func(x, y int64) int64, numbers func(x, y float64) float64) func(a []any) any {
	return func(a []any) any {
		return pairwise(a[0], a[1], func(x, y any) any {
			nx, okX := x.(int64)
			ny, okY := y.(int64)
			if okX && okY && integers != nil {
				return integers(nx, ny)
			}
			fx, okX := value.Number(x)
			fy, okY := value.Number(y)
			if !okX || !okY {
				return nil
			}
			return numbers(fx, fy)
		})
	}
}

func compareSeries(f func(x, y float64) bool) func(a []any) any {
	return func(a []any) any {
		return pairwise(a[0], a[1], func(x, y any) any {
			fx, okX := value.Number(x)
			fy, okY := value.Number(y)
			if !okX || !okY {
				return nil
			}
			return f(fx, fy)
		})
	}
}

func seriesProduct(a []any) any {
	l, ok := reals(a[0])
	if !ok {
		return nil
	}
	product := 1.0
	for _, f := range l {
		if !math.IsNaN(f) {
			product *= f
		}
	}
	return product
}

func dotProduct(x, y any) (float64, bool) {
	products, ok := pairwise(x, y, func(x, y any) any {
		fx, okX := value.Number(x)
		fy, okY := value.Number(y)
		if !okX || !okY {
			return nil
		}
		return fx * fy
	}).([]any)
	if !ok {
		return 0, false
	}
	total := 0.0
	for _, p := range products {
		f, ok := p.(float64)
		if !ok {
			return 0, false
		}
		total += f
	}
	return total, true
}

func cosineSimilarity(a []any) any {
	dot, ok := dotProduct(a[0], a[1])
	x, ok2 := dotProduct(a[0], a[0])
	y, ok3 := dotProduct(a[1], a[1])
	if !ok || !ok2 || !ok3 || x == 0 || y == 0 {
		return nil
	}
	return dot / (math.Sqrt(x) * math.Sqrt(y))
}

func pearson(a []any) any {
	x, ok := reals(a[0])
	y, ok2 := reals(a[1])
	if !ok || !ok2 || len(x) != len(y) || len(x) == 0 {
		return nil
	}
	n := float64(len(x))
	var sx, sy, sxx, syy, sxy float64
	for i := range x {
		sx, sy = sx+x[i], sy+y[i]
		sxx, syy, sxy = sxx+x[i]*x[i], syy+y[i]*y[i], sxy+x[i]*y[i]
	}
	d := math.Sqrt(sxx-sx*sx/n) * math.Sqrt(syy-sy*sy/n)
	if d == 0 {
		return math.NaN()
	}
	return (sxy - sx*sy/n) / d
}

// missing reports whether an element counts as missing: null, or equal to the placeholder.
func missing(v any, a []any, at int) bool {
	if len(a) > at && a[at] != nil {
		return same(v, a[at])
	}
	return v == nil
}

func fillDirection(a []any, backward bool) any {
	l, ok := a[0].([]any)
	if !ok {
		return nil
	}
	out := append([]any{}, l...)
	var last any
	have := false
	for i := range out {
		if backward {
			i = len(out) - 1 - i
		}
		if !missing(l[i], a, 1) {
			last, have = l[i], true
		} else if have {
			out[i] = last
		}
	}
	return out
}

func fillConst(a []any) any {
	l, ok := a[0].([]any)
	if !ok {
		return nil
	}
	out := append([]any{}, l...)
	for i, v := range l {
		if missing(v, a, 2) {
			out[i] = a[1]
		}
	}
	return out
}

// fillLinear interpolates missing elements: placeholder, whether to fill the edges (default true),
// constant for an array without values (default 0).
func fillLinear(a []any) any {
	l, ok := a[0].([]any)
	if !ok {
		return nil
	}
	edges := true
	if len(a) > 2 && a[2] != nil {
		edges = a[2].(bool)
	}
	var empty any = 0.0
	if len(a) > 3 {
		empty = a[3]
	}
	known := []int{}
	out := make([]any, len(l))
	for i, v := range l {
		if !missing(v, a, 1) {
			known = append(known, i)
			f, _ := value.Number(v)
			out[i] = f
		}
	}
	if len(known) == 0 {
		for i := range out {
			out[i] = empty
		}
		return out
	}
	at := func(i int) float64 { return out[i].(float64) }
	integers := true
	for _, i := range known {
		_, isLong := l[i].(int64)
		integers = integers && isLong
	}
	for k := 0; k+1 < len(known); k++ {
		from, to := known[k], known[k+1]
		step := (at(to) - at(from)) / float64(to-from)
		for i := from + 1; i < to; i++ {
			out[i] = at(from) + step*float64(i-from)
		}
	}
	if edges {
		for i := range known[0] {
			out[i] = at(known[0])
		}
		for i := known[len(known)-1] + 1; i < len(out); i++ {
			out[i] = at(known[len(known)-1])
		}
	}
	if integers {
		for i, v := range out {
			if f, ok := v.(float64); ok {
				out[i] = int64(f)
			}
		}
	}
	return out
}

// seriesFIR applies a filter: coefficients, normalize (default true if they are all positive), center (default false).
func seriesFIR(ended func() bool, a []any) any {
	x, ok := reals(a[0])
	filter, ok2 := reals(a[1])
	if !ok || !ok2 || len(filter) == 0 {
		return nil
	}
	normalize, center := true, false
	total := 0.0
	for _, f := range filter {
		total += f
		normalize = normalize && f >= 0
	}
	if len(a) > 2 {
		if a[2].(bool) && !normalize {
			return nil // a sum that negative coefficients make smaller normalizes nothing
		}
		normalize = a[2].(bool)
	}
	if len(a) > 3 {
		center = a[3].(bool)
	}
	offset := 0
	if center {
		offset = (len(filter) - 1) / 2
	}
	out := make([]float64, len(x))
	for i := range x {
		// Each point costs as much as the filter is long.
		if ended() {
			return nil
		}
		sum := 0.0
		for k, f := range filter {
			if j := i + offset - k; j >= 0 && j < len(x) {
				sum += f * x[j]
			}
		}
		if normalize && total != 0 {
			sum /= total
		}
		out[i] = sum
	}
	return fromReals(out)
}

func seriesIIR(ended func() bool, a []any) any {
	x, ok := reals(a[0])
	num, ok2 := reals(a[1])
	den, ok3 := reals(a[2])
	if !ok || !ok2 || !ok3 || len(den) == 0 || den[0] == 0 {
		return nil
	}
	out := make([]float64, len(x))
	for i := range x {
		if ended() {
			return nil
		}
		sum := 0.0
		for k, c := range num {
			if i-k >= 0 {
				sum += c * x[i-k]
			}
		}
		for k := 1; k < len(den); k++ {
			if i-k >= 0 {
				sum -= den[k] * out[i-k]
			}
		}
		out[i] = sum / den[0]
	}
	return fromReals(out)
}

// seriesSeasonal gives each element the median of the elements of its phase.
func seriesSeasonal(a []any) any {
	x, ok := reals(a[0])
	if !ok || a[1].(int64) <= 0 {
		return nil
	}
	period := int(min(a[1].(int64), int64(len(x))))
	out := make([]float64, len(x))
	for phase := range period {
		var values []float64
		for i := phase; i < len(x); i += period {
			values = append(values, x[i])
		}
		m := median(values)
		for i := phase; i < len(x); i += period {
			out[i] = m
		}
	}
	return fromReals(out)
}

// median sorts values and returns the middle, or the mean of the two middle ones.
func median(values []float64) float64 {
	sort.Float64s(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

func seriesStats(a []any) any {
	x, ok := reals(a[0])
	if !ok || len(x) == 0 {
		return nil
	}
	low, high := 0, 0
	sum := 0.0
	for i, f := range x {
		if f < x[low] {
			low = i
		}
		if f > x[high] {
			high = i
		}
		sum += f
	}
	avg := sum / float64(len(x))
	variance := 0.0
	for _, f := range x {
		variance += (f - avg) * (f - avg)
	}
	if len(x) > 1 {
		variance /= float64(len(x) - 1)
	}
	return &value.Bag{
		Keys:   []string{"min", "min_idx", "max", "max_idx", "avg", "stdev", "variance", "sum", "len"},
		Values: []any{x[low], int64(low), x[high], int64(high), avg, math.Sqrt(variance), variance, sum, int64(len(x))},
	}
}

// fitLine is a least-squares line over the index from 1, with the variances of a sample.
func fitLine(a []any) any {
	y, ok := reals(a[0])
	if !ok || len(y) == 0 {
		return nil
	}
	n := float64(len(y))
	var sx, sy, sxx, sxy float64
	for i, f := range y {
		x := float64(i)
		sx, sy, sxx, sxy = sx+x, sy+f, sxx+x*x, sxy+x*f
	}
	slope := 0.0
	if d := n*sxx - sx*sx; d != 0 {
		slope = (n*sxy - sx*sy) / d
	}
	intercept := (sy - slope*sx) / n
	avg := sy / n
	var total, residual float64
	line := make([]float64, len(y))
	for i, f := range y {
		line[i] = intercept + slope*float64(i)
		total += (f - avg) * (f - avg)
		residual += (f - line[i]) * (f - line[i])
	}
	rsquare := 0.0
	if total != 0 {
		rsquare = 1 - residual/total
	}
	freedom := max(n-1, 1)
	return &value.Bag{
		Keys:   []string{"rsquare", "slope", "variance", "rvariance", "interception", "line_fit"},
		Values: []any{rsquare, slope, total / freedom, residual / freedom, intercept - slope, fromReals(line)},
	}
}
