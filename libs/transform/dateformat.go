package transform

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// dateFormat is a pattern of Java's SimpleDateFormat, in UTC and English. It reads as leniently as
// Java: a field may exceed its range, such as minute 75, and text after the last field is ignored.
type dateFormat []dateField

// dateField is a run of one letter, or text that stands for itself.
type dateField struct {
	letter  byte // 0 for text
	count   int
	literal string
}

// dateLetters are the supported letters. The meaning of the others depends on the machine's
// language.
const dateLetters = "yMdDHkKhmsSEauZXz"

// numeric reports whether the field is written in digits.
func (f dateField) numeric() bool {
	return strings.IndexByte("ydDHkKhmsSu", f.letter) >= 0 && f.letter != 0 || f.letter == 'M' && f.count < 3
}

func parseDateFormat(pattern string) (dateFormat, error) {
	var format dateFormat
	literal := func(text string) {
		if n := len(format); n > 0 && format[n-1].letter == 0 {
			format[n-1].literal += text
		} else {
			format = append(format, dateField{literal: text})
		}
	}
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'' && strings.HasPrefix(pattern[i+1:], "'"):
			literal("'")
			i += 2
		case c == '\'':
			text, n, ok := quotation(pattern[i+1:])
			if !ok {
				return nil, fmt.Errorf("a quote in the date pattern %.200q does not end", pattern)
			}
			literal(text)
			i += 1 + n
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := i
			for n < len(pattern) && pattern[n] == c {
				n++
			}
			if strings.IndexByte(dateLetters, c) < 0 || c == 'X' && n-i > 3 || n-i > longestField {
				return nil, fmt.Errorf("%.20q in the date pattern %.200q is not supported", pattern[i:n], pattern)
			}
			format = append(format, dateField{letter: c, count: n - i})
			i = n
		default:
			literal(pattern[i : i+1])
			i++
		}
	}
	return format, nil
}

// longestField bounds the letters of a field, since each is written as at least one digit.
const longestField = 50

// quotation returns the text up to the closing quote, with each pair of quotes as one, and the
// length read.
func quotation(rest string) (text string, n int, ok bool) {
	for n < len(rest) {
		if rest[n] != '\'' {
			text += rest[n : n+1]
			n++
			continue
		}
		if n+1 < len(rest) && rest[n+1] == '\'' {
			text += "'"
			n += 2
			continue
		}
		return text, n + 1, true
	}
	return "", 0, false
}

func (f dateFormat) format(t time.Time) string {
	var out strings.Builder
	year, month, day, yearDay := civil(t)
	for _, field := range f {
		number := func(n int) { fmt.Fprintf(&out, "%0*d", field.count, n) }
		switch field.letter {
		case 0:
			out.WriteString(field.literal)
		case 'y':
			if field.count == 2 {
				number(year % 100)
			} else {
				number(year)
			}
		case 'M':
			switch {
			case field.count > 3:
				out.WriteString(month.String())
			case field.count == 3:
				out.WriteString(month.String()[:3])
			default:
				number(int(month))
			}
		case 'd':
			number(day)
		case 'D':
			number(yearDay)
		case 'H':
			number(t.Hour())
		case 'k':
			number((t.Hour()+23)%24 + 1)
		case 'K':
			number(t.Hour() % 12)
		case 'h':
			number((t.Hour()+11)%12 + 1)
		case 'm':
			number(t.Minute())
		case 's':
			number(t.Second())
		case 'S':
			number(t.Nanosecond() / int(time.Millisecond))
		case 'u':
			number((int(t.Weekday())+6)%7 + 1)
		case 'E':
			if name := t.Weekday().String(); field.count > 3 {
				out.WriteString(name)
			} else {
				out.WriteString(name[:3])
			}
		case 'a':
			out.WriteString(t.Format("PM"))
		case 'Z':
			out.WriteString("+0000")
		case 'X':
			out.WriteString("Z")
		case 'z':
			if field.count > 3 {
				out.WriteString("Coordinated Universal Time")
			} else {
				out.WriteString("UTC")
			}
		}
	}
	return out.String()
}

// gregorian is when Java's calendar changes from the Julian to the Gregorian one.
var gregorian = time.Date(1582, 10, 15, 0, 0, 0, 0, time.UTC)

// julianEpoch is the Julian day number of 1970-01-01.
const julianEpoch = 2440588

// civil returns the date of a time in Java's calendar.
func civil(t time.Time) (year int, month time.Month, day, yearDay int) {
	if !t.Before(gregorian) {
		return t.Year(), t.Month(), t.Day(), t.YearDay()
	}
	days := int(floorDiv(t.Unix(), 24*60*60))
	c := days + julianEpoch + 32082
	d := (4*c + 3) / 1461
	e := c - 1461*d/4
	m := (5*e + 2) / 153
	year, month, day = d-4800+m/10, time.Month(m+3-12*(m/10)), e-(153*m+2)/5+1
	return year, month, day, days - julianDays(year, 1, 1) + 1
}

// julianDays returns the days from 1970 to a date in the Julian calendar. month and day may be out
// of range and then run over.
func julianDays(year, month, day int) int {
	years := floorDiv(int64(month-1), 12)
	year, month = year+int(years), month-12*int(years)
	a := (14 - month) / 12
	y, m := year+4800-a, month+12*a-3
	return day + (153*m+2)/5 + 365*y + int(floorDiv(int64(y), 4)) - 32083 - julianEpoch
}

// parsedDate collects the fields read so far.
type parsedDate struct {
	year, month, day             int
	hour, minute, second, millis int
	byYearDay, afternoon         bool // byYearDay: the day counts from the beginning of the year
	offset                       time.Duration
}

func (f dateFormat) parse(text string) (time.Time, error) {
	d := parsedDate{year: 1970, month: 1, day: 1}
	rest := text
	for i, field := range f {
		ok := false
		if field.letter == 0 {
			rest, ok = strings.CutPrefix(rest, field.literal)
		} else {
			width := 0
			if field.numeric() && i+1 < len(f) && f[i+1].numeric() {
				width = field.count
			}
			rest, ok = d.read(field, strings.TrimLeft(rest, " \t"), width)
		}
		if !ok {
			return time.Time{}, fmt.Errorf("the time %.200q does not fit the format", text)
		}
	}
	if d.afternoon {
		d.hour += 12
	}
	if d.byYearDay {
		d.month = 1
	}
	at := time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.second, 0, time.UTC)
	if time.Date(d.year, time.Month(d.month), d.day, 0, 0, 0, 0, time.UTC).Before(gregorian) {
		at = time.Date(1970, 1, 1+julianDays(d.year, d.month, d.day), d.hour, d.minute, d.second, 0, time.UTC)
	}
	return at.Add(time.Duration(d.millis)*time.Millisecond - d.offset), nil
}

// read reads a field from the beginning of text; width is how many digits it has, 0 for all of
// them.
func (d *parsedDate) read(field dateField, text string, width int) (rest string, ok bool) {
	name := func(names ...string) (at int, rest string, ok bool) {
		for at, full := range names {
			for _, form := range []string{full, full[:min(len(full), 3)]} {
				if len(text) >= len(form) && strings.EqualFold(text[:len(form)], form) {
					return at, text[len(form):], true
				}
			}
		}
		return 0, text, false
	}
	switch {
	case field.letter == 'M' && !field.numeric():
		at, rest, ok := name("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
			"November", "December")
		d.month = at + 1
		return rest, ok
	case field.letter == 'E':
		_, rest, ok := name("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
		return rest, ok
	case field.letter == 'a':
		at, rest, ok := name("AM", "PM")
		d.afternoon = at == 1
		return rest, ok
	case strings.IndexByte("ZXz", field.letter) >= 0:
		return d.zone(text)
	}
	n, rest, ok := leadingNumber(text, width)
	if !ok {
		return text, false
	}
	digits := len(text) - len(rest)
	switch field.letter {
	case 'y':
		if d.year = n; field.count <= 2 && digits == 2 && n >= 0 {
			d.year = inCentury(n, time.Now().Year())
		}
	case 'M':
		d.month = n
	case 'd':
		d.day = n
	case 'D':
		d.day, d.byYearDay = n, true
	case 'H':
		d.hour = n
	case 'k':
		if d.hour = n; n == 24 {
			d.hour = 0
		}
	case 'K':
		d.hour = n
	case 'h':
		if d.hour = n; n == 12 {
			d.hour = 0
		}
	case 'm':
		d.minute = n
	case 's':
		d.second = n
	case 'S':
		d.millis = n
	}
	return rest, true
}

// inCentury returns the year with these last two digits that is at most 20 years after now and less
// than 80 before.
func inCentury(n, now int) int {
	year := now - now%100 + n
	switch {
	case year > now+20:
		return year - 100
	case year <= now-80:
		return year + 100
	}
	return year
}

func leadingNumber(text string, width int) (n int, rest string, ok bool) {
	end := 0
	if width == 0 && strings.HasPrefix(text, "-") {
		end = 1
	}
	for end < len(text) && text[end] >= '0' && text[end] <= '9' && (width == 0 || end < width) {
		end++
	}
	n, err := strconv.Atoi(text[:end])
	if err != nil || n > mostNumber || n < -mostNumber {
		return 0, text, false
	}
	return n, text[end:], true
}

// mostNumber bounds a field, so that sums of fields cannot overflow.
const mostNumber = 1 << 31

// zone reads the offset of a time zone: Z, UTC, GMT, +01, +0100 or +01:00.
func (d *parsedDate) zone(text string) (rest string, ok bool) {
	for _, name := range []string{"Coordinated Universal Time", "UTC", "GMT", "Z"} {
		if after, found := strings.CutPrefix(text, name); found {
			text, ok = after, true
			break
		}
	}
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return text, ok
	}
	hours, _, wrong := leadingNumber(text[1:], 2)
	if !wrong {
		return text, ok
	}
	rest = text[3:]
	minutes, after, found := leadingNumber(strings.TrimPrefix(rest, ":"), 2)
	if found {
		rest = after
	}
	d.offset = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if text[0] == '-' {
		d.offset = -d.offset
	}
	return rest, true
}

// floorDiv divides and rounds down, for negative numbers too.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
