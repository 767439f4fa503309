package kql

import (
	"sort"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

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
		Operators:  sortedNames(append([]string(nil), syntax.OperatorNames...)),
		Functions:  sortedKeys(functions),
		Aggregates: sortedKeys(aggregates()),
		Plugins:    sortedKeys(plugins()),
	}
}

// internalFunctions are the Go functions that plans call and queries do not name.
var internalFunctions = []string{"to_long", "to_real", "to_bool", "to_datetime", "to_timespan", "to_guid", "dynamic_to_long", "dynamic_to_real", "real_text", "datetime_text",
	"timespan_text", "real_json", "datetime_json", "timespan_json", "has", "hasprefix", "hassuffix", "has_any", "has_all", "matches", "captures",
	"dynamic_get", "bag_pack_nonempty", "bag_elements", "bag_types", "bag_union", "build_schema", "array_contains", "array_distinct", "array_take",
	"array_to_long", "array_sort", "range_long", "range_datetime", "range_timespan", "range_real", "weighted_percentiles", "parse_kv", "session_start",
	"hash_text", "hash_long", "hll_of", "hll_union", "tdigest_of", "tdigest_union", "tdigest_percentiles"}

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

// unsupportedFunctions are functions of Kusto that this server does not have; the names are from
// @kusto/language-service-next (MIT).
const unsupportedFunctions = `
cluster external_table entity_group stored_query_result graph datetime_list_timezones parse_xml parse_user_agent hash_combine hash_many
percentrank_tdigest rank_tdigest
series_fft series_ifft series_fit_2lines series_fit_2lines_dynamic series_outliers series_periods_detect series_periods_validate series_fit_poly
series_decompose series_decompose_forecast series_decompose_anomalies
geo_intersection_line_with_polygon geo_intersection_2polygons geo_union_polygons_array geo_simplify_polygons_array geo_union_lines_array
geo_polygon_densify geo_polygon_buffer geo_polygon_simplify geo_line_buffer geo_line_densify geo_point_buffer geo_info_from_ip_address
all map inner_nodes node_id node_degree_in node_degree_out labels current_principal current_principal_details current_principal_is_member_of
current_node_id row_id row_rank`
