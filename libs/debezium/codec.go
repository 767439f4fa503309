package debezium

import (
	"errors"

	"github.com/calypso-cdc/calypso/libs/record"
)

// codec writes values of one PostgreSQL type, from text output to JSON.
type codec struct {
	// schema is the Connect schema of the values, not optional and without default.
	schema *record.Schema
	// encode appends the JSON of one value.
	encode encodeFunc
	// verbatim says that the value is the text itself.
	verbatim bool
	// masked is the JSON of what stands for every value, NULL included; nil unless the column is masked.
	masked []byte
	// rewritten says that a column mapping masks, hashes or truncates values.
	rewritten bool
	// lost says that streamed values are taken for NULL; encode is nil then.
	lost bool
	// snapshot is encode for rows read by SQL where Debezium treats them otherwise than streamed ones; nil if it does not.
	snapshot encodeFunc
	// fallback is the value that stands for NULL in a column that is NOT NULL and has no default; nil if there is none.
	fallback any
	// unchanged is the value that stands for a TOASTed value that was not sent; nil means null.
	unchanged any
}

// encodeFunc appends the JSON of one value given in PostgreSQL's text output. On an error what it appended is dropped.
type encodeFunc func(dst, text []byte) ([]byte, error)

// errUnrepresentable says that a value has no form in the column's Connect type (NaN as a Decimal).
var errUnrepresentable = errors.New("the value has no representation in the Kafka Connect type of the column")

// compiler makes the codecs of columns. json is the converter of the record's part that the codecs write.
type compiler struct {
	cfg  *Config
	json *record.JSON
}

// semantic is a schema of one of Debezium's semantic types, all of version 1.
func semantic(t record.Type, name string, params ...record.Param) *record.Schema {
	return &record.Schema{Type: t, Name: name, Version: 1, Params: params}
}

// text is the codec of types whose text output is their value.
func (k *compiler) text(s *record.Schema) codec {
	return codec{schema: s, encode: encodeText, verbatim: true, fallback: "", unchanged: string(k.cfg.Unavailable)}
}

func encodeText(dst, text []byte) ([]byte, error) { return record.AppendString(dst, text), nil }
