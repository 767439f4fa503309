package pgdigest

import (
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/record"
)

// Describe returns how the events of a connector represent a column, before transforms.
func Describe(r debezium.Representation, cfg *debezium.Config) digest.DescribedColumn {
	c := digest.DescribedColumn{Name: r.Column.Name, Type: r.Base.Name, Field: r.Field, Withheld: r.Withheld}
	if c.Withheld == "" && r.Column.Generated {
		c.Withheld = "PostgreSQL does not stream generated columns"
	}
	if c.Withheld != "" {
		return c
	}
	switch {
	case c.Type == "money":
		c.Withheld = "what the text of a money means depends on the server's lc_monetary"
	case r.Schema.Type == record.Array:
		c.Encoding = listOf(r)
	case strings.HasPrefix(r.Schema.Name, "io.debezium.time."), r.Schema.Name == record.DateName,
		r.Schema.Name == record.TimeName, r.Schema.Name == record.TimestampName:
		c.Encoding = temporal[r.Schema.Name[strings.LastIndexByte(r.Schema.Name, '.')+1:]]
		if c.Type == "timestamptz" {
			c.Scale = fractionDigits(r.TypeMod)
		}
	case c.Type == "numeric":
		describeNumeric(&c, r, cfg)
	case c.Type == "bytea":
		c.Encoding = map[debezium.BinaryMode]digest.Encoding{debezium.BinaryBase64URLSafe: digest.Base64URL,
			debezium.BinaryHex: digest.Hex}[cfg.Binary]
		if c.Encoding == "" {
			c.Encoding = digest.Base64
		}
	case c.Type == "hstore":
		c.Withheld = "the order of an hstore's pairs in events is that of Java's hashes"
	default:
		c.Encoding = scalars[r.Schema.Type]
	}
	if c.Encoding == "" && c.Withheld == "" {
		c.Withheld = "PostgreSQL does not write values of type " + r.Column.Type.Name + " as events hold them"
	}
	return c
}

// scalars are the encodings of Kafka Connect's types unless the schema's name says otherwise.
// Strings in events are PostgreSQL's text, with the exceptions that Describe knows.
var scalars = map[record.Type]digest.Encoding{
	record.Boolean: digest.Truth, record.Int16: digest.Whole, record.Int32: digest.Whole, record.Int64: digest.Whole,
	record.Float32: digest.Float, record.Float64: digest.Double, record.String: digest.Plain,
}

// temporal are the encodings of the types in io.debezium.time and of Kafka Connect's own types, by
// the last part of their names.
var temporal = map[string]digest.Encoding{
	"Date": digest.Days, "Time": digest.Milliseconds, "Timestamp": digest.Milliseconds,
	"MicroTime": digest.Microseconds, "MicroTimestamp": digest.Microseconds, "MicroDuration": digest.Microseconds,
	"NanoTime": digest.Nanoseconds, "NanoTimestamp": digest.Nanoseconds,
	"IsoDate": digest.ISO, "IsoTime": digest.ISO, "IsoTimestamp": digest.ISO, "ZonedTime": digest.ISO,
	"ZonedTimestamp": digest.ISO, "Interval": digest.ISO,
}

// fractionDigits returns how many digits of a second's fraction a timestamptz has in events.
func fractionDigits(mod int32) int {
	if mod >= 0 && mod <= 6 {
		return int(mod)
	}
	return 6
}

// listOf returns the encoding of arrays whose elements all JSON writers write alike.
func listOf(r debezium.Representation) digest.Encoding {
	if r.Base.Elem != nil && slices.Contains([]string{"int2", "int4", "int8", "bool"}, r.Base.Elem.Name) {
		return digest.List
	}
	return ""
}

func describeNumeric(c *digest.DescribedColumn, r debezium.Representation, cfg *debezium.Config) {
	c.Scale = -1
	if r.TypeMod >= 4 { // PostgreSQL's numeric.c: the precision above 16 bits, of which 11 are the scale with its sign
		mod := r.TypeMod - 4
		c.Precision, c.Scale = int(mod>>16), int(mod&0x7FF^1024)-1024
	}
	switch {
	case r.Schema.Type == record.Float64:
		c.Encoding = digest.Double
	case c.Precision > 0 && c.Scale < 0:
		c.Withheld = "events take its negative scale for a positive one, as Debezium does"
	case r.Schema.Type == record.String:
		c.Encoding = digest.Plain
	default:
		c.Encoding = digest.Number
		if j, isJSON := cfg.Value.(*record.JSON); isJSON && (!j.Schemas || j.Decimals == record.DecimalNumeric) {
			c.Encoding = digest.Unscaled
		}
	}
}
