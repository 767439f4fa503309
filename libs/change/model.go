// Package change is the change model and its encoders.
//
// Model. A Relation describes a table as of one version; a Tuple holds one row's columns as PostgreSQL's text output,
// without copying it; an Event is one change of one row. An Encoder is compiled once per relation and configuration and
// appends Kafka keys and values to byte slices: no reflection, no maps, no allocation per row. The bytes are those of
// Debezium's PostgreSQL connector 3.6 with Kafka Connect's JsonConverter.
package change

import "github.com/twmb/franz-go/pkg/kgo"

// Kind says what a Datum holds.
type Kind byte

const (
	// Null is SQL NULL.
	Null Kind = 'n'
	// Unchanged is a TOASTed value that an UPDATE did not change and PostgreSQL did not send.
	Unchanged Kind = 'u'
	// Text is a value in PostgreSQL's text output format.
	Text Kind = 't'
	// Absent is a column that the message does not carry at all (an old key tuple has key columns only).
	Absent Kind = 'a'
)

// Datum is one column's value. Data aliases the wire buffer and is valid only until the next message is read.
type Datum struct {
	Kind Kind
	Data []byte
}

// Tuple is one row: a Datum for each column of the Relation, in its order.
type Tuple []Datum

// TypeKind is what sort of type a Type is (pg_type.typtype, with arrays apart).
type TypeKind byte

const (
	BaseType       TypeKind = 'b'
	EnumType       TypeKind = 'e'
	DomainType     TypeKind = 'd'
	CompositeType  TypeKind = 'c'
	RangeType      TypeKind = 'r'
	MultirangeType TypeKind = 'm'
	ArrayType      TypeKind = 'A'
)

// Type is a PostgreSQL type as the catalog describes it.
type Type struct {
	OID    uint32
	Schema string
	Name   string
	Kind   TypeKind
	// Elem is the element type of an array, the base type of a domain, the subtype of a range; nil otherwise.
	Elem *Type
	// TypeMod is the modifier a domain fixes on its base type; -1 if none.
	TypeMod int32
	// Labels are an enum's labels in sort order.
	Labels []string
	// Delimiter is what stands between values of the type in an array; 0 means a comma.
	Delimiter byte
	// OffPath says that the type's schema is not in the search path of the connector's role.
	OffPath bool
}

func (t *Type) delimiter() byte {
	if t.Delimiter == 0 {
		return ','
	}
	return t.Delimiter
}

// Column is one column of a Relation.
type Column struct {
	Name string
	Type *Type
	// TypeMod is pg_attribute.atttypmod: length or precision and scale; -1 if none.
	TypeMod int32
	NotNull bool
	// InIdentity says that the column belongs to the replica identity.
	InIdentity bool
	// Default is the default expression as pg_get_expr prints it, that of a generated column the
	// one which generates it; empty if there is none.
	Default string
	// Generated says that the column is GENERATED ALWAYS AS (…) STORED; Identity that it is an identity column.
	Generated bool
	Identity  bool
	Comment   string
	// Number is pg_attribute.attnum, which a renamed column keeps; 0 for a column that the catalog does not know any more.
	Number int16
	// Declared is the type with its modifier as format_type writes it, such as character varying(40).
	Declared string
	// Toasted says that large values are stored out of line, so that an update that leaves one alone does not carry it.
	Toasted bool
}

// Relation is one version of a table.
type Relation struct {
	OID    uint32
	Schema string
	Name   string
	// ReplicaIdentity is pg_class.relreplident: d, n, f or i.
	ReplicaIdentity byte
	Columns         []Column
	// Key holds the indexes of the key columns in key order: the primary key, else the first usable unique index.
	Key []int
	// Root names the root of partitions that the relation is one of, or is; empty for other tables.
	Root string
	// Streamed says that the replication stream described the relation, not the catalog: Debezium's metadata of source
	// types differ between the two.
	Streamed bool
}

// Op is Debezium's operation code.
type Op byte

const (
	Create   Op = 'c'
	Update   Op = 'u'
	Delete   Op = 'd'
	Read     Op = 'r'
	Truncate Op = 't'
	Message  Op = 'm'
)

// SnapshotMark is the value of source.snapshot.
type SnapshotMark string

const (
	NotSnapshot          SnapshotMark = "false"
	SnapshotFirst        SnapshotMark = "first"
	SnapshotFirstInTable SnapshotMark = "first_in_data_collection"
	SnapshotTrue         SnapshotMark = "true"
	SnapshotLastInTable  SnapshotMark = "last_in_data_collection"
	SnapshotLast         SnapshotMark = "last"
	SnapshotIncremental  SnapshotMark = "incremental"
)

// Source is where and when a change happened: the source block of the envelope.
type Source struct {
	Snapshot SnapshotMark
	// CommitTime is the transaction's commit time in microseconds since the Unix epoch.
	CommitTime int64
	// TxID is the transaction id; 0 and HasTx false where there is none (incremental snapshots).
	TxID  uint64
	HasTx bool
	// LSN is the position of the change, LastCommit the LSN of the commit before this transaction; 0 if unknown. Both
	// make source.sequence; source.lsn is LSN only with HasLSN (an incremental snapshot's rows have no LSN of their own).
	LSN        uint64
	LastCommit uint64
	HasLSN     bool
	Origin     string
	OriginLSN  uint64
}

// Transaction is the transaction block of the envelope (provide.transaction.metadata). The orders are those of the
// first change event that the Event becomes, counted from 1.
type Transaction struct {
	// ID is "<transaction id>:<LSN of the change>".
	ID              string
	TotalOrder      int64
	CollectionOrder int64
}

// Event is one change of one row. Before is nil where PostgreSQL did not send an old tuple.
type Event struct {
	Op          Op
	Before      Tuple
	After       Tuple
	Source      Source
	Transaction *Transaction
	// Now is the connector's clock in nanoseconds since the Unix epoch: the envelope's ts_ms, ts_us and ts_ns.
	Now int64
	// Headers go with every record of the event (a trace context, say). The records keep the slice: it must not change
	// until the Batch they are in is reset.
	Headers []kgo.RecordHeader
}
