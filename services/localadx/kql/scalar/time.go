package scalar

import (
	"math"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // containers without a time zone database still know the zones

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// times are the datetime and timespan functions that need a calendar or a format.
func times() []Function {
	return []Function{
		define("format_datetime(datetime, string) string@",
			func(a []any) any { return formatTime(a[0].(int64), a[1].(string)) }),
		define("format_timespan(timespan, string) string@",
			func(a []any) any { return formatSpan(a[0].(int64), a[1].(string)) }),
		define("datetime_add(string, long, datetime) datetime", datetimeAdd),
		define("datetime_diff(string, datetime, datetime) long", datetimeDiff),
		define("datetime_part(string, datetime) long", datetimePart),
		define("week_of_year(datetime) long", func(a []any) any {
			_, week := value.TimeOf(a[0].(int64)).ISOWeek()
			return int64(week)
		}),
		define("datetime_utc_to_local(datetime, string) datetime", utcToLocal),
		define("datetime_local_to_utc(datetime, string) datetime", localToUTC),
		define("make_datetime(long, long, long, long?, long?, real?) datetime", makeDatetime),
		define("make_datetime(string) datetime", func(a []any) any { return orNil(value.ParseDatetime(a[0].(string))) }),
		define("make_timespan(long, long) timespan", makeTimespan),
		define("make_timespan(long, long, real) timespan", makeTimespan),
		define("make_timespan(long, long, long, real) timespan", makeTimespan),
		define("session_starts(dynamic, timespan, timespan) dynamic", sessionStarts),
	}
}

// run is how many equal bytes a format begins with.
func run(format string) int {
	n := 1
	for n < len(format) && format[n] == format[0] {
		n++
	}
	return n
}

// formatTime writes a datetime by a .NET-like format: y M d h H m s f F t, single letters without padding.
func formatTime(ticks int64, format string) string {
	t := value.TimeOf(ticks)
	var out strings.Builder
	for i := 0; i < len(format); {
		c, n := format[i], run(format[i:])
		i += n
		switch c {
		case 'y':
			if n <= 2 {
				pad(&out, int64(t.Year()%100), n)
			} else {
				pad(&out, int64(t.Year()), n)
			}
		case 'M':
			pad(&out, int64(t.Month()), n)
		case 'd':
			pad(&out, int64(t.Day()), n)
		case 'h':
			hour := t.Hour() % 12
			if hour == 0 {
				hour = 12
			}
			pad(&out, int64(hour), n)
		case 'H':
			pad(&out, int64(t.Hour()), n)
		case 'm':
			pad(&out, int64(t.Minute()), n)
		case 's':
			pad(&out, int64(t.Second()), n)
		case 'f', 'F':
			out.WriteString(fraction(ticks, n, c == 'F'))
		case 't':
			half := "AM"
			if t.Hour() >= 12 {
				half = "PM"
			}
			out.WriteString(half[:min(n, 2)])
		default:
			out.WriteString(strings.Repeat(string(c), n))
		}
	}
	return out.String()
}

// pad writes n with at least width digits.
func pad(out *strings.Builder, n int64, width int) {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits); i < width; i++ {
		out.WriteByte('0')
	}
	out.WriteString(digits)
}

// fraction returns the first n of the seven digits behind the second; optional digits lose their trailing zeroes.
func fraction(ticks int64, n int, optional bool) string {
	digits := strconv.FormatInt(value.Second+((ticks%value.Second)+value.Second)%value.Second, 10)[1:]
	for len(digits) < n {
		digits += "0"
	}
	digits = digits[:n]
	if optional {
		digits = strings.TrimRight(digits, "0")
	}
	return digits
}

// formatSpan writes a timespan: d h H m s f F.
func formatSpan(ticks int64, format string) string {
	var out strings.Builder
	rest := ticks
	if rest < 0 {
		out.WriteByte('-')
		rest = -rest
	}
	for i := 0; i < len(format); {
		c, n := format[i], run(format[i:])
		i += n
		switch c {
		case 'd':
			pad(&out, rest/value.Day, n)
		case 'h', 'H':
			pad(&out, rest/value.Hour%24, n)
		case 'm':
			pad(&out, rest/value.Minute%60, n)
		case 's':
			pad(&out, rest/value.Second%60, n)
		case 'f', 'F':
			out.WriteString(fraction(rest, n, c == 'F'))
		default:
			out.WriteString(strings.Repeat(string(c), n))
		}
	}
	return out.String()
}

// fixedParts are the parts of fixed length, in ticks.
var fixedParts = map[string]int64{
	"week": 7 * value.Day, "day": value.Day, "hour": value.Hour, "minute": value.Minute, "second": value.Second,
	"millisecond": value.Millisecond, "microsecond": value.Microsecond,
}

func datetimeAdd(a []any) any {
	part, n, ticks := strings.ToLower(a[0].(string)), a[1].(int64), a[2].(int64)
	months := map[string]int64{"month": 1, "quarter": 3, "year": 12}
	switch {
	case part == "nanosecond":
		return ticks + n/100
	case months[part] != 0:
		if n > 20000*12 || n < -20000*12 {
			return nil
		}
		return addMonths(ticks, int(n*months[part]))
	case fixedParts[part] != 0:
		return ticks + n*fixedParts[part]
	}
	return nil
}

// addMonths keeps the day of the month, or takes the last day of a shorter month.
func addMonths(ticks int64, months int) any {
	t := value.TimeOf(ticks)
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	if first.Year() < 1 || first.Year() > 9999 {
		return nil
	}
	moved := time.Date(first.Year(), first.Month(), min(t.Day(), last), 0, 0, 0, 0, time.UTC)
	return value.TicksOf(moved) + ticks%value.Day
}

// datetimeDiff counts the boundaries crossed from the second to the first datetime.
func datetimeDiff(a []any) any {
	part, x, y := strings.ToLower(a[0].(string)), a[1].(int64), a[2].(int64)
	tx, ty := value.TimeOf(x), value.TimeOf(y)
	years, months := int64(tx.Year()-ty.Year()), int64(tx.Month())-int64(ty.Month())
	switch part {
	case "year":
		return years
	case "quarter":
		return years*4 + (int64(tx.Month())-1)/3 - (int64(ty.Month())-1)/3
	case "month":
		return years*12 + months
	case "week":
		week := func(t int64) int64 { return (t/value.Day + 1) / 7 }
		return week(x) - week(y)
	case "nanosecond":
		return (x - y) * 100
	}
	if unit := fixedParts[part]; unit != 0 {
		return x/unit - y/unit
	}
	return nil
}

func datetimePart(a []any) any {
	ticks := a[1].(int64)
	t := value.TimeOf(ticks)
	frac := ticks % value.Second
	switch strings.ToLower(a[0].(string)) {
	case "year":
		return int64(t.Year())
	case "quarter":
		return (int64(t.Month())-1)/3 + 1
	case "month":
		return int64(t.Month())
	case "week_of_year", "weekofyear":
		_, week := t.ISOWeek()
		return int64(week)
	case "day":
		return int64(t.Day())
	case "dayofyear", "day_of_year":
		return int64(t.YearDay())
	case "hour":
		return int64(t.Hour())
	case "minute":
		return int64(t.Minute())
	case "second":
		return int64(t.Second())
	case "millisecond":
		return frac / value.Millisecond
	case "microsecond":
		return frac / value.Microsecond
	case "nanosecond":
		return frac * 100
	}
	return nil
}

func utcToLocal(a []any) any {
	zone, err := time.LoadLocation(a[1].(string))
	if err != nil {
		return nil
	}
	ticks := a[0].(int64)
	_, offset := value.TimeOf(ticks).In(zone).Zone()
	return ticks + int64(offset)*value.Second
}

// localToUTC reads a wall clock. A time that a clock change skips counts as the moment of the change.
func localToUTC(a []any) any {
	zone, err := time.LoadLocation(a[1].(string))
	if err != nil {
		return nil
	}
	ticks := a[0].(int64)
	t := value.TimeOf(ticks)
	local := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
	_, offset := local.Zone()
	utc := ticks - int64(offset)*value.Second
	if back := value.TimeOf(utc).In(zone); back.Hour() != t.Hour() || back.Minute() != t.Minute() {
		_, before := local.Add(-3 * time.Hour).Zone()
		_, after := local.Add(3 * time.Hour).Zone()
		utc = ticks - int64(max(before, after))*value.Second
	}
	return utc
}

func makeDatetime(a []any) any {
	get := func(i int) int64 {
		if i < len(a) {
			return a[i].(int64)
		}
		return 0
	}
	year, month, day, hour, minute := get(0), get(1), get(2), get(3), get(4)
	second := 0.0
	if len(a) > 5 {
		second = a[5].(float64)
	}
	if year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 ||
		minute > 59 || second < 0 || second >= 60 {
		return nil
	}
	t := time.Date(int(year), time.Month(month), int(day), int(hour), int(minute), 0, 0, time.UTC)
	if t.Day() != int(day) {
		return nil
	}
	return value.TicksOf(t) + int64(math.Round(second*float64(value.Second)))
}

// makeTimespan takes [days,] hours, minutes [, seconds].
func makeTimespan(a []any) any {
	var days int64
	if len(a) == 4 {
		days, a = a[0].(int64), a[1:]
	}
	hours, minutes, seconds := a[0].(int64), a[1].(int64), 0.0
	if len(a) == 3 {
		seconds = a[2].(float64)
	}
	if days < 0 || hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || !(seconds >= 0 && seconds < 60) {
		return nil
	}
	return days*value.Day + hours*value.Hour + minutes*value.Minute + int64(math.Round(seconds*float64(value.Second)))
}

// sessionStarts gives each of a run of times, in ticks, the time of the first of its session: one ends by distance from
// its first, and by distance from the one before. A null belongs to the session of the one before it.
func sessionStarts(a []any) any {
	values := list(a[0])
	fromFirst, between := a[1].(int64), a[2].(int64)
	starts := make([]any, len(values))
	var start, previous int64
	started := false
	for i, v := range values {
		if t, ok := v.(int64); ok {
			if !started || t-start > fromFirst || t-previous > between {
				start = t
			}
			previous, started = t, true
		}
		if started {
			starts[i] = start
		}
	}
	return starts
}
