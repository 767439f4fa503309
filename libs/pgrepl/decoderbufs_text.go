package pgrepl

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Ids of types whose values the plugin sends in a special form (pg_type.dat).
const (
	oidBytea       = 17
	oidMoney       = 790
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestampTZ = 1184
	oidInterval    = 1186
	oidTimeTZ      = 1266
)

// Days that the plugin sends for infinite dates: PostgreSQL's int32 limits, shifted with overflow
// by the days from 1970 to 2000.
const (
	dateInfinity    = math.MinInt32 + 10956
	dateMinInfinity = math.MinInt32 + 10957
)

// microsTo2000 are the microseconds from 1970 to 2000, PostgreSQL's epoch. The plugin adds them
// with overflow: times after 294247-01-10 turn into ones long before PostgreSQL's first year.
const microsTo2000 = 946684800_000_000

// appendText appends a value as PostgreSQL's text output.
func (c *decoderbufsDatum) appendText(b []byte) ([]byte, error) {
	switch c.field {
	case datumInt32:
		n := int64(int32(c.bits))
		if c.typ != oidDate {
			return strconv.AppendInt(b, n, 10), nil
		}
		switch n {
		case dateInfinity:
			return append(b, "infinity"...), nil
		case dateMinInfinity:
			return append(b, "-infinity"...), nil
		}
		return appendDate(b, time.Unix(n*86400, 0).UTC(), ""), nil
	case datumInt64:
		n := int64(c.bits)
		switch c.typ {
		case oidTimestamp, oidTimestampTZ:
			switch n {
			case math.MaxInt64:
				return append(b, "infinity"...), nil
			case math.MinInt64:
				return append(b, "-infinity"...), nil
			}
			since2000 := n - microsTo2000 // overflows where the plugin did, which undoes that
			clock := string(appendClock(nil, floorMod(since2000, 86400_000_000)))
			if c.typ == oidTimestampTZ {
				clock += "+00"
			}
			return appendDate(b, time.UnixMicro(since2000).UTC().Add(microsTo2000*time.Microsecond), " "+clock), nil
		case oidTime:
			return appendClock(b, n), nil
		case oidMoney:
			return appendMoney(b, n), nil
		}
		return strconv.AppendInt(b, n, 10), nil
	case datumFloat:
		return appendFloat(b, float64(math.Float32frombits(uint32(c.bits))), 32), nil
	case datumDouble:
		v := math.Float64frombits(c.bits)
		switch c.typ {
		case oidTimeTZ: // microseconds of the day in UTC
			return append(appendClock(b, floorMod(int64(v), 86400_000_000)), "+00"...), nil
		case oidInterval: // older versions: months are 30.4375 days
			if v < 0 {
				b, v = append(b, '-'), -v
			}
			return appendClock(b, int64(v)), nil
		}
		return appendFloat(b, v, 64), nil
	case datumBool:
		if c.bits != 0 {
			return append(b, 't'), nil
		}
		return append(b, 'f'), nil
	case datumBytes:
		return fmt.Appendf(b, `\x%x`, c.bytes), nil
	case datumPoint:
		return appendPoint(b, c.bytes)
	}
	return b, fmt.Errorf("value in unknown field %d", c.field)
}

func floorMod(n, m int64) int64 { return ((n % m) + m) % m }

// appendDate appends the date of t in ISO form, then rest, then BC for years before Christ.
func appendDate(b []byte, t time.Time, rest string) []byte {
	year, suffix := t.Year(), ""
	if year <= 0 {
		year, suffix = 1-year, " BC"
	}
	return fmt.Appendf(b, "%04d-%02d-%02d%s%s", year, int(t.Month()), t.Day(), rest, suffix)
}

// appendClock appends a number of microseconds as hours, minutes and seconds; hours may be 24 or
// more.
func appendClock(b []byte, us int64) []byte {
	s, frac := us/1e6, us%1e6
	b = fmt.Appendf(b, "%02d:%02d:%02d", s/3600, s/60%60, s%60)
	if frac != 0 {
		b = bytes.TrimRight(fmt.Appendf(b, ".%06d", frac), "0")
	}
	return b
}

// appendMoney appends an amount in hundredths; the sign comes first.
func appendMoney(b []byte, n int64) []byte {
	u := uint64(n)
	if n < 0 {
		b, u = append(b, '-'), -u
	}
	return fmt.Appendf(b, "%d.%02d", u/100, u%100)
}

func appendFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(b, "Infinity"...)
	case math.IsInf(v, -1):
		return append(b, "-Infinity"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}

// appendPoint appends (x,y) from a message Point.
func appendPoint(b, message []byte) ([]byte, error) {
	var xy [2]float64
	err := fields(message, func(n protowire.Number, bits uint64, _ []byte) {
		if n == 1 || n == 2 {
			xy[n-1] = math.Float64frombits(bits)
		}
	})
	b = appendFloat(append(b, '('), xy[0], 64)
	b = appendFloat(append(b, ','), xy[1], 64)
	return append(b, ')'), err
}
