package pgdigest

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/digest"
)

// sqlText returns the SQL expression for a column's canonical text; null stays null, or becomes the
// empty text. No expression fails for a value of its type: a comparison must not end at a row that
// cannot be compared.
//
// Numbers stand in quotes where they take the type of what is beside them: for two types that
// PostgreSQL has no operator for, one of a schema on the search_path would be taken.
func sqlText(c digest.Column) string {
	name := pgx.Identifier{c.Name}.Sanitize()
	switch c.Form {
	case digest.Integer:
		return integer(c, name)
	case digest.Boolean:
		if c.Type == "bool" {
			return name + "::text"
		}
		return "CASE " + name + "::text WHEN '1' THEN 'true' WHEN '0' THEN 'false' END"
	case digest.Date:
		return name + "::text"
	case digest.Timestamp:
		return timestamp(c, name)
	case digest.Duration:
		days, rest := floorDiv(micros(c, name), microsPerDay)
		return days + "::text || 'd' || (" + rest + " * '10')::text"
	case digest.Real:
		if c.Type == "numeric" {
			name = double(name)
		}
		return significand(name, "float8send", 64, 52)
	case digest.Single:
		return significand(name, "float4send", 32, 23)
	case digest.Decimal:
		return fmt.Sprintf(
			"CASE WHEN %[1]s::text ~ '[a-z]' THEN %[1]s::text ELSE floor(%[1]s)::text || '.' || ((%[1]s - floor(%[1]s)) * 1e%[2]d)::bigint::text END", name, c.Scale)
	case digest.Text:
	}
	return eventText(c, name)
}

// significand splits a floating-point number. Its bits are read from PostgreSQL's binary form: a
// sign, the exponent, and so many bits of the significand, which has a leading 1 unless the
// exponent is 0.
func significand(v, send string, width, bits int) string {
	word := fmt.Sprintf("('x' || encode(%s(%s), 'hex'))::bit(%d)::bigint", send, v, width)
	low, bias := int64(1)<<bits, 1<<(width-bits-2)-1+bits
	exponent := fmt.Sprintf("(%s >> %d & '%d')", word, bits, 1<<(width-bits-1)-1)
	return fmt.Sprintf(
		"CASE WHEN %[1]s IN ('NaN', 'Infinity', '-Infinity') THEN %[1]s::text WHEN %[1]s = '0' THEN '0' ELSE CASE WHEN %[1]s < '0' THEN '-' ELSE '' END"+
			" || ((%[2]s & '%[3]d') + CASE WHEN %[4]s = 0 THEN 0 ELSE %[5]d END)::text || 'p' || (greatest(%[4]s, 1) - %[6]d)::text END",
		v, word, low-1, exponent, low, bias)
}

// double converts a numeric to the nearest number of 64 bits. PostgreSQL itself refuses to convert
// numbers that are too great or too small.
func double(name string) string {
	return fmt.Sprintf(
		"CASE WHEN %[1]s::text ~ '[a-z]' THEN %[1]s::text WHEN abs(%[1]s) > 1.7976931348623158e308 THEN CASE WHEN %[1]s < '0' THEN '-Infinity' ELSE 'Infinity' END"+
			" WHEN abs(%[1]s) < 2.4703282292062328e-324 THEN '0' ELSE %[1]s::text END::float8", name)
}

// integer returns the whole number that the events hold.
func integer(c digest.Column, name string) string {
	switch {
	case c.Encoding == digest.Days:
		// Infinite dates have the numbers of streamed events (libs/debezium).
		return "CASE " + name + " WHEN 'infinity' THEN '-2147472692' WHEN '-infinity' THEN '-2147472691' ELSE (" + name +
			" - DATE '1970-01-01')::text END"
	case c.Type == "interval":
		v := intervalMicros(name)
		return fmt.Sprintf(
			"CASE WHEN %[1]s >= '9223372036854775807' THEN '9223372036854775807' WHEN %[1]s <= '-9223372036854775808' THEN '-9223372036854775808' ELSE trunc(%[1]s)::bigint::text END", v)
	case c.Type == "timestamp":
		return "CASE " + name + " WHEN 'infinity' THEN " + quoted(infinite(c.Encoding, true)) + " WHEN '-infinity' THEN " +
			quoted(infinite(c.Encoding, false)) +
			" ELSE " + units(c.Encoding, timestampMicros(name)) + "::text END"
	case c.Type == "time":
		return units(c.Encoding, timeMicros(name)) + "::text"
	case c.Type == "numeric":
		return name + "::text"
	}
	return name + "::bigint::text"
}

// infinite returns the number of an infinite timestamp in events (libs/debezium).
func infinite(e digest.Encoding, positive bool) string {
	switch {
	case e == digest.Milliseconds && positive:
		return "9223372036825200"
	case e == digest.Milliseconds:
		return "-9223372036832400"
	case e == digest.Microseconds && positive:
		return "9223372036825200000"
	case e == digest.Microseconds:
		return "-9223372036832400000"
	case positive:
		return "9223372036854775807"
	}
	return "-9223372036854775808"
}

const microsPerDay = 24 * 60 * 60 * 1000000

// floorDiv divides whole numbers of type numeric: it returns the quotient, rounded down, and the
// remainder.
func floorDiv(v string, by int64) (quotient, rest string) {
	rest = fmt.Sprintf("mod(mod(%s, '%d'::numeric) + '%[2]d', '%[2]d'::numeric)", v, by)
	return fmt.Sprintf("div(%s - %s, '%d'::numeric)", v, rest, by), rest
}

func quoted(text string) string { return "'" + text + "'" }

// units turns microseconds into the encoding's unit, as a whole number rounded down.
func units(e digest.Encoding, micros string) string {
	switch e {
	case digest.Milliseconds:
		quotient, _ := floorDiv(micros, 1000)
		return quotient
	case digest.Nanoseconds:
		return "(" + micros + " * '1000')"
	}
	return micros
}

// timestampMicros, timeMicros and intervalMicros return microseconds: whole numbers of type
// numeric, except for intervals.
func timestampMicros(name string) string {
	return "(extract(epoch FROM date_trunc('second', " + name +
		"))::bigint::numeric * '1000000' + (extract(microseconds FROM " + name + ")::bigint % '1000000')::numeric)"
}

func timeMicros(name string) string {
	return "(extract(epoch FROM " + name + ") * '1000000')::bigint::numeric"
}

// intervalMicros computes in floating point, with months of 365.25/12 days, in the same order as
// libs/debezium.
func intervalMicros(name string) string {
	part := func(field string) string { return "extract(" + field + " FROM " + name + ")::float8" }
	return "(((((" + part("year") + " * '12' + " + part("month") + ") * (365.25::float8 / '12') + " + part("day") +
		") * '24' + " + part("hour") + ") * '60' + " + part("minute") + ") * '60' + " +
		intervalSeconds(name) + ") * '1000000'"
}

// intervalSeconds returns the seconds of an interval in floating point: whole ones plus the
// fraction.
func intervalSeconds(name string) string {
	micros := "extract(microseconds FROM " + name + ")::bigint"
	return "((" + micros + " / '1000000')::float8 + (" + micros + " % '1000000')::float8 / '1000000')"
}

// micros returns a length of time in whole microseconds, as exact as in the events.
func micros(c digest.Column, name string) string {
	if c.Type == "interval" {
		return "(" + integer(c, name) + ")::numeric"
	}
	if c.Encoding == digest.Milliseconds {
		return "(" + units(c.Encoding, timeMicros(name)) + " * '1000')"
	}
	return timeMicros(name)
}

// timestamp returns a point in time, as exact as in the events.
func timestamp(c digest.Column, name string) string {
	const layout = "'YYYY-MM-DD HH24:MI:SS.US'"
	switch c.Type {
	case "timestamptz":
		return finite(name, "to_char("+name+" AT TIME ZONE 'UTC', "+layout+")")
	case "timestamp":
		exact := name
		if c.Encoding == digest.Milliseconds {
			exact = "date_trunc('milliseconds', " + name + ")"
		}
		return finite(name, "to_char("+exact+", "+layout+")")
	}
	// Text that ADX reads as a time. Other text is compared as it is, and differs.
	name += "::text"
	return "CASE WHEN " + name +
		` ~ '^\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01])([ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)?Z?$' THEN to_char(` +
		name + "::timestamp, " + layout + ") ELSE " + name + " END"
}

// finite returns text for finite times, and the names of infinite ones.
func finite(name, text string) string {
	return "CASE WHEN isfinite(" + name + ") THEN " + text + " ELSE " + name + "::text END"
}

// eventText returns the text that the events hold.
func eventText(c digest.Column, name string) string {
	switch c.Encoding {
	case digest.Base64:
		return base64(name)
	case digest.Base64URL:
		return "translate(" + base64(name) + ", '+/', '-_')"
	case digest.Hex:
		return "encode(" + name + ", 'hex')"
	case digest.List:
		return "pg_catalog.to_json(" + name + ")::text"
	case digest.ISO:
		return iso(c, name)
	case digest.Number: // without a declared scale, events have no trailing zeros
		if c.Scale < 0 {
			return withoutZeros(name + "::text")
		}
		return name + "::text"
	}
	switch c.Type {
	case "text", "varchar", "citext", "uuid", "json", "jsonb":
		return name + "::text"
	case "numeric":
		return "CASE " + name +
			"::text WHEN 'NaN' THEN 'NAN' WHEN 'Infinity' THEN 'POSITIVE_INFINITY' WHEN '-Infinity' THEN 'NEGATIVE_INFINITY' ELSE " + name + "::text END"
	}
	// the type's output; a cast would strip a char's padding and add a mask to an inet
	return "pg_catalog.format('%s', " + name + ")"
}

func base64(name string) string { return "replace(encode(" + name + ", 'base64'), chr(10), '')" }

func withoutZeros(text string) string {
	return "CASE WHEN strpos(" + text + ", '.') > 0 THEN rtrim(rtrim(" + text + ", '0'), '.') ELSE " + text + " END"
}

// iso returns ISO 8601 as java.time writes it.
func iso(c digest.Column, name string) string {
	switch c.Type {
	case "date":
		// As with whole days, infinities are those of streamed events. Dates reach further than
		// timestamps, so PostgreSQL's text is used, except before the year 1.
		return "CASE " + name +
			" WHEN 'infinity' THEN '-5877611-06-21' WHEN '-infinity' THEN '-5877611-06-22' ELSE CASE WHEN " + name +
			" < '0001-01-01' THEN " + isoDate(name+"::timestamp") +
			" WHEN " + name + " > '9999-12-31' THEN '+' || " + name + "::text ELSE " + name + "::text END END || 'Z'"
	case "time":
		return isoTime(name)
	case "timetz":
		return isoTime("(" + name + " AT TIME ZONE 'UTC')::time")
	case "timestamp":
		return "CASE " + name +
			" WHEN 'infinity' THEN '+294247-01-10T04:00:25.2Z' WHEN '-infinity' THEN '-290308-12-21T19:59:27.6Z' ELSE " +
			isoDate(name) + " || 'T' || " + name + "::time::text || 'Z' END"
	case "timestamptz":
		utc := "(" + name + " AT TIME ZONE 'UTC')"
		clock := "to_char(" + utc + ", 'HH24:MI:SS')"
		if c.Scale > 0 {
			clock = fmt.Sprintf("left(to_char(%s, 'HH24:MI:SS.US'), %d)", utc, len("HH:MM:SS.")+c.Scale)
		}
		return finite(name, isoDate(utc)+" || 'T' || "+clock+" || 'Z'")
	case "interval":
		part := func(field, unit string) string {
			return "extract(" + field + " FROM " + name + ")::bigint::text || '" + unit + "' || "
		}
		seconds := withoutZeros("trunc(" + intervalSeconds(name) + "::text::numeric, 9)::text")
		return "'P' || " + part("year", "Y") + part("month", "M") + part("day", "DT") + part("hour", "H") + part("minute",
			"M") + "(" + seconds + ") || 'S'"
	}
	return name + "::text"
}

// isoTime writes 24:00 as 00:00.
func isoTime(t string) string {
	return "CASE " + t + " WHEN '24:00:00' THEN '00:00:00' ELSE " + t + "::text END || 'Z'"
}

// isoDate writes the year before year 1 as 0, and a sign before years without exactly four digits.
func isoDate(v string) string {
	year := "extract(year FROM " + v + ")::bigint"
	return strings.NewReplacer("$v", v, "$year",
		year).Replace("CASE WHEN $year > 9999 THEN '+' || $year::text WHEN $year > 0 THEN lpad($year::text, 4, '0')" +
		" WHEN $year = -1 THEN '0000' ELSE '-' || lpad((-$year - 1)::text, greatest(4, length((-$year - 1)::text)), '0') END || to_char($v, '-MM-DD')")
}
