package row

import (
	"errors"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

// Extra is a member added to each row.
type Extra struct {
	// Name is the member's name; it holds nothing that JSON would have to escape.
	Name  string
	From  Source
	Field string
}

// Schema is the schema part of a value of Kafka Connect's JsonConverter. Values of one schema share
// it, so what is derived from it can be kept by its address.
type Schema struct {
	// prefix is everything before the payload: values that begin with it have this schema.
	prefix []byte
	// text is the schema as it was written, where it stands behind the payload; prefix is empty then.
	text []byte
	// Envelope says that the schema is Debezium's change envelope.
	Envelope bool
	// metadata says that it is that of an event about no table's row.
	metadata bool
	// Fields describes the row: the envelope's after block, or the value itself.
	Fields []Field
}

// Field is one field of a row as Kafka Connect's schema describes it.
type Field struct {
	Name     string
	Type     string
	Optional bool
	// Semantic is the schema's name, such as io.debezium.time.Date; empty for plain types.
	Semantic string
	// Scale is the scale of a decimal, Precision its precision; 0 if unknown.
	Scale     int
	Precision int
}

// SchemaMode reports whether values carry schemas.
type SchemaMode int

var errNotJSON = errors.New("the value is not JSON")

// Target is the table that rows are checked against. Nil columns check nothing.
type Target struct {
	Schema *kusto.TableSchema
	// Mapping is the ingestion mapping; nil maps fields to columns of the same name.
	Mapping *kusto.Mapping
}

// Refused says that Kusto would not keep a row as it is.
type Refused struct {
	Column string
	Reason string
	// TooLarge says that the value is longer than the column keeps.
	TooLarge bool
}

// Source is where an added member's value comes from.
type Source int

const (
	// Deleted is "true" or "false" as text, as ExtractNewRecordState's __deleted; DeletedBool the boolean.
	Deleted Source = iota
	DeletedBool
	// OfEnvelope is a member of the envelope (op, ts_ms, …), OfSource one of its source block, OfTransaction one of its
	// transaction block. The row has no such member where the envelope lacks it.
	OfEnvelope
	OfSource
	OfTransaction
	// ChangeTime is the time of the change as a date: the source's ts_us or ts_ms.
	ChangeTime
	// Topic to Headers are the record's own.
	Topic
	Partition
	Offset
	Timestamp
	Key
	Headers
)

const (
	// Detect takes a value that is {"schema":…,"payload":…} apart, and any other as it is.
	Detect SchemaMode = iota
	// WithSchema wants every value to carry a schema, as schemas.enable=true of the JsonConverter does.
	WithSchema
	// WithoutSchema takes every value as it is.
	WithoutSchema
)
