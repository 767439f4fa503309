package debezium

import (
	"fmt"
	"math"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/record"
)

const (
	secondsPerDay = 24 * 60 * 60
	microsPerSec  = 1000000
	microsPerDay  = secondsPerDay * microsPerSec
)

// The numbers that Debezium writes for infinite dates and timestamps. An infinite date that is read
// by SQL passes through java.sql.Date, which turns it into other numbers.
const (
	infinity, negativeInfinity = "infinity", "-infinity"

	infiniteMicros, negativeInfiniteMicros           = 9223372036825200000, -9223372036832400000
	infiniteDay, negativeInfiniteDay                 = -2147472692, -2147472691
	infiniteSnapshotDay, negativeInfiniteSnapshotDay = 106751991166, 106748361128 // 292278994-08-16, 292269055-12-02
)

// clockReader reads dates and times as PostgreSQL prints them with DateStyle ISO.
type clockReader struct {
	text []byte
	bad  bool
}

// number reads n digits, or all that follow if n is 0.
func (r *clockReader) number(n int) (v int64) {
	i := 0
	for ; i < len(r.text) && (n == 0 || i < n) && r.text[i] >= '0' && r.text[i] <= '9' && i < 9; i++ {
		v = v*10 + int64(r.text[i]-'0')
	}
	r.bad = r.bad || i == 0 || i < n
	r.text = r.text[i:]
	return v
}

// skip reads one character.
func (r *clockReader) skip(c byte) {
	if len(r.text) == 0 || r.text[0] != c {
		r.bad = true
		return
	}
	r.text = r.text[1:]
}

func (r *clockReader) has(c byte) bool { return len(r.text) > 0 && r.text[0] == c }

// era reads an optional " BC" at the end and reports whether it was there.
func (r *clockReader) era() bool {
	if string(r.text) == " BC" {
		r.text = nil
		return true
	}
	return false
}

// date reads a date without era.
func (r *clockReader) date() (year, month, day int64) {
	year = r.number(0)
	r.skip('-')
	month = r.number(2)
	r.skip('-')
	day = r.number(2)
	r.bad = r.bad || month < 1 || month > 12 || day < 1 || day > 31
	return
}

// time reads a time of day in microseconds.
func (r *clockReader) time() int64 {
	hour := r.number(2)
	r.skip(':')
	minute := r.number(2)
	r.skip(':')
	micros := ((hour*60+minute)*60 + r.number(2)) * microsPerSec
	if r.has('.') {
		r.text = r.text[1:]
		before := len(r.text)
		fraction := r.number(0)
		digits := before - len(r.text)
		r.bad = r.bad || digits > 6
		for ; digits < 6; digits++ {
			fraction *= 10
		}
		micros += fraction
	}
	r.bad = r.bad || micros > microsPerDay
	return micros
}

// offset reads a time zone as +HH, +HH:MM or +HH:MM:SS, in seconds.
func (r *clockReader) offset() int64 {
	negative := r.has('-')
	if !negative && !r.has('+') {
		r.bad = true
		return 0
	}
	r.text = r.text[1:]
	s := r.number(2) * 3600
	for unit := int64(60); unit > 0 && r.has(':'); unit /= 60 {
		r.text = r.text[1:]
		s += r.number(2) * unit
	}
	if negative {
		return -s
	}
	return s
}

// done returns an error if text was not read completely and correctly.
func (r *clockReader) done(text []byte) error {
	if r.bad || len(r.text) > 0 {
		return fmt.Errorf("%q is not a date or time in PostgreSQL's ISO style; set datestyle = ISO for the connector's role",
			text)
	}
	return nil
}

// days returns the days from the Unix epoch to a date in the proleptic Gregorian calendar.
func days(year, month, day int64) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*((month+9)%12)+2)/5 + day - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

// julianDays returns the days from the Unix epoch to a date in java.util's calendar, which is
// Julian before 1582-10-05. The ten days after that, which this calendar lacks, are treated as
// Gregorian; Java moves them.
func julianDays(year, month, day int64) int64 {
	if year > 1582 || year == 1582 && (month > 10 || month == 10 && day >= 5) {
		return days(year, month, day)
	}
	if month <= 2 {
		year--
	}
	cycle := floorDiv(year, 4)
	return cycle*1461 + (year-cycle*4)*365 + (153*((month+9)%12)+2)/5 + day - 1 - 719470
}

// civil is the inverse of days.
func civil(n int64) (year, month, day int64) {
	n += 719468
	era := floorDiv(n, 146097)
	dayOfEra := n - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	m := (5*dayOfYear + 2) / 153
	year, month, day = yearOfEra+era*400, (m+2)%12+1, dayOfYear-(153*m+2)/5+1
	if month <= 2 {
		year++
	}
	return
}

// moment is a point in time: seconds since the Unix epoch and microseconds from there, 0 to 999999.
type moment struct{ seconds, micros int64 }

// calendar turns a date into days since the Unix epoch.
type calendar func(year, month, day int64) int64

// parseTimestamp reads a finite timestamp, with a zone if zoned.
func parseTimestamp(text []byte, zoned bool, days calendar) (moment, error) {
	r := clockReader{text: text}
	year, month, day := r.date()
	r.skip(' ')
	t := r.time()
	shift := int64(0)
	if zoned {
		shift = r.offset()
	}
	if r.era() {
		year = 1 - year
	}
	return moment{days(year, month, day)*secondsPerDay + t/microsPerSec - shift, t % microsPerSec}, r.done(text)
}

// epochMicros returns the moment in microseconds as Java's TimeUnit computes it: beyond 64 bits the
// seconds saturate first.
func (m moment) epochMicros() int64 {
	if m.seconds > math.MaxInt64/microsPerSec {
		return math.MinInt64 + m.micros - 1
	}
	return m.seconds*microsPerSec + m.micros
}

func (m moment) epochMillis() int64 { return m.seconds*1000 + m.micros/1000 }

// epochNanos returns the moment in nanoseconds. It fails if those of the day's beginning or of the
// moment exceed 64 bits: before 1677-09-22 and after 2262-04-11 23:47:16.854775.
func (m moment) epochNanos() (int64, error) {
	const nanosPerDay = secondsPerDay * 1000000000
	day := floorDiv(m.seconds, secondsPerDay)
	if day < math.MinInt64/nanosPerDay || day > math.MaxInt64/nanosPerDay {
		return 0, errUnrepresentable
	}
	midnight, rest := day*nanosPerDay, (m.seconds-day*secondsPerDay)*1e9+m.micros*1000
	if midnight > math.MaxInt64-rest {
		return 0, errUnrepresentable
	}
	return midnight + rest, nil
}

func momentOfMicros(micros int64) moment {
	s := floorDiv(micros, microsPerSec)
	return moment{s, micros - s*microsPerSec}
}

// appendISO appends the moment in ISO 8601, in UTC, as java.time prints it: years outside 0 to 9999
// have a sign. The fraction has width digits, or as many as needed if width is 0.
func (m moment) appendISO(dst []byte, width int) []byte {
	day := floorDiv(m.seconds, secondsPerDay)
	dst = appendDate(dst, day)
	return appendTime(append(dst, 'T'), (m.seconds-day*secondsPerDay)*microsPerSec+m.micros, width)
}

func appendDate(dst []byte, day int64) []byte {
	year, month, d := civil(day)
	switch {
	case year < 0:
		dst = append(dst, '-')
		year = -year
	case year > 9999:
		dst = append(dst, '+')
	}
	dst = appendPadded(dst, year, 4)
	dst = appendPadded(append(dst, '-'), month, 2)
	return appendPadded(append(dst, '-'), d, 2)
}

func appendTime(dst []byte, micros int64, width int) []byte {
	s := micros / microsPerSec
	dst = appendPadded(dst, s/3600%24, 2)
	dst = appendPadded(append(dst, ':'), s/60%60, 2)
	dst = appendPadded(append(dst, ':'), s%60, 2)
	fraction := micros % microsPerSec
	switch {
	case width > 0:
		dst = appendPadded(append(dst, '.'), fraction, 6)
		dst = dst[:len(dst)-6+width]
	case fraction != 0:
		dst = appendPadded(append(dst, '.'), fraction, 6)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}

func appendPadded(dst []byte, v int64, width int) []byte {
	for ; width > 1 && v < pow10[width-1]; width-- {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, v, 10)
}

var pow10 = [...]int64{1, 10, 100, 1000, 10000, 100000, 1000000}

func timeSchema(t record.Type, name string) *record.Schema {
	return semantic(t, "io.debezium.time."+name)
}

// date is the codec of date.
func (k *compiler) date() codec {
	var c codec
	number := true
	switch k.cfg.Time {
	case TimeISOString:
		c = codec{schema: timeSchema(record.String, "IsoDate"), fallback: "1970-01-01Z"}
		number = false
	case TimeConnect:
		c = codec{schema: semantic(record.Int32, record.DateName), fallback: int32(0)}
	default:
		c = codec{schema: timeSchema(record.Int32, "Date"), fallback: int32(0)}
	}
	out := k.out
	write := func(dst []byte, day int64) []byte {
		if number {
			return out.integer(dst, int64(int32(day)))
		}
		from := len(dst)
		return out.shut(append(appendDate(out.open(dst), day), 'Z'), from)
	}
	c.encode = func(dst, text []byte) ([]byte, error) {
		if text[0] > '9' || text[0] == '-' {
			return appendInfinite(dst, text, func(positive bool) []byte {
				if positive {
					return write(dst, infiniteDay)
				}
				return write(dst, negativeInfiniteDay)
			})
		}
		r := clockReader{text: text}
		year, month, day := r.date()
		if r.era() {
			year = 1 - year
		}
		return write(dst, days(year, month, day)), r.done(text)
	}
	c.queried = func(dst, text []byte) ([]byte, error) {
		if text[0] > '9' || text[0] == '-' {
			return appendInfinite(dst, text, func(positive bool) []byte {
				if positive {
					return write(dst, infiniteSnapshotDay)
				}
				return write(dst, negativeInfiniteSnapshotDay)
			})
		}
		// java.sql.Date forgets the era.
		r := clockReader{text: text}
		year, month, day := r.date()
		r.era()
		return write(dst, days(year, month, day)), r.done(text)
	}
	c.guardEmpty()
	return c
}

// appendInfinite calls write for one of the two infinities.
func appendInfinite(dst, text []byte, write func(positive bool) []byte) ([]byte, error) {
	switch string(text) {
	case infinity:
		return write(true), nil
	case negativeInfinity:
		return write(false), nil
	}
	return dst, fmt.Errorf("%q is not a date or time", text)
}

// guardEmpty makes the codec refuse empty text, which is not a date or time.
func (c *codec) guardEmpty() {
	guard := func(f encodeFunc) encodeFunc {
		if f == nil {
			return nil
		}
		return func(dst, text []byte) ([]byte, error) {
			if len(text) == 0 {
				return dst, fmt.Errorf("the text of a date or time is empty")
			}
			return f(dst, text)
		}
	}
	c.encode, c.queried = guard(c.encode), guard(c.queried)
}

// time is the codec of time without zone.
func (k *compiler) time(mod int32) codec {
	read := func(text []byte) (int64, error) {
		r := clockReader{text: text}
		t := r.time()
		return t, r.done(text)
	}
	out := k.out
	integer := func(s *record.Schema, zero any, multiply, divide int64) codec {
		return codec{schema: s, fallback: zero, encode: func(dst, text []byte) ([]byte, error) {
			t, err := read(text)
			return out.integer(dst, t*multiply/divide), err
		}}
	}
	switch mode := k.cfg.Time; {
	case mode == TimeISOString:
		return codec{schema: timeSchema(record.String, "IsoTime"), fallback: "00:00:00Z",
			encode: plain(k.out, func(dst, text []byte) ([]byte, error) {
				t, err := read(text)
				return append(appendTime(dst, t, 0), 'Z'), err
			})}
	case mode == TimeConnect:
		return integer(semantic(record.Int32, record.TimeName), int32(0), 1, 1000)
	case mode == TimeNanoseconds:
		return integer(timeSchema(record.Int64, "NanoTime"), int64(0), 1000, 1)
	case (mode == TimeAdaptive || mode == "") && mod >= 0 && mod <= 3:
		return integer(timeSchema(record.Int32, "Time"), int32(0), 1, 1000)
	}
	return integer(timeSchema(record.Int64, "MicroTime"), int64(0), 1, 1)
}

// timetz is the codec of time with zone: the time in UTC.
func (k *compiler) timetz() codec {
	return codec{schema: timeSchema(record.String, "ZonedTime"), fallback: "00:00:00Z", encode: plain(k.out, appendTimetz)}
}

func appendTimetz(dst, text []byte) ([]byte, error) {
	t, err := parseTimetz(text)
	return append(appendTime(dst, t, 0), 'Z'), err
}

func parseTimetz(text []byte) (int64, error) {
	r := clockReader{text: text}
	t := r.time()
	t = (t - r.offset()*microsPerSec + 2*microsPerDay) % microsPerDay
	return t, r.done(text)
}

// timestamp is the codec of timestamp without zone, which counts as UTC.
func (k *compiler) timestamp(mod int32, days calendar) codec {
	write := func(s *record.Schema, finite func([]byte, moment) ([]byte, error),
		infinite func(dst []byte, positive bool) []byte, fallback any) codec {
		c := codec{schema: s, fallback: fallback, encode: func(dst, text []byte) ([]byte, error) {
			if text[0] > '9' || text[0] == '-' {
				return appendInfinite(dst, text, func(positive bool) []byte { return infinite(dst, positive) })
			}
			m, err := parseTimestamp(text, false, days)
			if err != nil {
				return dst, err
			}
			return finite(dst, m)
		}}
		c.guardEmpty()
		return c
	}
	likeFinite := func(finite func([]byte, moment) ([]byte, error)) func([]byte, bool) []byte {
		return func(dst []byte, positive bool) []byte {
			at := int64(negativeInfiniteMicros)
			if positive {
				at = infiniteMicros
			}
			dst, _ = finite(dst, momentOfMicros(at)) // both are in the range of every unit used here
			return dst
		}
	}
	out := k.out
	millis := func(dst []byte, m moment) ([]byte, error) { return out.integer(dst, m.epochMillis()), nil }
	micros := func(dst []byte, m moment) ([]byte, error) { return out.integer(dst, m.epochMicros()), nil }
	iso := func(dst []byte, m moment) ([]byte, error) {
		from := len(dst)
		return out.shut(append(m.appendISO(out.open(dst), 0), 'Z'), from), nil
	}
	nanos := func(dst []byte, m moment) ([]byte, error) {
		n, err := m.epochNanos()
		return out.integer(dst, n), err
	}
	switch mode := k.cfg.Time; {
	case mode == TimeISOString:
		return write(timeSchema(record.String, "IsoTimestamp"), iso, likeFinite(iso), "1970-01-01T00:00:00Z")
	case mode == TimeConnect:
		return write(semantic(record.Int64, record.TimestampName), millis, likeFinite(millis), int64(0))
	case mode == TimeNanoseconds:
		return write(timeSchema(record.Int64, "NanoTimestamp"), nanos, func(dst []byte, positive bool) []byte {
			if positive {
				return out.integer(dst, math.MaxInt64)
			}
			return out.integer(dst, math.MinInt64)
		}, int64(0))
	case mode != TimeMicroseconds && mod >= 0 && mod <= 3:
		return write(timeSchema(record.Int64, "Timestamp"), millis, likeFinite(millis), int64(0))
	}
	return write(timeSchema(record.Int64, "MicroTimestamp"), micros, likeFinite(micros), int64(0))
}

// fractionDigits returns how many digits a second's fraction has, by the type's modifier.
func fractionDigits(mod int32) int {
	if mod >= 0 && mod <= 6 {
		return int(mod)
	}
	return 6
}

// timestamptz is the codec of timestamp with zone: in every mode ISO 8601 in UTC, with as many
// digits of fraction as the column has.
func (k *compiler) timestamptz(mod int32) codec {
	width := fractionDigits(mod)
	c := codec{schema: timeSchema(record.String, "ZonedTimestamp"), fallback: "1970-01-01T00:00:00Z",
		encode: plain(k.out, func(dst, text []byte) ([]byte, error) {
			if text[0] > '9' || text[0] == '-' {
				return appendInfinite(dst, text, func(bool) []byte { return append(dst, text...) })
			}
			m, err := parseTimestamp(text, true, days)
			return append(m.appendISO(dst, width), 'Z'), err
		})}
	c.guardEmpty()
	return c
}
