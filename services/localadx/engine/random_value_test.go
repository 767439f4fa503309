package engine_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// The values of the plain interpreter that random queries are compared with: nil for null, bool,
// int64 (int, long, datetime and timespan in ticks), float64, string (string and guid), and for
// dynamic what JSON decodes to, with whole numbers as int64.

// randomTypes are the types of columns in random tables.
var randomTypes = []value.Type{value.Bool, value.Int, value.Long, value.Real, value.String, value.Datetime,
	value.Timespan, value.GUID, value.Dynamic}

var (
	randomTexts = []string{"", " ", "a", "A", "ab", "Ab", "b", "abc def", "ABC-DEF", "def_abc", "a_b", "1", "12", "-7",
		"1.5", "0x1f", "true", "False", "é", "É", "éa b", "Жук", "жУК",
		"naïve café", "日本", "日本 語", "٣", "😀", "a😀b", "a.b.c", "a,b,,c", ",", "x\ty", "\"q\"", "it's", `back\slash`, "%", "_",
		"null", "2020-02-29", "01:02:03", "NaN", "[1]", "{}"}
	randomLongs = []int64{0, 1, -1, 2, 3, 5, -7, 10, 12, 60, 100, 1000, -1000, 2147483647, -2147483648,
		1 << 40, -(1 << 40)}
	randomReals = []float64{0, 1, -1, 0.5, -0.5, 1.5, 2.25, -2.75, 3, 10, 100.25, 1e6, math.NaN(),
		math.Inf(1), math.Inf(-1)}
	randomGUIDs = []string{"00000000-0000-0000-0000-000000000000", "123e4567-e89b-12d3-a456-426614174000",
		"ffffffff-ffff-ffff-ffff-ffffffffffff"}
	// first and last day, before and after 1970, leap days, and the last tick of days
	randomTimes = []string{"0001-01-01", "0001-01-07T12:00:00Z", "0004-02-29", "1582-10-15",
		"1899-12-31T23:59:59.9999999Z", "1900-03-15", "1969-12-31T23:59:59.9999999Z", "1970-01-01",
		"1999-12-31T23:00:00Z", "2000-02-29", "2020-02-29T13:14:15.1234567Z", "2020-03-01", "2021-01-03",
		"2021-01-04T01:00:00Z", "2023-12-31T23:59:59.9999999Z", "9999-12-31", "9999-12-31T23:59:59.9999999Z"}
	randomSpans = []int64{0, 1, -1, value.Second, value.Minute, value.Hour, -value.Hour, 90 * value.Minute, value.Day,
		-value.Day, 7 * value.Day, 30*value.Day + 5, 123456789012}
	randomDynamics = []string{"null", "1", "-3", "2.5", `"a"`, `"12"`, `""`, "true", "false", "[]", "{}", "[1,2,3]",
		"[1,null,\"a\"]", `["x","y","x"]`, "[[1],[2,3]]", `{"k":1}`, `{"k":"v","l":[1,2]}`,
		`{"k":null}`, `{"k":{"k":true}}`, `{"a b":5}`}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// randomValue returns a value of a type, null one time in eight.
func randomValue(r *rand.Rand, t value.Type) any {
	if t != value.String && t != value.Dynamic && r.IntN(8) == 0 {
		return nil
	}
	switch t {
	case value.Bool:
		return r.IntN(2) == 0
	case value.Int:
		for {
			if n := pick(r, randomLongs); int64(int32(n)) == n {
				return n
			}
		}
	case value.Long:
		return pick(r, randomLongs)
	case value.Real:
		return pick(r, randomReals)
	case value.String:
		return pick(r, randomTexts)
	case value.Datetime:
		ticks, ok := value.ParseDatetime(pick(r, randomTimes))
		if !ok {
			panic("a datetime that cannot be read")
		}
		return ticks
	case value.Timespan:
		return pick(r, randomSpans)
	case value.GUID:
		return pick(r, randomGUIDs)
	}
	return decodeJSON(pick(r, randomDynamics))
}

// decodeJSON reads JSON, whole numbers as int64.
func decodeJSON(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return numbers(v)
}

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

// literal writes a value as KQL has it.
func literal(t value.Type, v any) string {
	if v == nil {
		return t.String() + "(null)"
	}
	switch t {
	case value.Bool:
		return strconv.FormatBool(v.(bool))
	case value.Int:
		return fmt.Sprintf("int(%d)", v)
	case value.Long:
		if n := v.(int64); n < 0 {
			return fmt.Sprintf("long(%d)", n)
		}
		return fmt.Sprint(v)
	case value.Real:
		f := v.(float64)
		switch {
		case math.IsNaN(f):
			return "real(nan)"
		case math.IsInf(f, 1):
			return "real(+inf)"
		case math.IsInf(f, -1):
			return "real(-inf)"
		}
		return "real(" + strconv.FormatFloat(f, 'g', -1, 64) + ")"
	case value.String:
		return quoted(v.(string))
	case value.Datetime:
		return "datetime(" + value.FormatDatetime(v.(int64)) + ")"
	case value.Timespan:
		return fmt.Sprintf("timespan(%s)", value.FormatTimespan(v.(int64)))
	case value.GUID:
		return "guid(" + v.(string) + ")"
	}
	return "dynamic(" + encodeJSON(v) + ")"
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(s) + `"`
}

func encodeJSON(v any) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// wire is a value as an answer carries it, decoded from JSON.
func wire(t value.Type, v any) any {
	if t == value.Dynamic {
		if v == nil {
			return nil
		}
		return plain(encodeJSON(v))
	}
	if n, ok := v.(int64); ok && t == value.Real {
		v = float64(n)
	}
	return plain(string(value.AppendJSON(nil, t, v)))
}

func plain(text string) (v any) {
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		panic(fmt.Sprintf("%s: %v", text, err))
	}
	return v
}

// order compares two values of a type that are not null; ok is false where they have no order, as NaN.
func order(x, y any) (c int, ok bool) {
	switch x := x.(type) {
	case bool:
		return cmp.Compare(b2n(x), b2n(y.(bool))), true
	case int64:
		if f, isReal := y.(float64); isReal {
			return order(float64(x), f)
		}
		return cmp.Compare(x, y.(int64)), true
	case float64:
		f, isReal := y.(float64)
		if !isReal {
			f = float64(y.(int64))
		}
		if math.IsNaN(x) || math.IsNaN(f) {
			return 0, false
		}
		return cmp.Compare(x, f), true
	case string:
		return strings.Compare(x, y.(string)), true
	}
	panic(fmt.Sprintf("no order of %T", x))
}

func b2n(b bool) int {
	if b {
		return 1
	}
	return 0
}

// asText is tostring() of a value.
func asText(t value.Type, v any) string {
	if v == nil {
		return ""
	}
	switch t {
	case value.Bool:
		if v.(bool) {
			return "True"
		}
		return "False"
	case value.Real:
		f := v.(float64)
		text := strconv.FormatFloat(f, 'f', -1, 64)
		switch {
		case math.IsNaN(f):
			return "NaN"
		case math.IsInf(f, 1):
			return "Infinity"
		case math.IsInf(f, -1):
			return "-Infinity"
		case f == math.Trunc(f):
			return text + ".0"
		}
		return text
	case value.Datetime:
		return value.FormatDatetime(v.(int64))
	case value.Timespan:
		return value.FormatTimespan(v.(int64))
	case value.Dynamic:
		if s, ok := v.(string); ok {
			return s
		}
		return encodeJSON(v)
	}
	return fmt.Sprint(v)
}
