package kql

import (
	"strings"
	"sync"

	"github.com/calypso-cdc/calypso/services/localadx/kql/scalar"
)

// builtinFunctions returns the overloads of every built-in function by name: those written in SQL below and the Go
// functions of package scalar. Signatures and result names follow @kusto/language-service-next (MIT).
var builtinFunctions = sync.OnceValue(func() map[string][]builtin {
	table := map[string][]builtin{}
	for _, line := range strings.Split(sqlFunctions, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "--") {
			continue
		}
		signature, sql, _ := strings.Cut(line, " = ")
		s := scalar.ParseSignature(signature)
		f := builtin{Signature: s}
		f.sql, f.mayBeNull = strings.CutPrefix(sql, "!")
		f.sql, f.leavesYears = strings.CutPrefix(f.sql, "^")
		f.sql, f.volatile = strings.CutPrefix(f.sql, "~")
		table[s.Name] = append(table[s.Name], f)
	}
	for _, f := range scalar.Functions() {
		table[f.Name] = append(table[f.Name], builtin{Signature: f.Signature, function: f.SQLName()})
	}
	for alias, name := range functionAliases {
		table[alias] = table[name]
	}
	return table
})

// functionAliases are names Kusto keeps for compatibility.
var functionAliases = map[string]string{
	"todynamic": "parse_json", "toobject": "parse_json", "parsejson": "parse_json",
	"getmonth": "monthofyear", "replace": "replace_regex",
	"hash_xxhash64": "hash", "base64_encodestring": "base64_encode_tostring",
	"base64_decodestring": "base64_decode_tostring",
	"array_strcat":        "strcat_array", "arraylength": "array_length", "array_iif": "array_iff",
	"weekofyear": "week_of_year",
	"datepart":   "datetime_part",
	"to_utf8":    "unicode_codepoints_from_string", "parseurlquery": "parse_urlquery", "ceil": "ceiling",
	"parseurl": "parse_url", "extractall": "extract_all",
}

// sqlFunctions are the functions DuckDB can compute by itself, one overload a line. $1 … are the
// arguments, of the parameter types; a result of type string is wrapped so that it is never null
// when an argument may be, or always when the template starts with '!'. One that starts with '^'
// may leave the years 1 to 9999, and one that starts with '~' gives another value at each call.
const sqlFunctions = `
-- numbers
abs(long) long@ = abs($1)
abs(real) real@ = abs($1)
abs(timespan) timespan@ = abs($1)
sign(real) real = CAST(sign($1) AS DOUBLE)
sqrt(real) real@ = CASE WHEN $1 < 0 THEN 'NaN'::DOUBLE ELSE sqrt($1) END
pow(real, real) real@ = pow($1, $2)
exp(real) real@ = exp($1)
exp2(real) real@ = pow(2.0::DOUBLE, $1)
exp10(real) real@ = pow(10.0::DOUBLE, $1)
log(real) real@ = CASE WHEN $1 > 0 THEN ln($1) WHEN $1 = 0 THEN '-Infinity'::DOUBLE END
log2(real) real@ = CASE WHEN $1 > 0 THEN log2($1) WHEN $1 = 0 THEN '-Infinity'::DOUBLE END
log10(real) real@ = CASE WHEN $1 > 0 THEN log10($1) WHEN $1 = 0 THEN '-Infinity'::DOUBLE END
ceiling(real) real@ = ceil($1)
round(real) real@ = round($1, 0)
round(long) long@ = $1
round(real, long) real@ = round($1, CAST($2 AS INTEGER))
pi() real = pi()
radians(real) real = radians($1)
degrees(real) real = degrees($1)
cos(real) real@ = cos($1)
sin(real) real@ = sin($1)
tan(real) real@ = tan($1)
cot(real) real = cot($1)
acos(real) real@ = CASE WHEN abs($1) <= 1 THEN acos($1) WHEN $1 IS NOT NULL THEN 'NaN'::DOUBLE END
asin(real) real@ = CASE WHEN abs($1) <= 1 THEN asin($1) WHEN $1 IS NOT NULL THEN 'NaN'::DOUBLE END
atan(real) real@ = atan($1)
atan2(real, real) real@ = atan2($1, $2)
isnan(real) bool = coalesce(isnan($1), FALSE)
isinf(real) bool = coalesce(isinf($1), FALSE)
isfinite(real) bool = coalesce(isfinite($1), FALSE)
rand() real@ = ~random()
rand(long) real@ = ~floor(random() * $1)
binary_and(long, long) long@ = ($1 & $2)
binary_or(long, long) long@ = ($1 | $2)
binary_xor(long, long) long@ = xor($1, $2)
binary_not(long) long@ = (~$1)
bitset_count_ones(long) long@ = CAST(bit_count($1) AS BIGINT)
-- text
strlen(text) long+ = length($1)
string_size(text) long+ = strlen($1)
tolower(text) string = lower($1)
toupper(text) string = upper($1)
reverse(text) string = reverse($1)
strcat(text...) string = concat($*)
isempty(text) bool = ($1 = '')
isnotempty(text) bool = ($1 <> '')
notempty(text) bool = ($1 <> '')
replace_string(text, text, text) string = CASE WHEN $2 = '' THEN $1 WHEN strlen($1) // strlen($2) * strlen($3) > 268435456 THEN error('replace_string(): the result may have more than 256 MB') ELSE replace($1, $2, $3) END
strcmp(text, text) long = CASE WHEN $1 < $2 THEN -1::BIGINT WHEN $1 = $2 THEN 0::BIGINT ELSE 1::BIGINT END
new_guid() guid = ~uuid()
-- time
hourofday(datetime) long = ($1 // 36000000000 % 24)
dayofweek(datetime) timespan = (($1 // 864000000000 + 1) % 7 * 864000000000)
startofday(datetime) datetime@ = ($1 // 864000000000 * 864000000000)
startofday(datetime, long) datetime@ = ^(($1 // 864000000000 + $2) * 864000000000)
endofday(datetime) datetime@ = (($1 // 864000000000 + 1) * 864000000000 - 1)
endofday(datetime, long) datetime@ = ^(($1 // 864000000000 + 1 + $2) * 864000000000 - 1)
startofweek(datetime) datetime@ = ^(($1 // 864000000000 - ($1 // 864000000000 + 1) % 7) * 864000000000)
startofweek(datetime, long) datetime@ = ^(($1 // 864000000000 - ($1 // 864000000000 + 1) % 7 + 7 * $2) * 864000000000)
endofweek(datetime) datetime@ = ^(($1 // 864000000000 - ($1 // 864000000000 + 1) % 7 + 7) * 864000000000 - 1)
endofweek(datetime, long) datetime@ = ^(($1 // 864000000000 - ($1 // 864000000000 + 1) % 7 + 7 + 7 * $2) * 864000000000 - 1)
unixtime_seconds_todatetime(real) datetime = ^(621355968000000000 + TRY_CAST(round($1 * 10000000) AS HUGEINT))
unixtime_seconds_todatetime(long) datetime = ^(621355968000000000 + CAST($1 AS HUGEINT) * 10000000)
unixtime_milliseconds_todatetime(real) datetime = ^(621355968000000000 + TRY_CAST(round($1 * 10000) AS HUGEINT))
unixtime_milliseconds_todatetime(long) datetime = ^(621355968000000000 + CAST($1 AS HUGEINT) * 10000)
unixtime_microseconds_todatetime(long) datetime = ^(621355968000000000 + CAST($1 AS HUGEINT) * 10)
unixtime_nanoseconds_todatetime(long) datetime = (621355968000000000 + $1 // 100)
around(datetime, datetime, timespan) bool = ($1 BETWEEN $2 - $3 AND $2 + $3)
around(timespan, timespan, timespan) bool = ($1 BETWEEN $2 - $3 AND $2 + $3)
around(long, long, long) bool = ($1 BETWEEN $2 - $3 AND $2 + $3)
around(real, real, real) bool = ($1 BETWEEN $2 - $3 AND $2 + $3)
getyear(datetime) long = CAST(year(make_timestamp($1 // 10 - 62135596800000000)) AS BIGINT)
monthofyear(datetime) long = CAST(month(make_timestamp($1 // 10 - 62135596800000000)) AS BIGINT)
dayofmonth(datetime) long = CAST(day(make_timestamp($1 // 10 - 62135596800000000)) AS BIGINT)
dayofyear(datetime) long = CAST(dayofyear(make_timestamp($1 // 10 - 62135596800000000)) AS BIGINT)
startofmonth(datetime) datetime@ = (epoch_us(date_trunc('month', make_timestamp($1 // 10 - 62135596800000000))) * 10 + 621355968000000000)
startofmonth(datetime, long) datetime@ = ^(epoch_us(date_trunc('month', make_timestamp($1 // 10 - 62135596800000000)) + to_months(CAST($2 AS INTEGER))) * 10 + 621355968000000000)
endofmonth(datetime) datetime@ = ((epoch_us(date_trunc('month', make_timestamp($1 // 10 - 62135596800000000)) + to_months(1)) * 10 + 621355968000000000) - 1)
endofmonth(datetime, long) datetime@ = ^((epoch_us(date_trunc('month', make_timestamp($1 // 10 - 62135596800000000)) + to_months(1 + CAST($2 AS INTEGER))) * 10 + 621355968000000000) - 1)
startofyear(datetime) datetime@ = (epoch_us(date_trunc('year', make_timestamp($1 // 10 - 62135596800000000))) * 10 + 621355968000000000)
startofyear(datetime, long) datetime@ = ^(epoch_us(date_trunc('year', make_timestamp($1 // 10 - 62135596800000000)) + to_years(CAST($2 AS INTEGER))) * 10 + 621355968000000000)
endofyear(datetime) datetime@ = ((epoch_us(date_trunc('year', make_timestamp($1 // 10 - 62135596800000000)) + to_years(1)) * 10 + 621355968000000000) - 1)
endofyear(datetime, long) datetime@ = ^((epoch_us(date_trunc('year', make_timestamp($1 // 10 - 62135596800000000)) + to_years(1 + CAST($2 AS INTEGER))) * 10 + 621355968000000000) - 1)
-- dynamic
array_length(dynamic) long = CASE WHEN starts_with($1, '[') THEN CAST(json_array_length($1) AS BIGINT) END
`

// builtin is one overload of a built-in function: SQL with $1, $2 … for its arguments, or a Go
// function if sql is empty.
type builtin struct {
	scalar.Signature
	sql      string
	function string // the Go function's name in the database
	// What the template's first character says.
	mayBeNull, leavesYears, volatile bool
}

// internalFunctions are the Go functions that plans call and queries do not name.
var internalFunctions = []string{"to_long", "to_real", "to_bool", "to_datetime", "to_timespan", "to_guid",
	"dynamic_to_long", "dynamic_to_real", "real_text", "datetime_text",
	"timespan_text", "real_json", "datetime_json", "timespan_json", "has", "hasprefix", "hassuffix", "has_any", "has_all",
	"matches", "captures",
	"dynamic_get", "bag_pack_nonempty", "bag_elements", "bag_types", "bag_union", "build_schema", "array_contains",
	"array_distinct", "array_take",
	"array_to_long", "array_sort", "range_long", "range_datetime", "range_timespan", "range_real", "weighted_percentiles",
	"parse_kv", "parse_kv_regex", "session_starts",
	"decimal_add", "decimal_subtract", "decimal_multiply", "decimal_divide", "decimal_modulo", "decimal_bin", "decimal_negate",
	"to_decimal", "long_to_decimal", "real_to_decimal", "decimal_text", "decimal_json", "decimal_to_real", "decimal_to_long",
	"decimal_units", "decimal_units_only", "decimal_sum",
	"hash_text", "hash_long", "hll_of", "hll_union", "hll_intersection", "tdigest_of", "tdigest_union", "tdigest_percentiles",
	"tdigest_rank", "series_fit_poly_dynamic", "series_fft_dynamic", "series_ifft_dynamic"}

// unsupportedFunctions are functions of Kusto that this server does not have; the names are from
// @kusto/language-service-next (MIT).
const unsupportedFunctions = `
cluster external_table entity_group stored_query_result graph datetime_list_timezones parse_xml parse_user_agent hash_combine hash_many
series_fit_2lines series_fit_2lines_dynamic series_outliers series_periods_detect series_periods_validate
series_decompose series_decompose_forecast series_decompose_anomalies
geo_intersection_line_with_polygon geo_intersection_2polygons geo_union_polygons_array geo_simplify_polygons_array geo_union_lines_array
geo_polygon_densify geo_polygon_buffer geo_polygon_simplify geo_line_buffer geo_line_densify geo_point_buffer geo_info_from_ip_address
inner_nodes labels current_principal current_principal_details current_principal_is_member_of
current_node_id row_id row_rank`
