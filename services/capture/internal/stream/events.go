package stream

import (
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
)

// row handles a row change, which may be an event, a signal or both.
func (r *Reader) row(b *buffer.Batch, m *pgrepl.Message) error {
	switch r.tx.next() {
	case repeated:
		return r.repeatRow(b, m)
	case due:
		err := r.deliverRow(b, m)
		r.advance(b)
		return err
	}
	return nil
}

func (r *Reader) deliverRow(b *buffer.Batch, m *pgrepl.Message) error {
	t, err := r.d.Tables.Of(m.Relation)
	if err != nil {
		return err
	}
	if t.Captured {
		r.d.Incremental.Changed(t, m.Old, m.New)
		if err := r.deliver(b, t, operation(m), m); err != nil {
			return err
		}
	}
	if t.Signal {
		return r.d.Incremental.Row(b, m, r.lastCommit)
	}
	return nil
}

func (r *Reader) repeatRow(b *buffer.Batch, m *pgrepl.Message) error {
	t, err := r.d.Tables.Of(m.Relation)
	if err != nil || !t.Captured {
		return err
	}
	r.d.Incremental.Changed(t, m.Old, m.New)
	return r.repeat(b, t, operation(m), m)
}

func operation(m *pgrepl.Message) debezium.Op {
	switch m.Kind {
	case pgrepl.Update:
		return debezium.Update
	case pgrepl.Delete:
		return debezium.Delete
	}
	return debezium.Create
}

// truncate handles a change that empties tables.
func (r *Reader) truncate(b *buffer.Batch, m *pgrepl.Message) error {
	m.Old, m.New = nil, nil
	switch r.tx.next() {
	case repeated:
		return r.eachTruncated(m, func(t *encode.Table) error { return r.repeat(b, t, debezium.Truncate, m) })
	case due:
		err := r.eachTruncated(m, func(t *encode.Table) error { return r.deliver(b, t, debezium.Truncate, m) })
		r.advance(b)
		return err
	}
	return nil
}

// eachTruncated calls do for each captured table that a change empties, also where no event says so.
func (r *Reader) eachTruncated(m *pgrepl.Message, do func(*encode.Table) error) error {
	for _, rel := range m.Truncated {
		t, err := r.d.Tables.Of(rel)
		if err != nil {
			return err
		}
		if !t.Captured {
			continue
		}
		r.d.Incremental.Truncated(t)
		if err := do(t); err != nil {
			return err
		}
	}
	return nil
}

// deliver appends the records of a change.
func (r *Reader) deliver(b *buffer.Batch, t *encode.Table, op debezium.Op, m *pgrepl.Message) error {
	r.observe(b, t, m)
	ev := r.event(t, op, m)
	if err := r.announce(b); err != nil {
		return err
	}
	n, err := t.Append(&b.Events, ev)
	if err != nil {
		return r.d.Unprocessable(t.Name, m.LSN, err)
	}
	if r.d.Events.TransactionMetadata {
		r.tx.count(t.Name, int64(n))
	}
	if n == 0 && op == debezium.Truncate {
		r.leftOut(t)
	}
	b.Summary.Count(t.Name, int64(n), ev)
	return nil
}

// repeat counts the events of a change that was delivered before, since the places of later events
// in the transaction depend on them.
func (r *Reader) repeat(b *buffer.Batch, t *encode.Table, op debezium.Op, m *pgrepl.Message) error {
	r.observe(b, t, m)
	if !r.d.Events.TransactionMetadata {
		return nil
	}
	r.tx.announced = true // with the event, which was delivered
	r.scratch.Reset()
	n, err := t.Append(&r.scratch, r.event(t, op, m))
	if err != nil {
		return r.d.Unprocessable(t.Name, m.LSN, err)
	}
	r.tx.count(t.Name, int64(n))
	return nil
}

// observe notes what the table of a change looks like, once.
func (r *Reader) observe(b *buffer.Batch, t *encode.Table, m *pgrepl.Message) {
	if t.Observed {
		return
	}
	at := pgrepl.Position{SystemID: r.d.System.ID, Timeline: r.d.System.Timeline, Commit: r.tx.commit,
		Ordinal: r.tx.ordinal}
	r.d.Observer.Change(b, t, history.Point{At: at, LSN: m.LSN, Time: time.UnixMicro(r.tx.commitTime).UTC()})
}

// event is a change as it is encoded, valid until the next one.
func (r *Reader) event(t *encode.Table, op debezium.Op, m *pgrepl.Message) *debezium.Event {
	ev := &r.ev
	ev.Op, ev.Before, ev.After = op, m.Old, m.New
	r.tx.source(&ev.Source, m, r.lastCommit)
	ev.Now = r.clock.Read()
	ev.Headers = r.tx.headers
	ev.Transaction = nil
	if r.d.Events.TransactionMetadata {
		ev.Transaction = r.tx.place(t.Name, m)
	}
	return ev
}

// leftOut reports that a table was truncated without an event, which is Debezium's default.
func (r *Reader) leftOut(t *encode.Table) {
	const detail = "so copies of it keep the rows that it had: set skipped.operations=none for copies that follow truncates, and empty this one"
	r.d.Log.Warn("a table was truncated, and no event says so (skipped.operations)", "table", t.Name, "remedy", detail)
	r.d.Happened("TruncateSkipped", fmt.Sprintf("table %s was truncated, and no event says so (skipped.operations), %s",
		t.Name, detail))
}

// logical handles a message of pg_logical_emit_message: a trace context, a watermark, or one to
// pass on.
func (r *Reader) logical(b *buffer.Batch, m *pgrepl.Message) error {
	if m.Transactional && r.decoder.InTransaction() {
		return r.inTransaction(b, m)
	}
	if m.LSN <= r.resume.Commit || string(m.Prefix) == incremental.MarkPrefix ||
		!r.d.Events.WantsMessage(string(m.Prefix)) {
		return nil
	}
	return r.lone(b, m)
}

// inTransaction handles a message of the open transaction.
func (r *Reader) inTransaction(b *buffer.Batch, m *pgrepl.Message) error {
	what := r.tx.next()
	if what == passed {
		return nil
	}
	switch prefix := string(m.Prefix); {
	case prefix == telemetry.TraceparentKey:
		r.tx.trace(string(m.Content))
		return nil
	case prefix == incremental.MarkPrefix:
		if what == repeated {
			return nil
		}
		err := r.d.Incremental.Marked(b, m.Content, r.lastCommit)
		r.advance(b)
		return err
	case !r.d.Events.WantsMessage(prefix):
		return nil
	}
	if what == repeated {
		r.tx.announced = true
		r.tx.countMessage(m)
		return nil
	}
	if err := r.announce(b); err != nil {
		return err
	}
	msg := debezium.LogicalMessage{Prefix: string(m.Prefix), Content: m.Content, Now: time.Now().UnixNano()}
	r.tx.source(&msg.Source, m, r.lastCommit)
	if r.d.Events.TransactionMetadata {
		msg.Transaction = r.tx.placeMessage(m)
	}
	if left, err := r.pass(b, m, &msg); left {
		return err
	}
	r.tx.countMessage(m)
	r.advance(b)
	return nil
}

// lone handles a message that is a transaction of its own.
func (r *Reader) lone(b *buffer.Batch, m *pgrepl.Message) error {
	r.lastCommit = m.LSN // as Debezium has it
	b.Summary.At.Delivered = max(b.Summary.At.Delivered, m.LSN)
	msg := debezium.LogicalMessage{Prefix: string(m.Prefix), Content: m.Content, Now: time.Now().UnixNano()}
	msg.Source = debezium.Source{Snapshot: debezium.NotSnapshot, CommitTime: msg.Now / 1000, LSN: uint64(m.LSN),
		HasLSN:     true,
		LastCommit: uint64(r.lastCommit)}
	if left, err := r.pass(b, m, &msg); left {
		return err
	}
	if b.Whole {
		// Everything that committed before the message has come. The message ends at its LSN, where the
		// next message or commit may begin: the position must not lie beyond it, since PostgreSQL leaves
		// out what begins before the position.
		b.Summary.At.Commit, b.Summary.At.Ordinal = max(b.Summary.At.Commit, m.LSN), 0
	}
	return nil
}

// pass appends a message's record. left is true if the message was left out, with or without an
// error.
func (r *Reader) pass(b *buffer.Batch, m *pgrepl.Message, msg *debezium.LogicalMessage) (left bool, err error) {
	before := b.Events.Mark()
	if _, err := r.messages.Append(&b.Events, msg); err != nil {
		return true, r.d.Unprocessable(LogicalMessages, m.LSN, err)
	}
	if r.d.Oversized == nil {
		return false, nil
	}
	err = r.d.Oversized.SetAside(&b.Events, before, uint64(m.LSN))
	return err != nil, err
}
