package debezium

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

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
	// TxID is the transaction id; if there is none (incremental snapshots) it is 0 and HasTx is false.
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

// Event is one change of one row. Before is nil if PostgreSQL did not send an old tuple.
type Event struct {
	Op          Op
	Before      pgmodel.Tuple
	After       pgmodel.Tuple
	Source      Source
	Transaction *Transaction
	// Now is the connector's clock in nanoseconds since the Unix epoch: the envelope's ts_ms, ts_us and ts_ns.
	Now int64
	// Headers are added to every record of the event, such as a trace context. The records keep the
	// slice: it must not change until their Batch is reset.
	Headers []kgo.RecordHeader
}

// origin returns how the row After was read. Before always comes from the stream.
func (e *Event) origin() origin {
	if e.Op == Read {
		return fromQuery
	}
	return fromStream
}
