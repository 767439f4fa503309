package scalar

import (
	"math"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// conversions are the to…() functions and the text and JSON forms of typed values.
func conversions() []Function {
	return []Function{
		define("to_long(string) long", func(a []any) any { return orNil(ParseLong(a[0].(string))) }),
		define("dynamic_to_real(dynamic) real", dynamicReal),
		define("to_real(string) real", func(a []any) any { return orNil(ParseReal(a[0].(string))) }),
		define("to_bool(string) bool", func(a []any) any { return orNil(ParseBool(a[0].(string))) }),
		define("to_datetime(string) datetime", func(a []any) any { return orNil(value.ParseDatetime(a[0].(string))) }),
		define("to_timespan(string) timespan", func(a []any) any { return orNil(value.ParseTimespan(a[0].(string))) }),
		define("to_guid(string) guid", func(a []any) any { return orNil(value.ParseGUID(a[0].(string))) }),
		define("dynamic_to_long(dynamic) long", func(a []any) any { return DynamicLong(a[0]) }),
		define("real_text(real) string", func(a []any) any { return value.FormatReal(a[0].(float64)) }),
		define("datetime_text(datetime) string", func(a []any) any { return value.FormatDatetime(a[0].(int64)) }),
		define("timespan_text(timespan) string", func(a []any) any { return value.FormatTimespan(a[0].(int64)) }),
		define("real_json(real) dynamic", func(a []any) any { return a[0] }),
		define("datetime_json(datetime) dynamic", func(a []any) any { return value.FormatDatetime(a[0].(int64)) }),
		define("timespan_json(timespan) dynamic", func(a []any) any { return value.FormatTimespan(a[0].(int64)) }),
		define("parse_json(text) dynamic@", parseJSON),
		defineNulls("parse_json(dynamic) dynamic@", func(a []any) any { return a[0] }),
	}
}

// orNil drops a value that is not ok.
func orNil[T any](v T, ok bool) any {
	if !ok {
		return nil
	}
	return v
}

// ParseLong reads what tolong(string) takes: a decimal or hexadecimal integer.
func ParseLong(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if hex, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		n, err := strconv.ParseUint(hex, 16, 64)
		return int64(n), err == nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// ParseReal reads what toreal(string) takes.
func ParseReal(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "nan":
		return math.NaN(), true
	case "inf", "+inf", "infinity", "∞":
		return math.Inf(1), true
	case "-inf", "-infinity", "-∞":
		return math.Inf(-1), true
	}
	if strings.ContainsAny(s, "xX_pPnN") {
		n, ok := ParseLong(s)
		return float64(n), ok
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// ParseBool reads what tobool(string) takes: true, false or a number.
func ParseBool(s string) (bool, bool) {
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	n, ok := ParseLong(s)
	return n != 0, ok
}

// DynamicLong converts a dynamic value as tolong() does; nil if it cannot.
func dynamicReal(a []any) any {
	switch v := a[0].(type) {
	case bool:
		if v {
			return 1.0
		}
		return 0.0
	case int64:
		return float64(v)
	case float64:
		return v
	case string:
		return orNil(ParseReal(v))
	}
	return nil
}

func DynamicLong(v any) any {
	switch v := v.(type) {
	case int64:
		return v
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case float64:
		if math.IsNaN(v) || math.Abs(v) >= 1<<63 {
			return nil
		}
		return int64(v)
	case string:
		return orNil(ParseLong(v))
	}
	return nil
}

// parseJSON reads JSON; text that is not JSON is a string value.
func parseJSON(a []any) any {
	s := a[0].(string)
	if strings.TrimSpace(s) == "" {
		return nil
	}
	v, err := value.DecodeDynamic(s)
	if err != nil {
		return s
	}
	return v
}
