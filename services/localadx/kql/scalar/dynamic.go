package scalar

import (
	"sort"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// dynamics are the functions over property bags and dynamic values in general.
func dynamics() []Function {
	return []Function{
		define("dynamic_get(dynamic, string) dynamic", dynamicGet),
		define("gettype(dynamic) string", getType),
		defineNulls("bag_pack(json...) dynamic", bagPack(false)),
		defineNulls("bag_pack_nonempty(json...) dynamic", bagPack(true)),
		define("bag_elements(dynamic, bool) dynamic", bagElements),
		define("bag_types(dynamic) dynamic", bagTypes),
		define("bag_union(elements, long) dynamic", func(a []any) any {
			bag := mergeBags(list(a[0])).(*value.Bag)
			if n := max(a[1].(int64), 0); int64(len(bag.Keys)) > n {
				bag.Keys, bag.Values = bag.Keys[:n], bag.Values[:n]
			}
			return bag
		}),
		defineNulls("bag_merge(dynamic, dynamic...) dynamic", someOf(mergeBags)),
		define("bag_keys(dynamic) dynamic", bagKeys),
		define("bag_has_key(dynamic, string) bool", bagHasKey),
		define("bag_remove_keys(dynamic, dynamic) dynamic", bagRemoveKeys),
		defineNulls("bag_set_key(dynamic, string, json) dynamic", bagSetKey),
		define("bag_zip(dynamic, dynamic) dynamic", bagZip),
		define("dynamic_to_json(json) string", func(a []any) any { return value.EncodeDynamic(value.SortKeys(a[0])) }),
		define("build_schema(elements) dynamic", buildSchema),
		define("treepath(dynamic) dynamic", treePath),
		define("extract_json(string, text) string", extractJSON),
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
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case int64:
		return "long"
	case float64:
		return "double"
	case []any:
		return "array"
	case *value.Bag:
		return "dictionary"
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
		t := map[string]string{"bool": "bool", "long": "long", "double": "real", "string": "string", "array": "dynamic",
			"dictionary": "dynamic"}[typeName(bag.Values[i])]
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
	seen := map[string]bool{}
	for _, v := range bags {
		bag, ok := v.(*value.Bag)
		if !ok {
			continue
		}
		for i, k := range bag.Keys {
			if !seen[k] {
				seen[k] = true
				out.Keys, out.Values = append(out.Keys, k), append(out.Values, bag.Values[i])
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
	if !ok || len(path) == 0 { // "$" names the bag itself, which is no property
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
	path := bagPath(value.DynamicText(a[1]))
	if len(path) == 0 {
		return bag // "$" names the bag itself, which is no property
	}
	return setPath(bag, path, a[2])
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
