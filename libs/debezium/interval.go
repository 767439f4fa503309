package debezium

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/record"
)

// daysPerMonth is the average with which Debezium computes.
const daysPerMonth = 365.25 / 12.0

// interval is the codec of interval.
func (k *compiler) interval() codec {
	if k.cfg.Interval == IntervalString {
		return codec{schema: timeSchema(record.String, "Interval"), fallback: "P0Y0M0DT0H0M0S",
			encode: plain(k.out, func(dst, text []byte) ([]byte, error) {
				v, err := parseInterval(text)
				if err != nil {
					return dst, err
				}
				return v.appendISO(dst), nil
			})}
	}
	out := k.out
	return codec{schema: timeSchema(record.Int64, "MicroDuration"), fallback: int64(0),
		encode: func(dst, text []byte) ([]byte, error) {
			v, err := parseInterval(text)
			if err != nil {
				return dst, err
			}
			return out.integer(dst, v.micros()), nil
		}}
}

// span is an interval in the fields of the JDBC driver's PGInterval. Each part has its own sign.
type span struct {
	years, months, days, hours, minutes int64
	seconds                             float64
}

// parseInterval reads an interval as PostgreSQL prints it with IntervalStyle postgres: "1 year 2
// mons -3 days +04:05:06.7".
func parseInterval(text []byte) (v span, err error) {
	rest := text
	for len(rest) > 0 {
		var word []byte
		word, rest, _ = bytes.Cut(rest, []byte{' '})
		if bytes.IndexByte(word, ':') >= 0 {
			if err := v.clock(word); err != nil || len(rest) > 0 {
				return v,
					fmt.Errorf("%q is not an interval in PostgreSQL's style; set intervalstyle = postgres for the connector's role", text)
			}
			return v, nil
		}
		n, nerr := strconv.ParseInt(string(word), 10, 64)
		word, rest, _ = bytes.Cut(rest, []byte{' '})
		switch string(word) {
		case "year", "years":
			v.years = n
		case "mon", "mons":
			v.months = n
		case "day", "days":
			v.days = n
		default:
			nerr = strconv.ErrSyntax
		}
		if nerr != nil {
			return v,
				fmt.Errorf("%q is not an interval in PostgreSQL's style; set intervalstyle = postgres for the connector's role", text)
		}
	}
	return v, nil
}

// clock reads [+-]H:MM:SS[.f].
func (v *span) clock(word []byte) error {
	negative := word[0] == '-'
	if negative || word[0] == '+' {
		word = word[1:]
	}
	parts := bytes.Split(word, []byte{':'})
	if len(parts) != 3 {
		return strconv.ErrSyntax
	}
	var err error
	if v.hours, err = strconv.ParseInt(string(parts[0]), 10, 64); err != nil {
		return err
	}
	if v.minutes, err = strconv.ParseInt(string(parts[1]), 10, 64); err != nil {
		return err
	}
	s, err := strconv.ParseFloat(string(parts[2]), 64)
	if err != nil {
		return err
	}
	if negative {
		v.hours, v.minutes, s = -v.hours, -v.minutes, -s
	}
	whole := math.Trunc(s)
	v.seconds = whole + math.Floor((s-whole)*1e6+0.5)/1e6 // the driver keeps whole microseconds
	return nil
}

// micros returns the interval's length, computed in floating point as Debezium does. The
// conversions keep the compiler from fusing operations, which would change the rounding.
func (v span) micros() int64 {
	days := float64(float64(v.years*12+v.months)*daysPerMonth) + float64(v.days)
	hours := float64(days*24) + float64(v.hours)
	minutes := float64(hours*60) + float64(v.minutes)
	seconds := float64(minutes*60) + v.seconds
	micros := float64(seconds * 1e6)
	switch {
	case micros >= math.MaxInt64:
		return math.MaxInt64
	case micros <= math.MinInt64:
		return math.MinInt64
	}
	return int64(micros)
}

func (v span) appendISO(dst []byte) []byte {
	for _, part := range []struct {
		before string
		n      int64
		unit   byte
	}{{"P", v.years, 'Y'}, {"", v.months, 'M'}, {"", v.days, 'D'}, {"T", v.hours, 'H'}, {"", v.minutes, 'M'}} {
		dst = append(strconv.AppendInt(append(dst, part.before...), part.n, 10), part.unit)
	}
	return append(appendSeconds(dst, v.seconds), 'S')
}

// appendSeconds writes the digits that Java prints for the number, in plain notation, with the
// fraction cut to nine digits and without trailing zeros.
func appendSeconds(dst []byte, seconds float64) []byte {
	if seconds == 0 {
		return append(dst, '0')
	}
	var space [32]byte
	text := record.AppendFloat64(space[:0], seconds)
	if text[0] == '-' {
		dst = append(dst, '-')
		text = text[1:]
	}
	mantissa, exponent, scientific := bytes.Cut(text, []byte{'E'})
	if scientific { // below a thousandth
		n, _ := strconv.Atoi(string(exponent))
		plain := append([]byte("0."), bytes.Repeat([]byte{'0'}, -n-1)...)
		mantissa = append(append(plain, mantissa[0]), mantissa[2:]...)
	}
	if point := bytes.IndexByte(mantissa, '.'); len(mantissa)-point > 10 {
		mantissa = mantissa[:point+10]
	}
	return append(dst, bytes.TrimSuffix(bytes.TrimRight(mantissa, "0"), []byte{'.'})...)
}
