package value

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Lengths of time in ticks of 100 ns.
const (
	Microsecond int64 = 10
	Millisecond       = 1000 * Microsecond
	Second            = 1000 * Millisecond
	Minute            = 60 * Second
	Hour              = 60 * Minute
	Day               = 24 * Hour
)

// UnixEpoch is 1970-01-01T00:00:00Z in ticks.
const UnixEpoch int64 = 621355968000000000

// MaxDatetime is the last tick of the year 9999.
const MaxDatetime int64 = 3155378975999999999

// TicksOf returns t as ticks; digits below 100 ns are cut off.
func TicksOf(t time.Time) int64 { return UnixEpoch + t.Unix()*Second + int64(t.Nanosecond()/100) }

// TimeOf returns the UTC time ticks stand for.
func TimeOf(ticks int64) time.Time {
	rel := ticks - UnixEpoch
	sec := rel / Second
	rest := rel % Second
	if rest < 0 {
		sec--
		rest += Second
	}
	return time.Unix(sec, rest*100).UTC()
}

// AppendDatetime appends the RFC 3339 form of ticks that query answers carry: the fraction without
// trailing zeroes, up to seven digits.
func AppendDatetime(b []byte, ticks int64) []byte {
	t := TimeOf(ticks)
	b = t.AppendFormat(b, "2006-01-02T15:04:05")
	if frac := ticks % Second; frac != 0 {
		b = bytes.TrimRight(appendFraction(b, frac), "0")
	}
	return append(b, 'Z')
}

// FormatDatetime returns what tostring(datetime) gives: always seven fractional digits.
func FormatDatetime(ticks int64) string {
	b := TimeOf(ticks).AppendFormat(make([]byte, 0, 28), "2006-01-02T15:04:05")
	b = appendFraction(b, ticks%Second)
	return string(append(b, 'Z'))
}

// appendFraction appends ".fffffff".
func appendFraction(b []byte, frac int64) []byte {
	if frac < 0 {
		frac += Second
	}
	digits := strconv.FormatInt(frac, 10)
	b = append(b, '.')
	for i := len(digits); i < 7; i++ {
		b = append(b, '0')
	}
	return append(b, digits...)
}

// datetimeLayouts are the forms ParseDatetime takes after the ISO 8601 family, which it reads by hand.
var datetimeLayouts = []string{
	"1/2/2006 15:04:05.9999999", "1/2/2006 15:04", "1/2/2006 3:04:05 PM", "1/2/2006 3:04 PM", "1/2/2006",
	"1-2-2006 15:04:05", "1-2-2006 15:04", "1-2-2006",
	"Mon, 2 Jan 2006 15:04:05 MST", "Mon, 02 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 06 15:04:05 MST",
	"2 Jan 2006 15:04:05", "2 Jan 2006", "Monday, 02-Jan-06 15:04:05 MST", "Mon Jan 2 15:04:05 2006",
	"January 2, 2006 15:04:05", "January 2, 2006", "Jan 2, 2006", "Jan 2, 2006 15:04:05",
	"2006/1/2 15:04:05.9999999", "2006/1/2 15:04", "2006/1/2", "2006.01.02 15:04:05", "2006.01.02",
	"1/2/2006 3:04:05.9999999 PM", "2 January 2006",
}

// ParseDatetime reads a datetime in any of the forms Kusto's todatetime() and ingestion take: ISO 8601 with a date of
// year, year and month, or all three; a time after 'T' or a space, to the minute, second or fraction; a zone of Z or
// ±hh:mm (none means UTC); and the RFC 822, RFC 850 and month-first forms. It reports false for anything else.
func ParseDatetime(s string) (ticks int64, ok bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, false
	}
	if ticks, ok := parseISODatetime(s); ok {
		return ticks, true
	}
	for _, layout := range datetimeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return inRange(TicksOf(t))
		}
	}
	return 0, false
}

func inRange(ticks int64) (int64, bool) { return ticks, ticks >= 0 && ticks <= MaxDatetime }

// isoReader reads the digits of an ISO 8601 text from left to right.
type isoReader struct {
	text string
	at   int
}

// number reads between min and max digits.
func (r *isoReader) number(min, max int) (n int, ok bool) {
	start := r.at
	for r.at < len(r.text) && r.at-start < max && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
		n = n*10 + int(r.text[r.at]-'0')
		r.at++
	}
	return n, r.at-start >= min
}

func (r *isoReader) skip(chars string) bool {
	if r.at < len(r.text) && strings.IndexByte(chars, r.text[r.at]) >= 0 {
		r.at++
		return true
	}
	return false
}

func (r *isoReader) done() bool { return r.at == len(r.text) }

// fraction reads digits after a point into ticks; digits beyond the seventh are dropped.
func (r *isoReader) fraction() (ticks int64, ok bool) {
	start, unit := r.at, Second
	for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
		unit /= 10
		ticks += int64(r.text[r.at]-'0') * unit
		r.at++
	}
	return ticks, r.at > start
}

func parseISODatetime(s string) (int64, bool) {
	r := &isoReader{text: s}
	year, ok := r.number(4, 4)
	if !ok || year < 1 {
		return 0, false
	}
	month, day := 1, 1
	if !r.done() {
		compact := !r.skip("-")
		if month, ok = r.number(1+b2i(compact), 2); !ok {
			return 0, false
		}
		if !r.done() {
			if !compact && !r.skip("-") {
				return 0, false
			}
			if day, ok = r.number(1+b2i(compact), 2); !ok {
				return 0, false
			}
		}
	}
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	ticks := TicksOf(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC))
	if r.done() {
		return ticks, true
	}
	if !r.skip("Tt ") {
		return 0, false
	}
	clock, ok := r.clock()
	if !ok {
		return 0, false
	}
	offset, ok := r.zone()
	if !ok || !r.done() {
		return 0, false
	}
	return inRange(ticks + clock - offset)
}

// clock reads hh[:mm[:ss[.fffffff]]].
func (r *isoReader) clock() (int64, bool) {
	for r.skip(" ") {
	}
	hour, ok := r.number(1, 2)
	if !ok || hour > 24 {
		return 0, false
	}
	var minute, second int
	var frac int64
	if r.skip(":") {
		if minute, ok = r.number(1, 2); !ok || minute > 59 {
			return 0, false
		}
		if r.skip(":") {
			if second, ok = r.number(1, 2); !ok || second > 59 {
				return 0, false
			}
			if r.skip(".,") {
				if frac, ok = r.fraction(); !ok {
					return 0, false
				}
			}
		}
	}
	rest := strings.TrimSpace(r.text[r.at:])
	switch strings.ToUpper(rest) {
	case "AM", "PM":
		if hour < 1 || hour > 12 {
			return 0, false
		}
		hour %= 12
		if strings.EqualFold(rest, "PM") {
			hour += 12
		}
		r.at = len(r.text)
	}
	return int64(hour)*Hour + int64(minute)*Minute + int64(second)*Second + frac, true
}

// zone reads nothing, Z, or ±hh[:]mm, and returns what to take off to get UTC.
func (r *isoReader) zone() (int64, bool) {
	for r.skip(" ") {
	}
	if r.done() || r.skip("Zz") {
		return 0, true
	}
	sign := int64(1)
	switch {
	case r.skip("-"):
		sign = -1
	case !r.skip("+"):
		return 0, false
	}
	hours, ok := r.number(2, 2)
	if !ok {
		return 0, false
	}
	r.skip(":")
	minutes, _ := r.number(0, 2)
	return sign * (int64(hours)*Hour + int64(minutes)*Minute), true
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
