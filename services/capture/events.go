package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// row encodes a row change.
func (r *reader) row(b *batch, m *pgrepl.Message) (err error) {
	enc, err := r.encoders.of(m.Relation)
	if err != nil {
		return err
	}
	delivered := r.tx.ordinal <= r.tx.done
	if enc.signal && !delivered {
		defer func() {
			if err == nil {
				err = r.signalRow(b, m)
			}
		}()
	}
	if !enc.captured {
		return nil
	}
	if r.incremental.window != nil {
		r.incremental.window.note(enc, m.Old, m.New)
	}
	op := change.Create
	switch m.Kind {
	case pgrepl.Update:
		op = change.Update
	case pgrepl.Delete:
		op = change.Delete
	}
	return r.event(b, enc, op, m, delivered)
}

// event appends the records of a change, or, of one delivered before, counts them.
func (r *reader) event(b *batch, enc *tableEncoder, op change.Op, m *pgrepl.Message, delivered bool) error {
	if enc.version == nil {
		r.observeRow(b, enc, m)
	}
	ev := &r.ev
	ev.Op, ev.Before, ev.After = op, m.Old, m.New
	r.source(&ev.Source, m)
	ev.Now = r.clock.read()
	ev.Headers = r.tx.headers
	ev.Transaction = nil
	if r.events.TransactionMetadata {
		ev.Transaction = r.place(enc, m)
	}
	if err := r.announce(b, delivered); err != nil {
		return err
	}
	into := &b.Batch
	if delivered {
		if !r.events.TransactionMetadata {
			return nil
		}
		r.scratch.Reset()
		into = &r.scratch
	}
	n, err := enc.Append(into, ev)
	if err != nil {
		return r.unprocessable(err)
	}
	if r.events.TransactionMetadata {
		r.counted(enc, int64(n))
	}
	if n == 0 && op == change.Truncate && !delivered {
		r.leftOut(enc)
	}
	if !delivered {
		b.count(enc, int64(n), ev)
	}
	return nil
}

// leftOut says that a table was truncated and that nobody is told, as Debezium's defaults have it.
func (r *reader) leftOut(enc *tableEncoder) {
	const detail = "so copies of it keep the rows that it had: set skipped.operations=none for copies that follow truncates, and empty this one"
	r.env.Logger.Warn("A table was truncated, and no event says so (skipped.operations)", "table", enc.name, "remedy", detail)
	r.env.Happened("TruncateSkipped", fmt.Sprintf("table %s was truncated, and no event says so (skipped.operations), %s", enc.name, detail))
}

// unprocessable decides about an event that cannot be encoded, as event.processing.failure.handling.mode says.
func (r *reader) unprocessable(err error) error {
	r.meters.decodeError(context.Background(), "event")
	switch r.spec.Unprocessable {
	case spec.FailUnprocessable:
		return retry.Permanent("%w", err)
	case spec.WarnUnprocessable:
		r.env.Logger.Warn("An event was left out (event.processing.failure.handling.mode)", "error", err)
	}
	return nil
}

// source fills the source block of a change.
func (r *reader) source(s *change.Source, m *pgrepl.Message) {
	s.Snapshot = change.NotSnapshot
	s.CommitTime, s.TxID, s.HasTx = r.tx.commitTime, uint64(r.tx.xid), true
	s.LSN, s.HasLSN, s.LastCommit = uint64(m.LSN), true, uint64(r.lastCommit)
	s.Origin, s.OriginLSN = m.Origin, uint64(m.OriginLSN)
}

// place is an event's place in its transaction; both orders begin with 1.
func (r *reader) place(enc *tableEncoder, m *pgrepl.Message) *change.Transaction {
	t := &r.tx.meta
	t.ID = r.placeID(m)
	t.TotalOrder, t.CollectionOrder = r.tx.total+1, 1
	for i := range r.tx.counts {
		if r.tx.counts[i].Collection == enc.name {
			t.CollectionOrder = r.tx.counts[i].Events + 1
		}
	}
	return t
}

func (r *reader) placeID(m *pgrepl.Message) string {
	return fmt.Sprintf("%d:%d", r.tx.xid, uint64(m.LSN))
}

// countMessage counts a logical message among its transaction's events. Debezium counts each as a collection of its own,
// named by the Java object that stands for it; the number after @ is any.
func (r *reader) countMessage(m *pgrepl.Message) {
	r.tx.total++
	r.tx.counts = append(r.tx.counts, change.CollectionCount{
		Collection: fmt.Sprintf("io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@%08x", uint32(m.LSN)), Events: 1})
}

func (r *reader) counted(enc *tableEncoder, n int64) {
	if n == 0 {
		return
	}
	r.tx.total += n
	for i := range r.tx.counts {
		if r.tx.counts[i].Collection == enc.name {
			r.tx.counts[i].Events += n
			return
		}
	}
	r.tx.counts = append(r.tx.counts, change.CollectionCount{Collection: enc.name, Events: n})
}

func (r *reader) truncate(b *batch, m *pgrepl.Message) error {
	m.Old, m.New = nil, nil
	for _, rel := range m.Truncated {
		enc, err := r.encoders.of(rel)
		if err != nil {
			return err
		}
		if !enc.captured {
			continue
		}
		if err := r.event(b, enc, change.Truncate, m, r.tx.ordinal <= r.tx.done); err != nil {
			return err
		}
	}
	return nil
}

// logical takes a message of pg_logical_emit_message: a trace context, a watermark of ours, or one to pass on.
func (r *reader) logical(b *batch, m *pgrepl.Message) error {
	inTx := m.Transactional && r.decoder.InTransaction()
	delivered := false
	if inTx {
		r.tx.ordinal++
		if r.tx.skip {
			return nil
		}
		delivered = r.tx.ordinal <= r.tx.done
	} else if m.LSN < r.resume.Commit {
		return nil
	}
	if inTx && string(m.Prefix) == telemetry.TraceparentKey {
		r.tx.trace(string(m.Content))
		return nil
	}
	if string(m.Prefix) == watermarkPrefix {
		if delivered || !inTx {
			return nil
		}
		err := r.watermark(b, m)
		r.advance(b)
		return err
	}
	if !r.events.WantsMessage(string(m.Prefix)) {
		return nil
	}
	if inTx {
		if err := r.announce(b, delivered); err != nil {
			return err
		}
	}
	if delivered {
		r.countMessage(m)
		return nil
	}
	if !inTx {
		r.lastCommit = m.LSN // as Debezium has it: the message is a transaction of its own
		b.at.Delivered = max(b.at.Delivered, m.LSN+1)
	}
	msg := change.LogicalMessage{Prefix: string(m.Prefix), Content: m.Content, Now: time.Now().UnixNano()}
	if inTx {
		r.source(&msg.Source, m)
		if r.events.TransactionMetadata {
			r.tx.meta = change.Transaction{ID: r.placeID(m), TotalOrder: r.tx.total + 1, CollectionOrder: 1}
			msg.Transaction = &r.tx.meta
		}
	} else {
		msg.Source = change.Source{Snapshot: change.NotSnapshot, CommitTime: msg.Now / 1000, LSN: uint64(m.LSN), HasLSN: true, LastCommit: uint64(r.lastCommit)}
	}
	from := len(b.Records)
	if _, err := r.aux.AppendMessage(&b.Batch, &msg); err != nil {
		return r.unprocessable(err)
	}
	if r.oversized != nil {
		if err := r.oversized.setAside(&b.Batch, from, uint64(m.LSN)); err != nil {
			return err
		}
	}
	if inTx {
		r.countMessage(m)
		r.advance(b)
	} else if b.whole {
		// All that committed before the message has come: the position is the byte after the message's own.
		b.at.Commit, b.at.Ordinal = max(b.at.Commit, m.LSN+1), 0
	}
	return nil
}
