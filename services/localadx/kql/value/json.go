package value

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends v, a value of type t as the engine yields it, as the v1 and v2 protocols write
// it: datetime as RFC 3339 (up to seven fractional digits), timespan as [-][d.]hh:mm:ss[.fffffff],
// decimal and guid as strings, NaN and infinities as strings, dynamic inline. A nil is null, except
// that a string is "".
//
// The Go type of v by Type: bool bool, int int32 or int64, long int64, real float64, decimal string, string string,
// datetime and timespan int64 ticks, guid string, dynamic string holding JSON.
func AppendJSON(b []byte, t Type, v any) []byte {
	if v == nil {
		if t == String {
			return append(b, `""`...)
		}
		return append(b, "null"...)
	}
	switch t {
	case Datetime:
		b = append(b, '"')
		b = AppendDatetime(b, v.(int64))
		return append(b, '"')
	case Timespan:
		b = append(b, '"')
		b = AppendTimespan(b, v.(int64))
		return append(b, '"')
	case Dynamic:
		return append(b, v.(string)...)
	}
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(b, v)
	case int32:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return AppendReal(b, v)
	case string:
		return AppendQuoted(b, v)
	}
	return AppendQuoted(b, fmt.Sprint(v))
}

// AppendReal appends a real as JSON: "NaN", "Infinity" and "-Infinity" as strings, a whole number with ".0".
func AppendReal(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	return append(b, FormatReal(v)...)
}

// FormatReal returns a finite or not finite real in the shortest form that reads back the same, as .NET writes it:
// 1.0, 0.5, 1E+20, 1E-05, NaN.
func FormatReal(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e15) {
		text := strconv.FormatFloat(v, 'E', -1, 64)
		return text
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	for i := range len(text) {
		if text[i] == '.' {
			return text
		}
	}
	return text + ".0"
}

const hexDigits = "0123456789abcdef"

// AppendQuoted appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(b, s[start:i]...)
				b = append(b, "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
