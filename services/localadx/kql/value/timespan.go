package value

import (
	"math"
	"strconv"
	"strings"
)

// timespanUnits are the suffixes of a timespan literal such as 1.5h, in ticks.
var timespanUnits = map[string]int64{
	"d": Day, "day": Day, "days": Day,
	"h": Hour, "hr": Hour, "hrs": Hour, "hour": Hour, "hours": Hour,
	"m": Minute, "min": Minute, "minute": Minute, "minutes": Minute,
	"s": Second, "sec": Second, "second": Second, "seconds": Second,
	"ms": Millisecond, "milli": Millisecond, "millis": Millisecond, "millisec": Millisecond, "millisecond": Millisecond,
	"milliseconds": Millisecond,
	"micro":        Microsecond, "micros": Microsecond, "microsec": Microsecond, "microsecond": Microsecond,
	"microseconds": Microsecond,
	"tick":         1, "ticks": 1,
}

// TimespanUnit returns the ticks of a timespan literal's suffix ("h", "min", "tick").
func TimespanUnit(suffix string) (ticks int64, ok bool) {
	ticks, ok = timespanUnits[suffix]
	return ticks, ok
}

// ParseTimespan reads [-][d.]hh:mm[:ss[.fffffff]], a number of days, or a literal such as 90m.
func ParseTimespan(s string) (ticks int64, ok bool) {
	s = strings.TrimSpace(s)
	text := s
	sign := int64(1)
	if strings.HasPrefix(text, "-") {
		sign, text = -1, text[1:]
	}
	if text == "" {
		return 0, false
	}
	if !strings.Contains(text, ":") {
		return parseUnitTimespan(sign, text)
	}
	parts := strings.Split(text, ":")
	if len(parts) > 4 {
		return 0, false
	}
	var days int64
	if d, rest, found := strings.Cut(parts[0], "."); found {
		n, err := strconv.ParseInt(d, 10, 32)
		if err != nil {
			return 0, false
		}
		days, parts[0] = n, rest
	} else if len(parts) == 4 {
		n, err := strconv.ParseInt(parts[0], 10, 32)
		if err != nil {
			return 0, false
		}
		days, parts = n, parts[1:]
	}
	if days < 0 || days > math.MaxInt64/Day {
		return 0, false
	}
	hours, err := strconv.ParseUint(parts[0], 10, 16)
	if err != nil || hours > 23 {
		return 0, false
	}
	minutes, err := strconv.ParseUint(parts[1], 10, 16)
	if err != nil || minutes > 59 {
		return 0, false
	}
	ticks = days*Day + int64(hours)*Hour + int64(minutes)*Minute
	if len(parts) == 3 {
		whole, frac, hasFrac := strings.Cut(parts[2], ".")
		seconds, err := strconv.ParseUint(whole, 10, 16)
		if err != nil || seconds > 59 {
			return 0, false
		}
		ticks += int64(seconds) * Second
		if hasFrac {
			r := &isoReader{text: frac}
			f, ok := r.fraction()
			if !ok || !r.done() {
				return 0, false
			}
			ticks += f
		}
	}
	if ticks < 0 { // the sum was beyond the range
		return 0, false
	}
	return sign * ticks, true
}

func parseUnitTimespan(sign int64, text string) (int64, bool) {
	end := len(text)
	if text[0] == '-' || text[0] == '+' {
		return 0, false
	}
	for end > 0 && (text[end-1] < '0' || text[end-1] > '9') && text[end-1] != '.' {
		end--
	}
	unit := Day
	if suffix := strings.TrimSpace(text[end:]); suffix != "" {
		var ok bool
		if unit, ok = TimespanUnit(suffix); !ok {
			return 0, false
		}
	}
	n, err := strconv.ParseFloat(text[:end], 64)
	if err != nil {
		return 0, false
	}
	ticks := math.Round(n * float64(unit))
	if math.Abs(ticks) >= math.MaxInt64 {
		return 0, false
	}
	return sign * int64(ticks), true
}

// AppendTimespan appends [-][d.]hh:mm:ss[.fffffff].
func AppendTimespan(b []byte, ticks int64) []byte {
	rest := uint64(ticks)
	if ticks < 0 {
		b = append(b, '-')
		rest = -rest
	}
	if days := rest / uint64(Day); days > 0 {
		b = strconv.AppendUint(b, days, 10)
		b = append(b, '.')
	}
	rest %= uint64(Day)
	b = appendTwo(b, rest/uint64(Hour))
	b = append(b, ':')
	b = appendTwo(b, rest/uint64(Minute)%60)
	b = append(b, ':')
	b = appendTwo(b, rest/uint64(Second)%60)
	if frac := rest % uint64(Second); frac != 0 {
		b = appendFraction(b, int64(frac))
	}
	return b
}

func appendTwo(b []byte, n uint64) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// FormatTimespan returns the text form of a timespan, as AppendTimespan.
func FormatTimespan(ticks int64) string { return string(AppendTimespan(nil, ticks)) }
