package poll

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/calypso-cdc/calypso/libs/record"
)

// column is a column of a source, with how its text becomes a value.
type column struct {
	name    string
	oid     uint32 // of the base type, if it is a domain's
	mod     int32
	notNull bool
	// neverNull is false for a column that is NOT NULL and may still have NULL (pgmodel.Column).
	neverNull bool
	declared  string // the type as format_type writes it; empty for the query's
	order     string // the schema of the operators that ORDER BY compares its values with
	sequence  bool   // it is an identity column, or its default takes numbers of a sequence

	schema *record.Schema
	value  func(text string) (any, error)
}

// compile chooses a column's schema and values as Confluent's PostgreSQL dialect does. Types that
// the dialect leaves out become text.
func (c *column) compile(set *spec) {
	integer := func(t record.Type, bits int, convert func(int64) any) {
		c.schema = record.Of(t)
		c.value = func(text string) (any, error) {
			n, err := strconv.ParseInt(text, 10, bits)
			return convert(n), err
		}
	}
	switch c.oid {
	case pgtype.BoolOID:
		c.schema = record.Of(record.Boolean)
		c.value = func(text string) (any, error) { return text == "t", nil }
	case pgtype.Int2OID:
		integer(record.Int16, 16, func(n int64) any { return int16(n) })
	case pgtype.Int4OID:
		integer(record.Int32, 32, func(n int64) any { return int32(n) })
	case pgtype.Int8OID, pgtype.OIDOID:
		integer(record.Int64, 64, func(n int64) any { return n })
	case pgtype.Float4OID:
		c.schema = record.Of(record.Float32)
		c.value = func(text string) (any, error) {
			f, err := strconv.ParseFloat(text, 32)
			return float32(f), err
		}
	case pgtype.Float8OID:
		c.double()
	case pgtype.NumericOID:
		c.numeric(set.forms.numeric, integer)
	case pgtype.ByteaOID:
		c.schema = record.Of(record.Bytes)
		c.value = func(text string) (any, error) { return decodeBytea(text) }
	case pgtype.DateOID:
		c.schema = &record.Schema{Type: record.Int32, Name: record.DateName, Version: 1}
		c.value = func(text string) (any, error) {
			t, err := time.Parse(time.DateOnly, text)
			return int32(floorDiv(t.Unix(), 86400)), err
		}
	case pgtype.TimeOID:
		c.schema = &record.Schema{Type: record.Int32, Name: record.TimeName, Version: 1}
		c.value = func(text string) (any, error) {
			t, err := time.Parse("15:04:05.999999", text)
			return int32((t.Hour()*3600+t.Minute()*60+t.Second())*1000 + t.Nanosecond()/1e6), err
		}
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		c.timestamp(set.forms.granularity)
	default:
		c.schema = record.Of(record.String)
		c.value = func(text string) (any, error) { return text, nil }
	}
}

func (c *column) double() {
	c.schema = record.Of(record.Float64)
	c.value = func(text string) (any, error) { return strconv.ParseFloat(text, 64) }
}

func (c *column) timestamp(form granularity) {
	unit := int64(1000)
	c.schema = &record.Schema{Type: record.Int64, Name: record.TimestampName, Version: 1}
	if form != connectTimestamps {
		c.schema, unit = record.Of(record.Int64), 1
	}
	c.value = func(text string) (any, error) {
		micros, err := parseTime(text)
		if form == nanoseconds {
			return micros * 1000, err
		}
		return floorDiv(micros, unit), err
	}
}

func (c *column) numeric(mapping numericMapping, integer func(record.Type, int, func(int64) any)) {
	if c.mod < 4 {
		c.schema = record.Of(record.String)
		c.value = func(text string) (any, error) { return text, nil }
		return
	}
	precision, scale := int((c.mod-4)>>16), int((c.mod-4)&0x7ff)
	if scale >= 1024 { // eleven bits with sign
		scale -= 2048
	}
	switch {
	case mapping != asDecimals && precision < 19 && scale == 0:
		switch {
		case precision > 9:
			integer(record.Int64, 64, func(n int64) any { return n })
		case precision > 4:
			integer(record.Int32, 32, func(n int64) any { return int32(n) })
		case precision > 2:
			integer(record.Int16, 16, func(n int64) any { return int16(n) })
		default:
			integer(record.Int8, 8, func(n int64) any { return int8(n) })
		}
		return
	case mapping == bestFit && precision < 19 && scale > 0:
		c.double()
		return
	}
	c.schema = &record.Schema{Type: record.Bytes, Name: record.DecimalName, Version: 1,
		Params: []record.Param{{Name: "scale", Value: strconv.Itoa(scale)}}}
	c.value = func(text string) (any, error) {
		d, err := record.ParseDecimal(text)
		if err != nil {
			return nil, err
		}
		for ; d.Scale < scale; d.Scale++ {
			d.Value = new(big.Int).Mul(d.Value, big.NewInt(10))
		}
		for ; d.Scale > scale; d.Scale-- { // only zeros are lost: the column has this scale
			d.Value = new(big.Int).Quo(d.Value, big.NewInt(10))
		}
		return d, nil
	}
}

func decodeBytea(text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, `\x`)
	if !ok {
		return nil, fmt.Errorf("bytea %.20q is not in hex form", text)
	}
	out := make([]byte, 0, len(digits)/2)
	for i := 0; i+1 < len(digits); i += 2 {
		n, err := strconv.ParseUint(digits[i:i+2], 16, 8)
		if err != nil {
			return nil, err
		}
		out = append(out, byte(n))
	}
	return out, nil
}

// parseTime reads a timestamp, with or without the zone UTC, as microseconds since the Unix epoch.
func parseTime(text string) (int64, error) {
	t, err := time.Parse("2006-01-02 15:04:05.999999", strings.TrimSuffix(text, "+00"))
	if err != nil {
		return 0, fmt.Errorf("timestamp %q is not one from year 1 to 9999", text)
	}
	return t.UnixMicro(), nil
}
