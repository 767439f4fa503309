package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// reader turns the stream into batches. It is one goroutine, the only one that encodes changes.
type reader struct {
	*session
	ctx      context.Context // ends with the stream
	conn     *pgrepl.Stream
	decoder  pgrepl.Decoder
	spool    *pgrepl.Spool
	stage    *stage
	encoders *encoders
	aux      *change.Auxiliary
	beats    *change.Auxiliary // the heartbeat goroutine's
	// resume is where the stream began: what lies before it is delivered already.
	resume pgrepl.Position
	until  pgrepl.LSN

	// tx is the open transaction.
	tx transaction
	// lastCommit is the end of the commit before; 0 if this stream has seen none.
	lastCommit pgrepl.LSN
	clock      eventClock
	ev         change.Event
	// saved is the position of the last batch that was due without records, and when that was.
	saved       pgrepl.LSN
	savedAt     time.Time
	incremental *incremental
	// scratch takes events that were delivered before, whose number counts.
	scratch change.Batch
}

// transaction is what the reader keeps of the open transaction.
type transaction struct {
	xid        uint32
	began      pgrepl.LSN
	commit     pgrepl.LSN
	commitTime int64
	// ordinal counts the changes read, delivered before or not: with commit it identifies a change.
	ordinal uint64
	// end is a point of the log that has all of it, if what is before the point is part of the server's history.
	end pgrepl.LSN
	// skip says that all of it was delivered before; done is how many changes of it were.
	skip bool
	done uint64
	// headers go with its events: the trace context, if it has one.
	headers     []kgo.RecordHeader
	traceparent string
	// announced says that its BEGIN is written (provide.transaction.metadata).
	announced bool
	// total and counts are the change events so far, for the transaction's metadata.
	total  int64
	counts []change.CollectionCount
	meta   change.Transaction
}

func (r *reader) close() {
	if r.spool != nil {
		r.spool.Close()
	}
}

func (r *reader) run() error {
	var f pgrepl.Frame
	for {
		if !r.conn.Buffered() {
			r.clock.stop()
		}
		if err := r.conn.Next(&f); err != nil {
			return pgrepl.StreamError(r.spec.Slot.Name, err)
		}
		if f.Data == nil {
			if err := r.keepAlive(f.End); err != nil {
				return err
			}
			continue
		}
		if err := r.decoder.Decode(&f, r.handle); err != nil {
			return err
		}
	}
}

// Idle positions are made durable at most this often, and whenever this much log has gone by.
const (
	idleInterval = 10 * time.Second
	idleBytes    = 16 << 20
)

// keepAlive moves the position to the end of the server's log while no transaction is open: everything that committed
// before it has come. That holds no log back for an idle table. The checkpoint moves first and the slot after it, so that
// a slot ahead of the checkpoint always means that somebody else advanced it.
func (r *reader) keepAlive(end pgrepl.LSN) error {
	if r.decoder.InTransaction() {
		return nil
	}
	if !r.idle(end) {
		return errStopped
	}
	if r.until != 0 && end >= r.until {
		return r.reached()
	}
	return nil
}

// idle moves the open batch's position to the end of the log; false if the stage is closed.
func (r *reader) idle(end pgrepl.LSN) bool {
	b := r.stage.fill()
	defer r.stage.unlock()
	if b == nil {
		return false
	}
	if end > b.at.Commit {
		b.at.Commit, b.at.Ordinal = end, 0
	}
	r.dueWithoutRecords(b)
	return true
}

// dueWithoutRecords asks for a checkpoint of a batch that has no records, now and then.
func (r *reader) dueWithoutRecords(b *batch) {
	if len(b.Records) > 0 || b.at.Commit <= r.saved {
		return
	}
	if now := time.Now(); now.Sub(r.savedAt) >= idleInterval || b.at.Commit-r.saved >= idleBytes {
		b.due, r.saved, r.savedAt = true, b.at.Commit, now
	}
}

// reached waits until everything read is durable.
func (r *reader) reached() error {
	if !r.stage.drain() {
		return errStopped
	}
	return errReached
}

// handle takes one message of the stream.
func (r *reader) handle(m *pgrepl.Message) error {
	if m.Kind == pgrepl.Begin && r.until != 0 && (m.CommitLSN >= r.until || m.EndLSN > r.until) {
		return r.reached()
	}
	err := r.take(m)
	r.fail.Pass("after_decode")
	return err
}

// take applies one message under the stage's lock, which a panic must not leave behind: everybody else would wait for it.
func (r *reader) take(m *pgrepl.Message) error {
	b := r.stage.fill()
	defer r.stage.unlock()
	if b == nil {
		return errStopped
	}
	return r.apply(b, m)
}

func (r *reader) apply(b *batch, m *pgrepl.Message) error {
	tx := &r.tx
	switch m.Kind {
	case pgrepl.Insert, pgrepl.Update, pgrepl.Delete:
		tx.ordinal++
		if tx.skip {
			return nil
		}
		err := r.row(b, m)
		r.advance(b)
		return err
	case pgrepl.Begin:
		r.begin(b, m)
		return nil
	case pgrepl.Commit:
		return r.commit(b, m)
	case pgrepl.Truncate:
		tx.ordinal++
		if tx.skip {
			return nil
		}
		err := r.truncate(b, m)
		r.advance(b)
		return err
	case pgrepl.Logical:
		return r.logical(b, m)
	}
	return fmt.Errorf("message of unknown kind %q", m.Kind)
}

// begin opens a transaction and finds out how much of it was delivered before.
func (r *reader) begin(b *batch, m *pgrepl.Message) {
	counts := r.tx.counts[:0]
	commit, end := m.CommitLSN, m.CommitLSN+1
	if commit == 0 {
		// decoderbufs does not tell. What committed before the present position has come, so the transaction is the first
		// that commits after it: that is its identity. A stream that resumes amid it begins at the same position.
		commit, end = b.at.Commit, pgrepl.UnknownEnd
	}
	r.tx = transaction{xid: m.XID, began: m.LSN, commit: commit, end: end, commitTime: m.CommitTime, counts: counts}
	switch {
	case commit < r.resume.Commit:
		r.tx.skip = true
	case commit == r.resume.Commit:
		r.tx.done = r.resume.Ordinal
	}
}

// advance notes that the open transaction's change is in the batch.
func (r *reader) advance(b *batch) {
	if r.tx.ordinal <= r.tx.done {
		return // delivered before: the position is further already
	}
	b.at.Commit, b.at.Ordinal, b.at.Delivered = r.tx.commit, r.tx.ordinal, r.tx.end
	b.whole = false
}

func (r *reader) commit(b *batch, m *pgrepl.Message) error {
	tx := &r.tx
	r.lastCommit = m.EndLSN
	if tx.skip {
		return nil
	}
	if r.events.TransactionMetadata {
		if err := r.announce(b, false); err != nil {
			return err
		}
		if err := r.aux.AppendEnd(&b.Batch, uint64(tx.xid), uint64(m.LSN), tx.commitTime, tx.counts); err != nil {
			return err
		}
	}
	if tx.traceparent != "" && tx.ordinal > 0 {
		b.traces = append(b.traces, tracedTransaction{traceparent: tx.traceparent, commit: tx.commitTime, position: tx.commit})
	}
	b.at.Commit, b.at.Ordinal, b.whole = m.EndLSN, 0, true
	b.transactions++
	b.txID, b.commitTime = tx.xid, tx.commitTime
	if tx.ordinal > 0 {
		b.at.Delivered = m.EndLSN
		b.change(1, tx.commitTime, tx.commitTime)
	}
	r.dueWithoutRecords(b)
	return nil
}

// announce writes the transaction's BEGIN with its first event, so that no position stands between the two. delivered says that the
// event was delivered before, and BEGIN with it.
func (r *reader) announce(b *batch, delivered bool) error {
	tx := &r.tx
	if !r.events.TransactionMetadata || tx.announced {
		return nil
	}
	tx.announced = true
	if delivered {
		return nil
	}
	return r.aux.AppendBegin(&b.Batch, uint64(tx.xid), uint64(tx.began), tx.commitTime)
}
