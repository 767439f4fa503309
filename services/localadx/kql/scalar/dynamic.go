package scalar

import (
	"sort"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// maxRange bounds the elements range() makes, as Kusto does.
const maxRange = 1048576

// dynamics are the functions over arrays and property bags.
func dynamics() []Function {
	return []Function{
		define("dynamic_get(dynamic, string) dynamic", dynamicGet),
		define("gettype(dynamic) string", getType),
		defineNulls("bag_pack(json...) dynamic", bagPack(false)),
		defineNulls("bag_pack_nonempty(json...) dynamic", bagPack(true)),
		define("bag_elements(dynamic, bool) dynamic", bagElements),
		define("bag_types(dynamic) dynamic", bagTypes),
		define("bag_union(dynamic) dynamic", func(a []any) any { return mergeBags(list(a[0])) }),
		define("bag_merge(dynamic, dynamic...) dynamic", func(a []any) any { return mergeBags(a) }),
		define("bag_keys(dynamic) dynamic", bagKeys),
		define("bag_has_key(dynamic, string) bool", bagHasKey),
		define("bag_remove_keys(dynamic, dynamic) dynamic", bagRemoveKeys),
		defineNulls("bag_set_key(dynamic, string, json) dynamic", bagSetKey),
		define("bag_zip(dynamic, dynamic) dynamic", bagZip),
		define("dynamic_to_json(json) string", func(a []any) any { return value.EncodeDynamic(value.SortKeys(a[0])) }),
		define("build_schema(dynamic) dynamic", buildSchema),
		define("treepath(dynamic) dynamic", treePath),
		define("array_contains(dynamic, json) bool", func(a []any) any { return arrayIndex(list(a[0]), a[1]) >= 0 }),
		define("set_has_element(dynamic, json) bool", func(a []any) any { return arrayIndex(list(a[0]), a[1]) >= 0 }),
		defineNulls("array_distinct(dynamic, long) dynamic", arrayDistinct),
		define("array_take(dynamic, long) dynamic", func(a []any) any { return firstOf(list(a[0]), a[1].(int64)) }),
		define("array_to_long(dynamic) dynamic", arrayToLong),
		defineNulls("array_sort(bool, bool, dynamic, dynamic...) dynamic", arraySort),
		define("array_concat(dynamic, dynamic...) dynamic", arrayConcat),
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
		define("array_sum(dynamic) real", func(a []any) any { return sumOf(list(a[0])) }),
		define("repeat(json, long) dynamic", repeat),
		define("zip(dynamic, dynamic...) dynamic", zip),
		define("set_union(dynamic, dynamic...) dynamic", setUnion),
		define("set_intersect(dynamic, dynamic...) dynamic", func(a []any) any { return setFilter(a, true) }),
		define("set_difference(dynamic, dynamic...) dynamic", func(a []any) any { return setFilter(a, false) }),
		define("set_equals(dynamic, dynamic) bool", setEquals),
		define("jaccard_index(dynamic, dynamic) real", jaccard),
		define("extract_json(string, text) string", extractJSON),
		define("range_long(long, long, long) dynamic", rangeLong(func(n int64) any { return n })),
		define("range_datetime(datetime, datetime, timespan) dynamic", rangeLong(func(n int64) any { return value.FormatDatetime(n) })),
		define("range_timespan(timespan, timespan, timespan) dynamic", rangeLong(func(n int64) any { return value.FormatTimespan(n) })),
		define("range_real(real, real, real) dynamic", rangeReal),
		define("weighted_percentiles(dynamic, dynamic) dynamic", weightedPercentiles),
	}
}

func dynamicGet(a []any) any {
	switch v := a[0].(type) {
	case *value.Bag:
		x, _ := v.Get(a[1].(string))
		return x
	case []any:
		i, err := strconv.Atoi(a[1].(string))
		if err != nil {
			return nil
		}
		if i < 0 {
			i += len(v)
		}
		if i >= 0 && i < len(v) {
			return v[i]
		}
	}
	return nil
}

// typeName is what gettype() says of a decoded dynamic.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case int64:
		return "long"
	case float64:
		return "real"
	case []any:
		return "array"
	case *value.Bag:
		return "dictionary"
	case string:
		_ = v
	}
	return "string"
}

func getType(a []any) any { return typeName(a[0]) }

func bagPack(skipEmpty bool) func(a []any) any {
	return func(a []any) any {
		bag := &value.Bag{}
		for i := 0; i+1 < len(a); i += 2 {
			if skipEmpty && (a[i+1] == nil || a[i+1] == "") {
				continue
			}
			bag.Set(value.DynamicText(a[i]), a[i+1])
		}
		return bag
	}
}

// bagElements lists a bag's properties: as bags of one, or as [name, value].
func bagElements(a []any) any {
	bag, ok := a[0].(*value.Bag)
	if !ok {
		return []any{}
	}
	out := make([]any, len(bag.Keys))
	for i, k := range bag.Keys {
		if a[1].(bool) {
			out[i] = []any{k, bag.Values[i]}
		} else {
			out[i] = &value.Bag{Keys: []string{k}, Values: []any{bag.Values[i]}}
		}
	}
	return out
}

// bagTypes lists [name, type] of a bag's properties, for bag_unpack; the type is "" for null.
func bagTypes(a []any) any {
	bag, ok := a[0].(*value.Bag)
	if !ok {
		return []any{}
	}
	out := make([]any, len(bag.Keys))
	for i, k := range bag.Keys {
		t := map[string]string{"bool": "bool", "long": "long", "real": "real", "string": "string", "array": "dynamic", "dictionary": "dynamic"}[typeName(bag.Values[i])]
		if s, ok := bag.Values[i].(string); ok && looksLikeDatetime(s) {
			t = "datetime"
		}
		out[i] = []any{k, t}
	}
	return out
}

// looksLikeDatetime recognises the form that datetimes have inside dynamic values.
func looksLikeDatetime(s string) bool {
	if len(s) < 20 || s[4] != '-' || s[10] != 'T' || s[len(s)-1] != 'Z' {
		return false
	}
	_, ok := value.ParseDatetime(s)
	return ok
}

// mergeBags unites bags; the first value of a property wins.
func mergeBags(bags []any) any {
	out := &value.Bag{}
	for _, v := range bags {
		bag, ok := v.(*value.Bag)
		if !ok {
			continue
		}
		for i, k := range bag.Keys {
			if _, ok := out.Get(k); !ok {
				out.Set(k, bag.Values[i])
			}
		}
	}
	return out
}

func bagKeys(a []any) any {
	bag, ok := a[0].(*value.Bag)
	if !ok {
		return nil
	}
	return anyStrings(bag.Keys)
}

// bagPath splits a JSON path such as $.a.b into property names; any other text is one name.
func bagPath(key string) []string {
	if !strings.HasPrefix(key, "$") {
		return []string{key}
	}
	var out []string
	rest := key[1:]
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "['") || strings.HasPrefix(rest, `["`):
			end := strings.Index(rest[2:], rest[1:2]+"]")
			if end < 0 {
				return []string{key}
			}
			out = append(out, rest[2:2+end])
			rest = rest[2+end+2:]
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return []string{key}
			}
			out = append(out, rest[1:end])
			rest = rest[end+1:]
		case rest[0] == '.':
			rest = rest[1:]
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			out = append(out, rest[:end])
			rest = rest[end:]
		default:
			return []string{key}
		}
	}
	return out
}

// follow returns what a path leads to.
func follow(v any, path []string) (any, bool) {
	for _, name := range path {
		switch node := v.(type) {
		case *value.Bag:
			x, ok := node.Get(name)
			if !ok {
				return nil, false
			}
			v = x
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(node) {
				return nil, false
			}
			v = node[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func bagHasKey(a []any) any {
	if _, ok := a[0].(*value.Bag); !ok {
		return false
	}
	_, ok := follow(a[0], bagPath(a[1].(string)))
	return ok
}

func bagRemoveKeys(a []any) any {
	v := a[0]
	if _, ok := v.(*value.Bag); !ok {
		return nil
	}
	for _, key := range list(a[1]) {
		v = remove(v, bagPath(value.DynamicText(key)))
	}
	return v
}

func remove(v any, path []string) any {
	bag, ok := v.(*value.Bag)
	if !ok {
		return v
	}
	out := bag.Clone()
	if len(path) == 1 {
		out.Delete(path[0])
	} else if child, ok := out.Get(path[0]); ok {
		out.Set(path[0], remove(child, path[1:]))
	}
	return out
}

func bagSetKey(a []any) any {
	bag, ok := a[0].(*value.Bag)
	if !ok {
		return nil
	}
	return setPath(bag, bagPath(value.DynamicText(a[1])), a[2])
}

// setPath sets a property, creating the bags on the way. A changed property moves to the end, as in Kusto.
func setPath(bag *value.Bag, path []string, v any) any {
	out := bag.Clone()
	if len(path) > 1 {
		child, _ := out.Get(path[0])
		inner, ok := child.(*value.Bag)
		if !ok {
			inner = &value.Bag{}
		}
		v = setPath(inner, path[1:], v)
	}
	out.Delete(path[0])
	out.Set(path[0], v)
	return out
}

func bagZip(a []any) any {
	keys, ok := a[0].([]any)
	if !ok {
		return nil
	}
	values := list(a[1])
	out := &value.Bag{}
	for i, k := range keys {
		name, ok := k.(string)
		if !ok {
			continue
		}
		var v any
		if i < len(values) {
			v = values[i]
		}
		out.Set(name, v)
	}
	return out
}

// buildSchema describes the values of a list, as the buildschema() aggregate.
func buildSchema(a []any) any { return schemaOf(list(a[0])) }

func schemaOf(values []any) any {
	var types []any
	bag := &value.Bag{}
	nested := map[string][]any{}
	var elements []any
	hasArray := false
	add := func(t any) {
		if arrayIndex(types, t) < 0 {
			types = append(types, t)
		}
	}
	for _, v := range values {
		switch v := v.(type) {
		case *value.Bag:
			for i, k := range v.Keys {
				if _, ok := nested[k]; !ok {
					bag.Keys = append(bag.Keys, k)
				}
				nested[k] = append(nested[k], v.Values[i])
			}
		case []any:
			hasArray = true
			elements = append(elements, v...)
		case nil:
		default:
			name := typeName(v)
			if name == "real" {
				name = "double"
			}
			add(name)
		}
	}
	if len(bag.Keys) > 0 {
		out := &value.Bag{}
		for _, k := range bag.Keys {
			out.Set(k, schemaOf(nested[k]))
		}
		if hasArray {
			out.Set("`indexer`", schemaOf(elements))
		}
		types = append([]any{out}, types...)
	} else if hasArray {
		types = append([]any{&value.Bag{Keys: []string{"`indexer`"}, Values: []any{schemaOf(elements)}}}, types...)
	}
	if len(types) == 1 {
		return types[0]
	}
	if types == nil {
		return nil
	}
	sortSchema(types)
	return types
}

// sortSchema puts type names behind bags, in name order.
func sortSchema(types []any) {
	sort.SliceStable(types, func(i, j int) bool {
		x, okX := types[i].(string)
		y, okY := types[j].(string)
		if okX != okY {
			return okY
		}
		return okX && x < y
	})
}

// treePath lists the paths of all leaves.
func treePath(a []any) any {
	out := []any{}
	var visit func(prefix string, v any)
	visit = func(prefix string, v any) {
		if prefix != "" {
			out = append(out, prefix)
		}
		switch v := v.(type) {
		case *value.Bag:
			for i, k := range v.Keys {
				visit(prefix+"['"+k+"']", v.Values[i])
			}
		case []any:
			if len(v) > 0 {
				visit(prefix+"[0]", v[0])
			}
		}
	}
	visit("", a[0])
	return out
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
func distinct(l []any) []any {
	out := []any{}
	seen := map[string]bool{}
	for _, v := range l {
		key := value.EncodeDynamic(value.SortKeys(v))
		if !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
	}
	return out
}

func arrayDistinct(a []any) any {
	out := distinct(list(a[0]))
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
	fx, okX := number(x)
	fy, okY := number(y)
	switch {
	case okX && okY:
		return fx < fy
	case okX != okY:
		return okX
	}
	return value.DynamicText(x) < value.DynamicText(y)
}

// number returns a numeric dynamic as a real.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// arraySort sorts the first array and permutes the others with it: ascending, nulls last, arrays. It returns all arrays; one
// of another length than the first is null.
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
		f, ok := number(v)
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
	out := make([]any, min(n, maxRange))
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

func extractJSON(a []any) any {
	v, err := value.DecodeDynamic(a[1].(string))
	if err != nil {
		return ""
	}
	x, ok := follow(v, bagPath(a[0].(string)))
	if !ok {
		return ""
	}
	return value.DynamicText(x)
}

func rangeLong(format func(int64) any) func(a []any) any {
	return func(a []any) any {
		from, to, step := a[0].(int64), a[1].(int64), a[2].(int64)
		if step == 0 {
			return nil
		}
		out := []any{}
		for n := from; (step > 0 && n <= to || step < 0 && n >= to) && len(out) < maxRange; n += step {
			out = append(out, format(n))
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
		f, _ := number(l[0])
		w, _ := DynamicLong(l[1]).(int64)
		pairs = append(pairs, pair{l[0], f, w})
		total += w
	}
	sort.SliceStable(pairs, func(i, j int) bool { return pairs[i].f < pairs[j].f })
	out := []any{}
	for _, p := range list(a[1]) {
		percent, _ := number(p)
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
