package stream

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// transaction is what the reader keeps about the open transaction. It does no I/O.
type transaction struct {
	xid        uint32
	began      pgrepl.LSN
	commit     pgrepl.LSN
	commitTime int64
	// ordinal counts the changes read, delivered before or not: with commit it identifies a change.
	ordinal uint64
	// end is a point of the log after the whole transaction: a server whose history reaches it has the
	// transaction.
	end pgrepl.LSN
	// skip is true if all of it was delivered before; else done is how many of its changes were.
	skip bool
	done uint64
	// headers go with its events: the trace context, if it has one.
	headers     []kgo.RecordHeader
	traceparent string
	// announced is true once its BEGIN is written (provide.transaction.metadata).
	announced bool
	// total and counts are the change events so far, for the transaction's metadata; meta is the place of the present one.
	total  int64
	counts []debezium.CollectionCount
	meta   debezium.Transaction
}

// turn says what to do with a change.
type turn int

const (
	// passed is a change of a transaction that was already delivered in full.
	passed turn = iota
	// repeated was delivered before, but not all of its transaction was: it counts.
	repeated
	// due is to be delivered.
	due
)

// begin opens a transaction and finds out how much of it was delivered before. at is the position
// now, resume where the stream began.
func (t *transaction) begin(m *pgrepl.Message, at, resume pgrepl.Position) {
	counts := t.counts[:0]
	commit, end := m.CommitLSN, m.CommitLSN+1
	if commit == 0 {
		// decoderbufs does not send it. Everything that committed before the present position has come,
		// so this transaction is the first to commit after it: that is its identity. A stream that
		// resumes within it begins at the same position.
		commit, end = at.Commit, pgrepl.UnknownEnd
	}
	*t = transaction{xid: m.XID, began: m.LSN, commit: commit, end: end, commitTime: m.CommitTime, counts: counts}
	switch {
	case commit < resume.Commit:
		t.skip = true
	case commit == resume.Commit:
		t.done = resume.Ordinal
	}
}

// next counts a change and says what to do with it.
func (t *transaction) next() turn {
	t.ordinal++
	switch {
	case t.skip:
		return passed
	case t.ordinal <= t.done:
		return repeated
	}
	return due
}

// after is the position after the present change, which is due; at is the one before.
func (t *transaction) after(at pgrepl.Position) pgrepl.Position {
	at.Commit, at.Ordinal, at.Delivered = t.commit, t.ordinal, t.end
	return at
}

// ended is the position after the transaction, whose commit ends at end; at is the one before.
func (t *transaction) ended(at pgrepl.Position, end pgrepl.LSN) pgrepl.Position {
	at.Commit, at.Ordinal = end, 0
	if t.ordinal > 0 {
		at.Delivered = end
	}
	return at
}

// source fills the source block of a change; lastCommit is the end of the commit before the transaction.
func (t *transaction) source(s *debezium.Source, m *pgrepl.Message, lastCommit pgrepl.LSN) {
	s.Snapshot = debezium.NotSnapshot
	s.CommitTime, s.TxID, s.HasTx = t.commitTime, uint64(t.xid), true
	s.LSN, s.HasLSN, s.LastCommit = uint64(m.LSN), true, uint64(lastCommit)
	s.Origin, s.OriginLSN = m.Origin, uint64(m.OriginLSN)
}

// trace adopts the transaction's trace context if it is sampled. Its events carry it unchanged as a
// header, as the OpenTelemetry conventions for messaging require of a creation context.
func (t *transaction) trace(traceparent string) {
	sc, ok := telemetry.SpanContext(traceparent)
	if !ok || !sc.IsSampled() {
		return
	}
	t.traceparent = traceparent
	t.headers = []kgo.RecordHeader{{Key: telemetry.TraceparentKey, Value: []byte(traceparent)}}
}

// place is the place of the next event of a table; both orders begin with 1.
func (t *transaction) place(table string, m *pgrepl.Message) *debezium.Transaction {
	t.meta = debezium.Transaction{ID: t.id(m), TotalOrder: t.total + 1, CollectionOrder: 1}
	for i := range t.counts {
		if t.counts[i].Collection == table {
			t.meta.CollectionOrder = t.counts[i].Events + 1
		}
	}
	return &t.meta
}

// placeMessage is the place of the next logical message; the second order is always 1.
func (t *transaction) placeMessage(m *pgrepl.Message) *debezium.Transaction {
	t.meta = debezium.Transaction{ID: t.id(m), TotalOrder: t.total + 1, CollectionOrder: 1}
	return &t.meta
}

func (t *transaction) id(m *pgrepl.Message) string { return fmt.Sprintf("%d:%d", t.xid, uint64(m.LSN)) }

// count counts events of a table.
func (t *transaction) count(table string, events int64) {
	if events == 0 {
		return
	}
	t.total += events
	for i := range t.counts {
		if t.counts[i].Collection == table {
			t.counts[i].Events += events
			return
		}
	}
	t.counts = append(t.counts, debezium.CollectionCount{Collection: table, Events: events})
}

// countMessage counts a logical message among the events. Debezium counts each as a collection of
// its own, named after the Java object that stands for it; the number after @ is arbitrary.
func (t *transaction) countMessage(m *pgrepl.Message) {
	t.total++
	t.counts = append(t.counts, debezium.CollectionCount{
		Collection: fmt.Sprintf(
			"io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@%08x", uint32(m.LSN)),
		Events: 1})
}
