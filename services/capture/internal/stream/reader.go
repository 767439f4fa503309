package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/clock"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/schemas"
)

// LogicalMessages stands in for the table's name where an event belongs to no table: a message of
// pg_logical_emit_message.
const LogicalMessages = "logical messages"

// ErrReached ends a stream that was to be delivered only up to a point.
var ErrReached = errors.New("the stream reached its end")

// Deps are what a reader works with.
type Deps struct {
	Events *debezium.Config
	Buffer *buffer.Buffer
	Tables *encode.Cache
	// Oversized handles records that their topic does not take; nil where they stop the connector.
	Oversized   *encode.Oversized
	Incremental *incremental.Snapshots
	// System is the server whose log is read.
	System pgrepl.System
	// Observer notes what tables look like.
	Observer schemas.Observer
	// Unprocessable decides about an event that cannot be encoded: nil leaves it out.
	Unprocessable func(table string, at pgrepl.LSN, err error) error
	// Happened adds an entry to the connector's timeline.
	Happened func(kind, what string)
	Log      *slog.Logger
	Fail     *failpoint.Set
}

// Source is where the reader's messages come from.
type Source interface {
	Next(*pgrepl.Frame) error
	// Buffered reports whether Next has more without waiting.
	Buffered() bool
}

// Reader turns the stream into batches.
type Reader struct {
	d       Deps
	decoder pgrepl.Decoder
	// transactions and messages encode what belongs to no table.
	transactions *debezium.TransactionEncoder
	messages     *debezium.MessageEncoder
	// resume is where the stream began: what lies before it was delivered already. until is where the
	// stream ends; 0 for never.
	resume pgrepl.Position
	until  pgrepl.LSN

	// tx is the open transaction.
	tx transaction
	// lastCommit is the end of the commit before; 0 if this stream has seen none.
	lastCommit pgrepl.LSN
	clock      clock.Clock
	ev         debezium.Event
	// asked is the position that was last made durable without records, askedAt when that was.
	asked   pgrepl.LSN
	askedAt time.Time
	// scratch holds events that were delivered before, which are encoded again only to count them.
	scratch debezium.Batch
}

// NewReader makes the reader of a stream that goes on at a position, for ever, or until all
// transactions that committed before until are durable.
func NewReader(d Deps, decoder pgrepl.Decoder, resume pgrepl.Position, until pgrepl.LSN) *Reader {
	return &Reader{d: d, decoder: decoder, transactions: debezium.NewTransactionEncoder(d.Events),
		messages: debezium.NewMessageEncoder(d.Events), resume: resume, until: until, asked: resume.Commit}
}

// Run reads until the stream or the buffer ends, and always returns an error: ErrReached if that
// was intended.
func (r *Reader) Run(from Source, slot string) error {
	var f pgrepl.Frame
	handle := r.Handle
	for {
		if !from.Buffered() {
			r.clock.Stop()
		}
		if err := from.Next(&f); err != nil {
			return pgrepl.StreamError(slot, err)
		}
		if f.Data == nil {
			if err := r.keepAlive(f.End); err != nil {
				return err
			}
			continue
		}
		if err := r.decoder.Decode(&f, handle); err != nil {
			return err
		}
	}
}

// Idle positions are made durable at most this often, and whenever this much log has gone by.
const (
	idleInterval = 10 * time.Second
	idleBytes    = 16 << 20
)

// keepAlive moves the position to the end of the server's log while no transaction is open:
// everything that committed before it has come. So idle tables do not hold back the log. The
// checkpoint moves first and the slot after it, so that a slot ahead of the checkpoint always means
// that somebody else advanced it.
func (r *Reader) keepAlive(end pgrepl.LSN) error {
	if r.decoder.InTransaction() {
		return nil
	}
	if !r.idle(end) {
		return buffer.ErrClosed
	}
	if r.until != 0 && end >= r.until {
		return r.reached()
	}
	return nil
}

// idle moves the open batch's position to the end of the log; false if the buffer is closed.
func (r *Reader) idle(end pgrepl.LSN) bool {
	b := r.d.Buffer.Fill()
	defer r.d.Buffer.Unlock()
	if b == nil {
		return false
	}
	if end > b.Summary.At.Commit {
		b.Summary.At.Commit, b.Summary.At.Ordinal = end, 0
	}
	r.askWithoutRecords(b)
	return true
}

// askWithoutRecords marks a batch without records as due now and then, so that its position becomes
// durable.
func (r *Reader) askWithoutRecords(b *buffer.Batch) {
	if len(b.Events.Records) > 0 || b.Summary.At.Commit <= r.asked {
		return
	}
	if now := time.Now(); now.Sub(r.askedAt) >= idleInterval || b.Summary.At.Commit-r.asked >= idleBytes {
		b.Due, r.asked, r.askedAt = true, b.Summary.At.Commit, now
	}
}

// reached waits until everything read is durable.
func (r *Reader) reached() error {
	if !r.d.Buffer.Drain() {
		return buffer.ErrClosed
	}
	return ErrReached
}

// Handle takes one message of the stream.
func (r *Reader) Handle(m *pgrepl.Message) error {
	if m.Kind == pgrepl.Begin && r.until != 0 && (m.CommitLSN >= r.until || m.EndLSN > r.until) {
		return r.reached()
	}
	err := r.take(m)
	r.d.Fail.Pass("after_decode")
	return err
}

// take applies one message under the buffer's lock, which is released even after a panic: everybody
// else would wait for it. A message that stops the session leaves nothing in the batch and the
// position before it, since it comes again, whole, to the next one.
func (r *Reader) take(m *pgrepl.Message) error {
	b := r.d.Buffer.Fill()
	defer r.d.Buffer.Unlock()
	if b == nil {
		return buffer.ErrClosed
	}
	before, at, whole := b.Events.Mark(), b.Summary.At, b.Whole
	err := r.apply(b, m)
	if err != nil {
		b.Events.Rollback(before)
		b.Summary.At, b.Whole = at, whole
	}
	return err
}

func (r *Reader) apply(b *buffer.Batch, m *pgrepl.Message) error {
	switch m.Kind {
	case pgrepl.Insert, pgrepl.Update, pgrepl.Delete:
		return r.row(b, m)
	case pgrepl.Begin:
		r.tx.begin(m, b.Summary.At, r.resume)
		return nil
	case pgrepl.Commit:
		return r.commit(b, m)
	case pgrepl.Truncate:
		return r.truncate(b, m)
	case pgrepl.Logical:
		return r.logical(b, m)
	}
	return fmt.Errorf("message of unknown kind %q", m.Kind)
}

// advance notes that the open transaction's change, which was due, is in the batch.
func (r *Reader) advance(b *buffer.Batch) { b.Summary.At, b.Whole = r.tx.after(b.Summary.At), false }

func (r *Reader) commit(b *buffer.Batch, m *pgrepl.Message) error {
	tx := &r.tx
	r.lastCommit = m.EndLSN
	if tx.skip {
		return nil
	}
	if r.d.Events.TransactionMetadata {
		if err := r.announce(b); err != nil {
			return err
		}
		if err := r.transactions.AppendEnd(&b.Events, uint64(tx.xid), uint64(m.LSN), tx.commitTime, tx.counts); err != nil {
			return err
		}
	}
	if tx.traceparent != "" && tx.ordinal > 0 {
		b.Summary.Traces = append(b.Summary.Traces, buffer.Trace{Parent: tx.traceparent,
			Commit: tx.commitTime, Position: tx.commit})
	}
	b.Summary.At, b.Whole = tx.ended(b.Summary.At, m.EndLSN), true
	b.Summary.Commit(progress.Commit{TxID: tx.xid, CommitTime: tx.commitTime}, tx.ordinal)
	r.askWithoutRecords(b)
	return nil
}

// announce writes the transaction's BEGIN together with its first event, so that no position lies
// between the two.
func (r *Reader) announce(b *buffer.Batch) error {
	tx := &r.tx
	if !r.d.Events.TransactionMetadata || tx.announced {
		return nil
	}
	tx.announced = true
	return r.transactions.AppendBegin(&b.Events, uint64(tx.xid), uint64(tx.began), tx.commitTime)
}
