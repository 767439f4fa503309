package buffer

import (
	"time"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
)

// Summary is what status, metrics and traces are told about records once they are durable. Those of
// the batches of one Kafka transaction add up.
type Summary struct {
	// At is the position after the last record.
	At pgrepl.Position
	// Transactions counts the commits; Last is the last one.
	Transactions int
	Last         progress.Commit
	// Changed counts the transactions that have events; the earliest of their commits was at Oldest,
	// the last at Newest. Times are in microseconds since the Unix epoch.
	Changed        int64
	Oldest, Newest int64
	// Reads say how far the records advance an initial snapshot.
	Reads []Read
	// Traces are the sampled transactions.
	Traces []Trace
	// Counts are the change events, by table and operation.
	Counts []Count
	// Versions are the versions of tables that begin with these records.
	Versions []Version
	// Incremental is the progress of incremental snapshots after the records; nil if they do not
	// change it.
	Incremental *progress.Incremental
	// Awaited are closed when the records are durable.
	Awaited []chan struct{}
	// Began is when the first of the records was handed to the producer, Topic where it went, Sent how many there are.
	Began time.Time
	Topic string
	Sent  int
}

// Read is an advance of a snapshot in one range of a table.
type Read struct {
	Table string
	Rows  int64
	// Done says that the range has no more rows.
	Done bool
}

// Trace is a transaction whose application gave it a sampled trace context.
type Trace struct {
	Parent string
	// Commit is the commit time in microseconds since the Unix epoch, Position where the transaction commits.
	Commit   int64
	Position pgrepl.LSN
}

// Version is a new version of a table, which looks like Relation from then on.
type Version struct {
	Version  *history.Version
	Relation *pgmodel.Relation
}

// Count counts the changes that became events, for one table and operation.
type Count struct {
	Table string // schema.table
	Op    debezium.Op
	// Events counts events, Rows the changes that they are made of: an update that changes the key is two events.
	Events, Rows int64
	// LSN and CommitTime (microseconds since the Unix epoch) are the last change's.
	LSN        uint64
	CommitTime int64
}

// Add takes over a batch that is about to be written.
func (t *Summary) Add(b *Batch) {
	if t.Began.IsZero() {
		t.Began = time.Now()
	}
	if t.Topic == "" && len(b.Events.Records) > 0 {
		t.Topic = b.Events.Records[0].Topic
	}
	t.Sent += len(b.Events.Records)
	t.At = b.Summary.At
	if b.Summary.Transactions > 0 {
		t.Transactions, t.Last = t.Transactions+b.Summary.Transactions, b.Summary.Last
	}
	t.change(b.Summary.Changed, b.Summary.Oldest, b.Summary.Newest)
	if b.Summary.Incremental != nil {
		t.Incremental = b.Summary.Incremental
	}
	t.Awaited = append(t.Awaited, b.Summary.Awaited...)
	t.Reads = append(t.Reads, b.Summary.Reads...)
	t.Traces = append(t.Traces, b.Summary.Traces...)
	t.Versions = append(t.Versions, b.Summary.Versions...)
	for i := range b.Summary.Counts {
		c := &b.Summary.Counts[i]
		sum := t.counter(c.Table, c.Op)
		sum.Events, sum.Rows = sum.Events+c.Events, sum.Rows+c.Rows
		sum.LSN, sum.CommitTime = c.LSN, c.CommitTime
	}
}

// Commit counts a transaction that ends; changes says how many changes it has.
func (t *Summary) Commit(c progress.Commit, changes uint64) {
	t.Transactions++
	t.Last = c
	if changes > 0 {
		t.change(1, c.CommitTime, c.CommitTime)
	}
}

// change counts n transactions with events.
func (t *Summary) change(n, oldest, newest int64) {
	if n == 0 {
		return
	}
	if t.Changed == 0 || oldest < t.Oldest {
		t.Oldest = oldest
	}
	t.Changed, t.Newest = t.Changed+n, newest
}

// Reset empties the summary and keeps its memory.
func (t *Summary) Reset() {
	clear(t.Reads)
	clear(t.Traces)
	clear(t.Counts)
	clear(t.Versions)
	*t = Summary{Reads: t.Reads[:0], Traces: t.Traces[:0], Counts: t.Counts[:0], Versions: t.Versions[:0]}
}

// Count counts the events that a change of a table became.
func (t *Summary) Count(table string, events int64, ev *debezium.Event) {
	c := t.counter(table, ev.Op)
	c.Events += events
	if events > 0 {
		c.Rows++
	}
	c.LSN, c.CommitTime = ev.Source.LSN, ev.Source.CommitTime
}

// counter finds the count of a table and an operation. The name is mostly the same string in
// memory, so that comparing it is cheap.
func (t *Summary) counter(table string, op debezium.Op) *Count {
	for i := len(t.Counts) - 1; i >= 0; i-- {
		if c := &t.Counts[i]; c.Table == table && c.Op == op {
			return c
		}
	}
	return t.newCounter(table, op)
}

func (t *Summary) newCounter(table string, op debezium.Op) *Count {
	t.Counts = append(t.Counts, Count{Table: table, Op: op})
	return &t.Counts[len(t.Counts)-1]
}
