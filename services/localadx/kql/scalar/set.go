package scalar

import (
	"strconv"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

func setUnion(ended func() bool, a []any) any {
	all := []any{}
	for _, v := range a {
		all = append(all, list(v)...)
	}
	return distinct(ended, all)
}

// setFilter keeps the elements of the first set that are in all others, or in none.
func setFilter(ended func() bool, a []any, in bool) any {
	others := make([]elements, len(a)-1)
	for i, other := range a[1:] {
		others[i] = elementsOf(ended, list(other))
	}
	out := []any{}
next:
	for i, v := range distinct(ended, list(a[0])) {
		if i%checkEvery == 0 && ended() {
			return nil
		}
		for _, other := range others {
			if other.has(v) != in {
				continue next
			}
		}
		out = append(out, v)
	}
	return out
}

func setEquals(ended func() bool, a []any) any {
	x, y := distinct(ended, list(a[0])), distinct(ended, list(a[1]))
	return len(x) == len(y) && len(list(setFilter(ended, []any{x, y}, true))) == len(x)
}

func jaccard(ended func() bool, a []any) any {
	union := len(list(setUnion(ended, a)))
	if union == 0 {
		return nil
	}
	return float64(len(list(setFilter(ended, a, true)))) / float64(union)
}

// elements finds the elements of an array: those that may be the same are under one key.
type elements map[string][]any

func elementsOf(ended func() bool, l []any) elements {
	out := elements{}
	for i, v := range l {
		if i%checkEvery == 0 && ended() {
			return nil
		}
		key := elementKey(v)
		if arrayIndex(out[key], v) < 0 {
			out[key] = append(out[key], v)
		}
	}
	return out
}

func (e elements) has(v any) bool { return arrayIndex(e[elementKey(v)], v) >= 0 }

// elementKey is equal for elements that are the same. A long and a real may be.
func elementKey(v any) string {
	if f, ok := value.Number(v); ok {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return value.EncodeDynamic(value.SortKeys(v))
}
