package row

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strconv"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

// conversion writes a value as Kusto reads it, or says why it cannot.
type conversion func(dst, v []byte) (out []byte, refusal string)

// convert finds how a field's values become values of a column; nil where they are right as they
// stand. Debezium's schema names say what a number or text means, which Kusto cannot know: it would
// store null for each of these.
func convert(f Field, t kusto.ColumnType) conversion {
	switch f.Semantic {
	case "org.apache.kafka.connect.data.Decimal":
		if f.Type == "bytes" {
			return decimalFrom(f.Scale, t)
		}
	case "io.debezium.data.VariableScaleDecimal":
		return variableDecimal(t)
	case "io.debezium.time.Date", "org.apache.kafka.connect.data.Date":
		if t == kusto.DateTime {
			return epoch(24*time.Hour, true)
		}
	case "io.debezium.time.Timestamp", "org.apache.kafka.connect.data.Timestamp":
		if t == kusto.DateTime {
			return epoch(time.Millisecond, false)
		}
	case "io.debezium.time.MicroTimestamp":
		if t == kusto.DateTime {
			return epoch(time.Microsecond, false)
		}
	case "io.debezium.time.NanoTimestamp":
		if t == kusto.DateTime {
			return epoch(time.Nanosecond, false)
		}
	case "io.debezium.time.Time", "org.apache.kafka.connect.data.Time":
		if t == kusto.Timespan {
			return span(10_000, 1)
		}
	case "io.debezium.time.MicroTime", "io.debezium.time.MicroDuration":
		if t == kusto.Timespan {
			return span(10, 1)
		}
	case "io.debezium.time.NanoTime", "io.debezium.time.NanoDuration":
		if t == kusto.Timespan {
			return span(1, 100)
		}
	case "io.debezium.data.Json":
		if t == kusto.Dynamic {
			return jsonText
		}
	}
	return nil
}

// decimalFrom reads the two's complement bytes of decimal.handling.mode=precise.
func decimalFrom(scale int, t kusto.ColumnType) conversion {
	return func(dst, v []byte) ([]byte, string) {
		if v[0] != '"' {
			return append(dst, v...), refusal(t, v) // decimal.format=NUMERIC
		}
		raw, err := base64.StdEncoding.DecodeString(string(v[1 : len(v)-1]))
		if err != nil || len(raw) == 0 {
			return dst, "it is not the base64 of a decimal"
		}
		return appendDecimal(dst, raw, scale, t)
	}
}

func variableDecimal(t kusto.ColumnType) conversion {
	return func(dst, v []byte) ([]byte, string) {
		var d struct {
			Scale int    `json:"scale"`
			Value []byte `json:"value"`
		}
		if json.Unmarshal(v, &d) != nil || len(d.Value) == 0 {
			return dst, "it is no decimal of variable scale"
		}
		return appendDecimal(dst, d.Value, d.Scale, t)
	}
}

// maxScale bounds what a hostile scale can make of a few bytes; PostgreSQL's numeric has at most
// 16383 digits after the point.
const maxScale = 16383

// maxUnscaled is how many bytes the unscaled value of a decimal may have: more digits than PostgreSQL's numeric has.
const maxUnscaled = 64 << 10

func appendDecimal(dst, twosComplement []byte, scale int, t kusto.ColumnType) ([]byte, string) {
	if scale < -maxScale || scale > maxScale {
		return dst, "its scale is out of range"
	}
	if len(twosComplement) > maxUnscaled {
		return dst, "it has more digits than a decimal can have"
	}
	n := new(big.Int).SetBytes(twosComplement)
	if twosComplement[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(twosComplement))))
	}
	digits := n.Append(nil, 10)
	text := make([]byte, 0, len(digits)+max(scale, -scale)+4)
	text = append(text, '"')
	if digits[0] == '-' {
		text, digits = append(text, '-'), digits[1:]
	}
	switch {
	case scale <= 0:
		text = append(text, digits...)
		for range -scale {
			text = append(text, '0')
		}
	case len(digits) > scale:
		text = append(append(append(text, digits[:len(digits)-scale]...), '.'), digits[len(digits)-scale:]...)
	default:
		text = append(text, '0', '.')
		for range scale - len(digits) {
			text = append(text, '0')
		}
		text = append(text, digits...)
	}
	text = append(text, '"')
	return append(dst, text...), refusal(t, text)
}

// The years 1 to 9999, in seconds since 1970.
const minSecond, maxSecond = -62135596800, 253402300799

// epoch reads a count of units since 1970-01-01 UTC.
func epoch(unit time.Duration, dateOnly bool) conversion {
	return func(dst, v []byte) ([]byte, string) {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return append(dst, v...), refusal(kusto.DateTime, v)
		}
		var seconds, nanos int64
		if unit >= time.Second {
			factor := int64(unit / time.Second)
			if n > maxSecond/factor || n < minSecond/factor {
				return dst, "the date is not between the years 1 and 9999"
			}
			seconds = n * factor
		} else {
			per := int64(time.Second / unit)
			seconds = n / per
			rest := n % per
			if rest < 0 {
				seconds, rest = seconds-1, rest+per
			}
			nanos = rest * int64(unit)
		}
		if seconds < minSecond || seconds > maxSecond {
			return dst, "the date is not between the years 1 and 9999"
		}
		layout := `"2006-01-02T15:04:05.999999999Z"`
		if dateOnly {
			layout = `"2006-01-02T00:00:00Z"`
		}
		return time.Unix(seconds, nanos).UTC().AppendFormat(dst, layout), ""
	}
}

// countRefusal says why a mapping's transform would make no date of a count of units since 1970,
// which it takes as a number or as its text; empty if it makes one.
func countRefusal(unit time.Duration, v []byte) string {
	if isNull(v) {
		return ""
	}
	n, err := strconv.ParseFloat(string(plainText(v)), 64)
	if err != nil {
		return "it is no count of time since 1970"
	}
	if seconds := n * unit.Seconds(); seconds < minSecond || seconds > maxSecond+1 {
		return "the date is not between the years 1 and 9999"
	}
	return ""
}

// span reads a count of units of mul/div ticks (a tick is 100 ns) as a time span.
func span(mul, div int64) conversion {
	return func(dst, v []byte) ([]byte, string) {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return append(dst, v...), refusal(kusto.Timespan, v)
		}
		if mul > 1 && (n > (1<<63-1)/mul || n < -(1<<63-1)/mul) {
			return dst, "the time span is out of range"
		}
		ticks := n * mul / div
		dst = append(dst, '"')
		if ticks < 0 {
			dst, ticks = append(dst, '-'), -ticks
		}
		pad := func(n int64, width int) {
			s := strconv.FormatInt(n, 10)
			for range width - len(s) {
				dst = append(dst, '0')
			}
			dst = append(dst, s...)
		}
		const second = 10_000_000
		if days := ticks / (86400 * second); days > 0 {
			pad(days, 1)
			dst = append(dst, '.')
		}
		pad(ticks/(3600*second)%24, 2)
		dst = append(dst, ':')
		pad(ticks/(60*second)%60, 2)
		dst = append(dst, ':')
		pad(ticks/second%60, 2)
		if fraction := ticks % second; fraction != 0 {
			dst = append(dst, '.')
			pad(fraction, 7)
		}
		return append(dst, '"'), ""
	}
}

// jsonText writes the JSON that a string holds.
func jsonText(dst, v []byte) ([]byte, string) {
	text, ok := unquote(v)
	if !ok || !json.Valid(text) {
		return dst, "the text is not JSON"
	}
	if len(text) > maxString {
		return dst, "Kusto would store null for a dynamic value over 1 MiB"
	}
	return append(dst, text...), ""
}
