package debezium

import (
	"errors"

	"github.com/calypso-cdc/calypso/libs/record"
)

// codec writes values of one PostgreSQL type, given as text output, in a format.
type codec struct {
	// schema is the Connect schema of the values, as not optional and without default.
	schema *record.Schema
	// encode appends one streamed value.
	encode encodeFunc
	// verbatim is true if the value is the text itself.
	verbatim bool
	// masked replaces every value, NULL included; nil unless the column is masked.
	masked *string
	// rewritten is true if a column mapping masks, hashes or truncates values.
	rewritten bool
	// lost is true if streamed values are treated as NULL; encode is nil then.
	lost bool
	// queried is encode for rows read by SQL. While a codec is being made, it is set only if Debezium
	// treats these rows differently from streamed ones.
	queried encodeFunc
	// fallback replaces a missing value in a column that is NOT NULL and has no default; nil if there
	// is no fallback.
	fallback any
	// unchanged replaces a TOASTed value that was not sent; nil means null.
	unchanged any
}

// origin is how a row was read: Debezium writes values of some types differently for each origin.
type origin int

const (
	fromStream origin = iota
	fromQuery
)

// of returns the function that encodes values of rows of an origin; nil if Debezium loses these
// values.
func (c *codec) of(o origin) encodeFunc {
	if o == fromQuery {
		return c.queried
	}
	return c.encode
}

// encodeFunc appends one value, given as PostgreSQL's text output. On an error the caller drops
// what it appended.
type encodeFunc func(dst, text []byte) ([]byte, error)

// errUnrepresentable is the error for a value that the column's Connect type cannot represent (NaN
// as a Decimal).
var errUnrepresentable = errors.New("the value has no representation in the Kafka Connect type of the column")

// compiler makes the codecs of columns for a format.
type compiler struct {
	cfg *Config
	out format
}

// semantic returns a schema of one of Debezium's semantic types, all of which have version 1.
func semantic(t record.Type, name string, params ...record.Param) *record.Schema {
	return &record.Schema{Type: t, Name: name, Version: 1, Params: params}
}

// text is the codec of types whose text output is their value.
func (k *compiler) text(s *record.Schema) codec {
	return codec{schema: s, encode: encodeText(k.out), verbatim: true, fallback: "",
		unchanged: string(k.cfg.Unavailable)}
}

func encodeText(out format) encodeFunc {
	if _, json := out.(jsonFormat); json { // the most common case
		return func(dst, text []byte) ([]byte, error) { return record.AppendString(dst, text), nil }
	}
	return func(dst, text []byte) ([]byte, error) { return out.text(dst, text), nil }
}

// plain appends a string of ASCII characters that JSON does not escape.
func plain(out format, write func(dst, text []byte) ([]byte, error)) encodeFunc {
	return func(dst, text []byte) ([]byte, error) {
		from := len(dst)
		dst, err := write(out.open(dst), text)
		if err != nil {
			return dst, err
		}
		return out.shut(dst, from), nil
	}
}

// throughJSON is the codec of a type whose values are structs, lists or maps, or made from one: for
// other formats they are written as JSON first.
func (k *compiler) throughJSON(make func(*compiler) (codec, bool)) (codec, bool) {
	if _, json := k.out.(jsonFormat); json {
		return make(k)
	}
	c, ok := make(&compiler{cfg: k.cfg, out: jsonFormat{decoded}})
	if !ok {
		return c, false
	}
	out, schema := k.out, c.schema
	var scratch []byte
	wrap := func(encode encodeFunc) encodeFunc {
		if encode == nil {
			return nil
		}
		return func(dst, text []byte) (_ []byte, err error) {
			if scratch, err = encode(scratch[:0], text); err != nil {
				return dst, err
			}
			v, err := record.DecodeJSONValue(schema, scratch)
			if err != nil {
				return dst, err
			}
			return out.constant(dst, schema, v)
		}
	}
	c.encode, c.queried = wrap(c.encode), wrap(c.queried)
	return c, true
}
