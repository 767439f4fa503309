package scalar

func setUnion(a []any) any {
	all := []any{}
	for _, v := range a {
		all = append(all, list(v)...)
	}
	return distinct(all)
}

// setFilter keeps the elements of the first set that are in all others, or in none.
func setFilter(a []any, in bool) any {
	out := []any{}
next:
	for _, v := range distinct(list(a[0])) {
		for _, other := range a[1:] {
			if (arrayIndex(list(other), v) >= 0) != in {
				continue next
			}
		}
		out = append(out, v)
	}
	return out
}

func setEquals(a []any) any {
	x, y := distinct(list(a[0])), distinct(list(a[1]))
	return len(x) == len(y) && len(setFilter([]any{x, y}, true).([]any)) == len(x)
}

func jaccard(a []any) any {
	union := len(setUnion(a).([]any))
	if union == 0 {
		return nil
	}
	return float64(len(setFilter(a, true).([]any))) / float64(union)
}
