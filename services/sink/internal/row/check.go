package row

import (
	"bytes"
	"strconv"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

// maxString is the size above which Kusto cuts a string off, and makes a dynamic null, without an error: 1 MiB
// (learn.microsoft.com, data-explorer/ingest-invalid-data).
const maxString = 1 << 20

// refusal says why Kusto would not keep a value as it is; empty if it keeps it. The texts are
// constant, so checking costs no allocation.
func refusal(t kusto.ColumnType, v []byte) string {
	if isNull(v) {
		return ""
	}
	if t == kusto.String || t == kusto.Dynamic {
		return refusalOf(t, v, false)
	}
	text, quoted := v, false
	switch v[0] {
	case '"':
		text, quoted = v[1:len(v)-1], true
		if bytes.IndexByte(text, '\\') >= 0 {
			unescaped, ok := unquote(v)
			if !ok {
				return "the string is not valid JSON"
			}
			text = unescaped
		}
		if len(text) == 0 {
			return "" // Kusto reads an empty text as null for every type but string, which is what an absent value is
		}
	case '{', '[':
		return "an object or array fits only a dynamic or string column"
	}
	return refusalOf(t, text, quoted)
}

// refusalOf is refusal for a value's text, without its quotes if it was quoted.
func refusalOf(t kusto.ColumnType, text []byte, quoted bool) string {
	switch t {
	case kusto.String:
		if len(text) > maxString {
			return "Kusto would cut the string off at 1 MiB"
		}
	case kusto.Dynamic:
		if len(text) > maxString {
			return "Kusto would store null for a dynamic value over 1 MiB"
		}
	case kusto.Int:
		if !integer(text, 10, "2147483647") {
			return "it is no whole number within 32 bits"
		}
	case kusto.Long:
		if !integer(text, 19, "9223372036854775807") {
			return "it is no whole number within 64 bits"
		}
	case kusto.Real:
		if !number(text) {
			return "it is no number"
		}
	case kusto.Decimal:
		if digits, ok := decimalDigits(text); !ok {
			return "it is no decimal number"
		} else if digits > 34 {
			return "it has more than the 34 digits of a decimal"
		}
	case kusto.Bool:
		switch string(bytes.ToLower(text)) {
		case "true", "false", "0", "1":
		default:
			return "it is neither true nor false"
		}
	case kusto.DateTime:
		if !quoted {
			return "a number is no date unless the value's schema says its unit, or the mapping transforms it"
		}
		if !datetime(text) {
			return "it is no date between the years 1 and 9999 that Kusto reads"
		}
	case kusto.Timespan:
		if !quoted || !timespan(text) {
			return "it is no time span of the form d.hh:mm:ss.fffffff"
		}
	case kusto.GUID:
		if !guid(text) {
			return "it is no GUID"
		}
	}
	return ""
}

// integer reports whether text is a whole number whose absolute value is at most limit, which has n digits.
func integer(text []byte, n int, limit string) bool {
	digits, negative := text, false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		digits, negative = text[1:], text[0] == '-'
	}
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > n {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	if len(digits) < n || string(digits) <= limit {
		return true
	}
	// The smallest negative number is one further from zero.
	return negative && string(digits[:n-1]) == limit[:n-1] && digits[n-1] == limit[n-1]+1
}

func number(text []byte) bool {
	switch string(text) {
	case "NaN", "Infinity", "-Infinity", "inf", "-inf":
		return true
	}
	if len(text) > 0 && (text[0] >= '0' && text[0] <= '9' || text[0] == '-') {
		plain := true
		for _, c := range text[1:] {
			plain = plain && c >= '0' && c <= '9'
		}
		if plain && text[len(text)-1] != '-' && len(text) < 300 {
			return true
		}
	}
	_, err := strconv.ParseFloat(string(text), 64)
	return err == nil && !bytes.ContainsAny(text, "xX_")
}

// decimalDigits counts the significant digits of a decimal number.
func decimalDigits(text []byte) (int, bool) {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	digits, seen, leading := 0, false, true
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			seen = true
			if leading = leading && c == '0'; !leading {
				digits++
			}
		case c == '.':
			if bytes.IndexByte(text[i+1:], '.') >= 0 {
				return 0, false
			}
		case (c == 'e' || c == 'E') && seen:
			exponent, err := strconv.Atoi(string(text[i+1:]))
			return digits, err == nil && exponent > -6144 && exponent < 6144
		default:
			return 0, false
		}
	}
	return digits, seen
}

// datetime knows the ISO 8601 forms by sight and leaves others to the layouts that Kusto's documentation lists.
func datetime(s []byte) bool {
	if iso(s) {
		return true
	}
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04",
		"2006-01-02T15:04", "2006-01-02 15:04:05.999999999-07",
		time.RFC1123, time.RFC1123Z, time.RFC822, time.RFC822Z, time.RFC850, "Mon, 2 Jan 2006 15:04:05 MST",
		"2 Jan 2006 15:04:05", "2 Jan 06 15:04:05",
		"1/2/2006", "1/2/2006 15:04:05", "1/2/2006 3:04:05 PM", "20060102", "2006-01", "2006",
	} {
		if t, err := time.Parse(layout, string(s)); err == nil {
			year := t.UTC().Year()
			return year >= 1 && year <= 9999
		}
	}
	return false
}

// iso matches YYYY-MM-DD[(T| )HH:MM:SS[.f…][Z|±HH:MM]] with its ranges. Of the first and the last year it leaves
// times with an offset, which can lead out of what a date can be.
func iso(s []byte) bool {
	two := func(i int, hi byte) bool {
		a, b := s[i]-'0', s[i+1]-'0'
		return a <= 9 && b <= 9 && a*10+b <= hi
	}
	if len(s) < 10 || s[4] != '-' || s[7] != '-' || !two(0, 99) || !two(2, 99) || !two(5, 12) || !two(8, 31) {
		return false
	}
	if string(s[:4]) == "0000" || string(s[5:7]) == "00" || string(s[8:10]) == "00" {
		return false
	}
	if s[8] == '3' || string(s[5:10]) == "02-29" || string(s[5:10]) == "02-30" {
		// the ends of months are worth a real look
		if _, err := time.Parse("2006-01-02", string(s[:10])); err != nil {
			return false
		}
	}
	if len(s) == 10 {
		return true
	}
	if len(s) < 19 || s[10] != 'T' && s[10] != ' ' || s[13] != ':' || s[16] != ':' || !two(11, 23) ||
		!two(14, 59) || !two(17, 59) {
		return false
	}
	i := 19
	if i < len(s) && s[i] == '.' {
		for i++; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		}
		if i == 20 {
			return false
		}
	}
	switch len(s) - i {
	case 0:
		return true
	case 1:
		return s[i] == 'Z' || s[i] == 'z'
	case 6:
		if year := string(s[:4]); year == "0001" || year == "9999" {
			return false
		}
		return (s[i] == '+' || s[i] == '-') && s[i+3] == ':' && two(i+1, 14) && two(i+4, 59)
	}
	return false
}

// timespan matches [-][d.]hh:mm[:ss[.f…]], or a number of days, within the range of a time span.
func timespan(s []byte) bool {
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	days, clock, found := bytes.Cut(s, []byte("."))
	switch {
	case bytes.IndexByte(s, ':') < 0:
		return unsigned(s, maxDays)
	case !found || bytes.IndexByte(days, ':') >= 0:
		days, clock = []byte("0"), s
	}
	if !unsigned(days, maxDays) {
		return false
	}
	clock, fraction, found := bytes.Cut(clock, []byte("."))
	if found && !unsigned(fraction, "999999999") {
		return false
	}
	parts := bytes.Split(clock, []byte(":"))
	if len(parts) < 2 || len(parts) > 3 || found && len(parts) < 3 {
		return false
	}
	limits := []string{"23", "59", "59"}
	for i, part := range parts {
		if len(part) > 2 || !unsigned(part, limits[i]) {
			return false
		}
	}
	return string(days) != maxDays || withinLastDay(parts, fraction)
}

// maxDays and maxClock are the days of the longest time span, and what of a day it has beyond them, in ticks.
const (
	maxDays  = "10675199"
	maxClock = 2*36_000_000_000 + 48*600_000_000 + 5*10_000_000 + 477_5807
)

// withinLastDay reports whether the clock of a span of maxDays still is within a time span's range.
func withinLastDay(parts [][]byte, fraction []byte) bool {
	ticks := 0
	for i, unit := range []int{36_000_000_000, 600_000_000, 10_000_000}[:len(parts)] {
		n, _ := strconv.Atoi(string(parts[i]))
		ticks += n * unit
	}
	n, _ := strconv.Atoi(string((append(bytes.Clone(fraction), "0000000"...))[:7]))
	return ticks+n <= maxClock
}

// unsigned reports whether text is a whole number without a sign that is at most limit.
func unsigned(text []byte, limit string) bool {
	return len(text) > 0 && text[0] >= '0' && text[0] <= '9' && integer(text, len(limit), limit)
}

func guid(s []byte) bool {
	if len(s) == 38 && s[0] == '{' && s[37] == '}' {
		s = s[1:37]
	}
	if len(s) == 32 {
		return hexOnly(s)
	}
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	return hexOnly(s[:8]) && hexOnly(s[9:13]) && hexOnly(s[14:18]) && hexOnly(s[19:23]) && hexOnly(s[24:])
}

func hexOnly(s []byte) bool {
	for _, c := range s {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}
