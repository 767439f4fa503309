package scalar

import (
	"sort"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// maxRange bounds the elements range() makes, as Kusto does.
const maxRange = 1048576

// arrays are the functions over arrays, as lists and as sets.
func arrays() []Function {
	return []Function{
		define("array_contains(dynamic, json) bool", func(a []any) any { return arrayIndex(list(a[0]), a[1]) >= 0 }),
		define("set_has_element(dynamic, json) bool", func(a []any) any { return arrayIndex(list(a[0]), a[1]) >= 0 }),
		{Signature: ParseSignature("array_distinct(elements, long) dynamic"), Nulls: true, Long: arrayDistinct},
		define("array_take(elements, long) dynamic", func(a []any) any { return firstOf(list(a[0]), a[1].(int64)) }),
		define("array_to_long(dynamic) dynamic", arrayToLong),
		defineNulls("array_sort(bool, bool, dynamic, dynamic...) dynamic", arraySort),
		defineNulls("array_concat(dynamic, dynamic...) dynamic", someOf(arrayConcat)),
		defineNulls("array_iff(dynamic, json, json) dynamic", arrayIff),
		define("array_index_of(dynamic, json, long?, long?, long?) long", arrayIndexOf),
		define("array_reverse(dynamic) dynamic", arrayReverse),
		define("array_rotate_left(dynamic, long) dynamic", func(a []any) any { return rotate(a[0], a[1].(int64)) }),
		define("array_rotate_right(dynamic, long) dynamic", func(a []any) any { return rotate(a[0], -a[1].(int64)) }),
		define("array_shift_left(dynamic, long, json?) dynamic", func(a []any) any { return shift(a, a[1].(int64)) }),
		define("array_shift_right(dynamic, long, json?) dynamic", func(a []any) any { return shift(a, -a[1].(int64)) }),
		define("array_slice(dynamic, long, long) dynamic", arraySlice),
		define("array_split(dynamic, long) dynamic", arraySplit),
		define("array_split(dynamic, dynamic) dynamic", arraySplit),
		define("array_sum(dynamic) real", func(a []any) any {
			l := list(a[0])
			if len(l) == 0 {
				return nil
			}
			return sumOf(l)
		}),
		define("repeat(json, long) dynamic", repeat),
		define("zip(dynamic, dynamic...) dynamic", zip),
		defineLong("set_union(dynamic, dynamic...) dynamic", setUnion),
		defineLong("set_intersect(dynamic, dynamic...) dynamic",
			func(ended func() bool, a []any) any { return setFilter(ended, a, true) }),
		defineLong("set_difference(dynamic, dynamic...) dynamic",
			func(ended func() bool, a []any) any { return setFilter(ended, a, false) }),
		defineLong("set_equals(dynamic, dynamic) bool", setEquals),
		defineLong("jaccard_index(dynamic, dynamic) real", jaccard),
		define("range_long(long, long, long) dynamic", rangeLong(func(n int64) any { return n })),
		define("range_datetime(datetime, datetime, timespan) dynamic",
			rangeLong(func(n int64) any { return value.FormatDatetime(n) })),
		define("range_timespan(timespan, timespan, timespan) dynamic",
			rangeLong(func(n int64) any { return value.FormatTimespan(n) })),
		define("range_real(real, real, real) dynamic", rangeReal),
		define("weighted_percentiles(elements, dynamic) dynamic", weightedPercentiles),
	}
}

// same compares decoded dynamics; numbers by value.
func same(x, y any) bool {
	switch x := x.(type) {
	case int64:
		if f, ok := y.(float64); ok {
			return float64(x) == f
		}
	case float64:
		if n, ok := y.(int64); ok {
			return x == float64(n)
		}
	case []any, *value.Bag:
		return value.EncodeDynamic(value.SortKeys(x)) == value.EncodeDynamic(value.SortKeys(y))
	}
	switch y.(type) {
	case []any, *value.Bag:
		return false
	}
	return x == y
}

func arrayIndex(l []any, v any) int {
	for i, el := range l {
		if same(el, v) {
			return i
		}
	}
	return -1
}

// distinct keeps the first of equal elements.
func distinct(ended func() bool, l []any) []any {
	out := []any{}
	seen := map[string]bool{}
	for i, v := range l {
		if i%checkEvery == 0 && ended() {
			return nil
		}
		key := value.EncodeDynamic(value.SortKeys(v))
		if !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
	}
	return out
}

func arrayDistinct(ended func() bool, a []any) any {
	out := distinct(ended, list(a[0]))
	if n, ok := a[1].(int64); ok {
		return firstOf(out, n)
	}
	return out
}

func firstOf(l []any, n int64) any {
	if n < 0 || n >= int64(len(l)) {
		return l
	}
	return l[:n]
}

func arrayToLong(a []any) any {
	l := list(a[0])
	out := make([]any, len(l))
	for i, v := range l {
		out[i] = DynamicLong(v)
	}
	return out
}

// order ranks a dynamic for sorting: numbers, then strings and the rest by text.
func less(x, y any) bool {
	fx, okX := value.Number(x)
	fy, okY := value.Number(y)
	switch {
	case okX && okY:
		return fx < fy
	case okX != okY:
		return okX
	}
	return value.DynamicText(x) < value.DynamicText(y)
}

// arraySort sorts the first array and permutes the others with it: ascending, nulls last, arrays.
// It returns all arrays; one of another length than the first is null.
func arraySort(a []any) any {
	asc, _ := a[0].(bool)
	nullsLast, _ := a[1].(bool)
	first, ok := a[2].([]any)
	if !ok {
		return nil
	}
	index := make([]int, len(first))
	for i := range index {
		index[i] = i
	}
	sort.SliceStable(index, func(i, j int) bool {
		x, y := first[index[i]], first[index[j]]
		if x == nil || y == nil {
			if x == nil && y == nil {
				return false
			}
			return (y == nil) == nullsLast
		}
		if asc {
			return less(x, y)
		}
		return less(y, x)
	})
	out := make([]any, 0, len(a)-2)
	for _, v := range a[2:] {
		arr, ok := v.([]any)
		if !ok || len(arr) != len(first) {
			out = append(out, nil)
			continue
		}
		sorted := make([]any, len(arr))
		for i, from := range index {
			sorted[i] = arr[from]
		}
		out = append(out, sorted)
	}
	if len(out) == 1 {
		return []any{out[0]}
	}
	return out
}

// someOf makes a function null when all of its arguments are: one that is null is nothing, not everything.
func someOf(f func(a []any) any) func(a []any) any {
	return func(a []any) any {
		for _, v := range a {
			if v != nil {
				return f(a)
			}
		}
		return nil
	}
}

func arrayConcat(a []any) any {
	out := []any{}
	for _, v := range a {
		if l, ok := v.([]any); ok {
			out = append(out, l...)
		}
	}
	return out
}

func arrayIff(a []any) any {
	conditions, ok := a[0].([]any)
	if !ok {
		return nil
	}
	pick := func(v any, i int) any {
		l, ok := v.([]any)
		if !ok {
			return v
		}
		if i < len(l) {
			return l[i]
		}
		return nil
	}
	out := make([]any, len(conditions))
	for i, c := range conditions {
		var yes bool
		switch c := c.(type) {
		case bool:
			yes = c
		case int64:
			yes = c != 0
		case float64:
			yes = c != 0
		default:
			continue
		}
		if yes {
			out[i] = pick(a[1], i)
		} else {
			out[i] = pick(a[2], i)
		}
	}
	return out
}

func arrayIndexOf(a []any) any {
	l, ok := a[0].([]any)
	if !ok {
		return nil
	}
	start, end, occurrence, ok := searchRange(a, 2, int64(len(l)))
	if !ok || occurrence < 1 {
		return int64(-1)
	}
	for i := start; i < end; i++ {
		if same(l[i], a[1]) {
			if occurrence--; occurrence == 0 {
				return i
			}
		}
	}
	return int64(-1)
}

func arrayReverse(a []any) any {
	l, ok := a[0].([]any)
	if !ok {
		return nil
	}
	out := make([]any, len(l))
	for i, v := range l {
		out[len(l)-1-i] = v
	}
	return out
}

// rotate moves elements n places to the left.
func rotate(v any, n int64) any {
	l, ok := v.([]any)
	if !ok {
		return nil
	}
	size := int64(len(l))
	if size == 0 {
		return l
	}
	n = ((n % size) + size) % size
	return append(append([]any{}, l[n:]...), l[:n]...)
}

// shift moves elements n places to the left and fills up.
func shift(a []any, n int64) any {
	l, ok := a[0].([]any)
	if !ok {
		return nil
	}
	var fill any
	if len(a) > 2 {
		fill = a[2]
	}
	out := make([]any, len(l))
	for i := range out {
		from := int64(i) + n
		if from >= 0 && from < int64(len(l)) {
			out[i] = l[from]
		} else {
			out[i] = fill
		}
	}
	return out
}

func arraySlice(a []any) any {
	l, ok := a[0].([]any)
	if !ok {
		return nil
	}
	n := int64(len(l))
	start, end := a[1].(int64), a[2].(int64)
	if start < 0 {
		start = max(start+n, 0)
	}
	if end < 0 {
		end += n
	}
	end = min(end, n-1)
	if start > end {
		return []any{}
	}
	return l[start : end+1]
}

func arraySplit(a []any) any {
	l, ok := a[0].([]any)
	if !ok {
		return nil
	}
	var cuts []int64
	switch v := a[1].(type) {
	case int64:
		cuts = []int64{v}
	case []any:
		for _, c := range v {
			if n, ok := c.(int64); ok {
				cuts = append(cuts, n)
			}
		}
	}
	out := []any{}
	from, n := int64(0), int64(len(l))
	for _, c := range cuts {
		if c < 0 {
			c += n
		}
		c = min(max(c, from), n)
		out = append(out, append([]any{}, l[from:c]...))
		from = c
	}
	return append(out, append([]any{}, l[from:]...))
}

func sumOf(l []any) any {
	total := 0.0
	for _, v := range l {
		if v == nil {
			continue
		}
		f, ok := value.Number(v)
		if !ok {
			return nil
		}
		total += f
	}
	return total
}

func repeat(a []any) any {
	n := a[1].(int64)
	if n < 0 {
		return nil
	}
	n = min(n, maxRange)
	if err := tooLong(int(n) * len(value.DynamicText(a[0]))); err != nil {
		return err
	}
	out := make([]any, n)
	for i := range out {
		out[i] = a[0]
	}
	return out
}

func zip(a []any) any {
	longest := 0
	for _, v := range a {
		longest = max(longest, len(list(v)))
	}
	out := make([]any, longest)
	for i := range out {
		row := make([]any, len(a))
		for j, v := range a {
			if l := list(v); i < len(l) {
				row[j] = l[i]
			}
		}
		out[i] = row
	}
	return out
}

func rangeLong(format func(int64) any) func(a []any) any {
	return func(a []any) any {
		from, to, step := a[0].(int64), a[1].(int64), a[2].(int64)
		if step == 0 {
			return nil
		}
		out := []any{}
		for n := from; (step > 0 && n <= to || step < 0 && n >= to) && len(out) < maxRange; {
			out = append(out, format(n))
			next := n + step
			if (next > n) != (step > 0) {
				break // beyond the largest or the smallest long
			}
			n = next
		}
		return out
	}
}

func rangeReal(a []any) any {
	from, to, step := a[0].(float64), a[1].(float64), a[2].(float64)
	if step == 0 {
		return nil
	}
	out := []any{}
	for i := 0; len(out) < maxRange; i++ {
		v := from + float64(i)*step
		if step > 0 && v > to || step < 0 && v < to {
			break
		}
		out = append(out, v)
	}
	return out
}

// weightedPercentiles returns nearest-rank percentiles of [value, weight] pairs.
func weightedPercentiles(a []any) any {
	type pair struct {
		v any
		f float64
		w int64
	}
	var pairs []pair
	total := int64(0)
	for _, p := range list(a[0]) {
		l := list(p)
		if len(l) != 2 {
			continue
		}
		f, _ := value.Number(l[0])
		w, _ := DynamicLong(l[1]).(int64)
		pairs = append(pairs, pair{l[0], f, w})
		total += w
	}
	sort.SliceStable(pairs, func(i, j int) bool { return pairs[i].f < pairs[j].f })
	out := []any{}
	for _, p := range list(a[1]) {
		percent, _ := value.Number(p)
		rank := percent / 100 * float64(total)
		var found any
		cumulative := int64(0)
		for _, pr := range pairs {
			cumulative += pr.w
			found = pr.v
			if float64(cumulative) >= rank {
				break
			}
		}
		out = append(out, found)
	}
	return out
}
