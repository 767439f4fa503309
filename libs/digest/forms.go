package digest

import (
	"fmt"
	"slices"
)

// Encoding is how the rows of events represent a column's values. It follows from the column's type
// and the connector's configuration (time.precision.mode, decimal.handling.mode,
// binary.handling.mode, interval.handling.mode).
type Encoding string

const (
	// Plain is PostgreSQL's own text of the value.
	Plain Encoding = "text"
	// Whole is a whole number, Truth true or false.
	Whole Encoding = "integer"
	Truth Encoding = "boolean"
	// Double and Float are numbers of 64 and 32 bits; a Float has as many digits as tell it from its
	// neighbours.
	Double Encoding = "double"
	Float  Encoding = "float"
	// Days to Nanoseconds are whole numbers: the time since 1970-01-01 UTC or since midnight, or the
	// length of an interval.
	Days         Encoding = "days"
	Milliseconds Encoding = "milliseconds"
	Microseconds Encoding = "microseconds"
	Nanoseconds  Encoding = "nanoseconds"
	// ISO is the text of ISO 8601.
	ISO Encoding = "iso8601"
	// Number is a Kafka Connect Decimal whose schema the records carry, so that the sink knows its
	// scale; without a schema it is Unscaled: base64, or a JSON number.
	Number   Encoding = "decimal"
	Unscaled Encoding = "unscaled"
	// Base64 to Hex are bytes written as text.
	Base64    Encoding = "base64"
	Base64URL Encoding = "base64url"
	Hex       Encoding = "hex"
	// List is an array of whole numbers, or of true and false.
	List Encoding = "array"
)

// Form is a canonical text that both stores can write for a column's values.
type Form string

const (
	// Text is the text that the events hold.
	Text Form = "text"
	// Integer is the whole number that the events hold, in decimal.
	Integer Form = "integer"
	// Boolean is true or false.
	Boolean Form = "boolean"
	// Timestamp is 2006-01-02 15:04:05.000000 in UTC, Date is 2006-01-02.
	Timestamp Form = "timestamp"
	Date      Form = "date"
	// Duration is a length of time such as 1d36000000000: whole days, rounded down, and the rest in
	// units of 100 ns.
	Duration Form = "duration"
	// Real is a number of 64 bits such as -4503599627370497p-52: its significand as a whole number,
	// and the power of two by which it is multiplied, both of which the stores find without rounding.
	// Zero has no sign. Single is the number of 32 bits that is nearest to the target's value.
	Real   Form = "real"
	Single Form = "single"
	// Decimal is a number with Column.Scale digits after the point, as its floor and the rest in units
	// of the last digit: -3.75 for -2.25.
	Decimal Form = "decimal"
)

// maxDigits is how many decimal digits always fit in 64 bits.
const maxDigits = 18

// FormOf returns the form in which a column of the source and its copy, whose Kusto type is given,
// are compared. The error says why they cannot be compared: texts that the stores write differently
// are not compared.
func FormOf(c DescribedColumn, kusto string) (Form, error) {
	if c.Withheld != "" {
		return "", fmt.Errorf("%s", c.Withheld)
	}
	if f, ok := formOf(c, kusto); ok {
		return f, nil
	}
	return "", fmt.Errorf("%s, %s in events, and %s have no text in common that both stores write alike", c.Type,
		spoken(c.Encoding), kusto)
}

func spoken(e Encoding) string {
	switch e {
	case Number, Unscaled:
		return "a decimal"
	case Double, Float:
		return "a floating-point number"
	case List:
		return "an array"
	case Whole:
		return "a whole number"
	}
	return string(e)
}

func formOf(c DescribedColumn, kusto string) (Form, bool) {
	in := func(f Form, types ...string) (Form, bool) { return f, slices.Contains(types, kusto) }
	temporal := map[string]Form{"date": Date, "timestamp": Timestamp, "timestamptz": Timestamp}[c.Type]
	switch c.Encoding {
	case Whole:
		return in(Integer, "int", "long", "string")
	case Truth:
		return in(Boolean, "bool", "string")
	case Double:
		return in(Real, "real")
	case Float:
		return in(Single, "real")
	case Base64, Base64URL, Hex:
		return in(Text, "string")
	case List:
		return in(Text, "dynamic")
	case Plain, Number, Unscaled:
		if c.Type == "numeric" {
			return numericForm(c, kusto)
		}
		switch {
		case kusto == "string", kusto == "guid" && slices.Contains([]string{"uuid", "text", "varchar"}, c.Type):
			return Text, true
		case slices.Contains([]string{"text", "varchar", "citext"}, c.Type):
			return in(Timestamp, "datetime")
		}
	case ISO:
		if kusto == "datetime" {
			return temporal, temporal != ""
		}
		return in(Text, "string")
	case Days, Milliseconds, Microseconds, Nanoseconds:
		switch {
		case kusto == "datetime":
			return temporal, temporal != ""
		case kusto == "timespan":
			return Duration, temporal == ""
		}
		return in(Integer, "int", "long", "string")
	}
	return "", false
}

// numericForm returns the form of a numeric. Its declared digits decide what both stores can
// compute without rounding.
func numericForm(c DescribedColumn, kusto string) (Form, bool) {
	declared := c.Precision > 0 && c.Scale >= 0 && c.Scale <= c.Precision
	switch kusto {
	case "real":
		return Real, true
	case "string":
		return Text, c.Encoding != Unscaled
	case "decimal":
		return Decimal, declared && c.Scale <= maxDigits && c.Precision-c.Scale <= maxDigits
	case "int", "long":
		return Integer, declared && c.Scale == 0 && c.Precision <= maxDigits
	}
	return "", false
}
