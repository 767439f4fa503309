package kql

import "sort"

// Supported lists what this package compiles, in name order, for documentation and completion.
type Supported struct {
	Operators  []string
	Functions  []string
	Aggregates []string
	Plugins    []string
}

// SupportedNames returns the names of all operators, scalar functions, aggregates and plugins.
func SupportedNames() Supported {
	functions := map[string]bool{}
	for name := range builtinFunctions() {
		functions[name] = true
	}
	for name := range specialForms() {
		functions[name] = true
	}
	for _, name := range internalFunctions {
		delete(functions, name)
	}
	return Supported{
		Operators:  sortedNames(append([]string(nil), operatorNames...)),
		Functions:  sortedKeys(functions),
		Aggregates: sortedKeys(aggregates()),
		Plugins:    sortedKeys(plugins()),
	}
}

// internalFunctions are the Go functions that plans call and queries do not name.
var internalFunctions = []string{"to_long", "to_real", "to_bool", "to_datetime", "to_timespan", "to_guid", "dynamic_to_long", "real_text", "datetime_text",
	"timespan_text", "real_json", "datetime_json", "timespan_json", "has", "hasprefix", "hassuffix", "has_any", "has_all", "matches", "captures",
	"dynamic_get", "bag_pack_nonempty", "bag_elements", "bag_types", "bag_union", "build_schema", "array_contains", "array_distinct", "array_take",
	"array_to_long", "array_sort", "range_long", "range_datetime", "range_timespan", "range_real", "weighted_percentiles", "parse_kv", "session_start",
	"hash_text", "hash_long"}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	return sortedNames(names)
}

func sortedNames(names []string) []string {
	sort.Strings(names)
	return names
}
