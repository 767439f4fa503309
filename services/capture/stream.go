package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// errStopped is how the reader learns that the stage is closed; it is not reported.
var errStopped = errors.New("the stream was stopped")

// errReached ends a stream that was to be delivered up to a point only.
var errReached = errors.New("the stream reached its end")

// stopGrace is how long a batch that is being delivered may take after the task is told to stop.
const stopGrace = 10 * time.Second

// stream delivers the slot's changes from a position on: for ever, or until all transactions that committed before until
// are durable. It returns nil when ctx ends.
func (s *session) stream(ctx context.Context, at pgrepl.Position, until pgrepl.LSN) error {
	repl, err := pgrepl.OpenSession(ctx, s.settings.connection)
	if err != nil {
		return err
	}
	defer repl.Close(context.WithoutCancel(ctx))
	r := &reader{session: s, resume: at, until: until, encoders: newEncoders(s), aux: change.NewAuxiliary(&s.events), beats: change.NewAuxiliary(&s.events)}
	defer r.close()
	s.history.Rewind(at)
	if r.decoder, err = s.decoder(r); err != nil {
		return err
	}
	conn, err := repl.Start(ctx, s.settings.slot, at.Commit, r.decoder.PluginArgs())
	if pgrepl.UnknownOption(err, "numeric-data-types-as-string") {
		s.env.Logger.Warn("This version of wal2json sends NaN and infinities as null; pgoutput (plugin.name=pgoutput, with a new slot) sends them as they are.")
		s.plainNumbers = true
		if r.decoder, err = s.decoder(r); err != nil {
			return err
		}
		conn, err = repl.Start(ctx, s.settings.slot, at.Commit, r.decoder.PluginArgs())
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.Run(s.statusTimes())
	r.conn, r.stage = conn, newStage(at, s.settings.delivery.BatchEvents, s.settings.delivery.BatchBytes)
	r.saved = at.Commit
	r.incremental = newIncremental(s, s.producer.saved.incremental)
	r.incremental.next()

	g, gctx := errgroup.WithContext(ctx)
	r.ctx = gctx
	s.board.streaming(r, at)
	s.env.Retrying(nil)
	stop := context.AfterFunc(gctx, func() {
		conn.Interrupt()
		r.stage.close()
	})
	defer stop()
	finish, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(gctx, func() { time.AfterFunc(stopGrace, cancel) })()
	g.Go(r.run)
	g.Go(func() error { return s.deliverStaged(finish, conn, r.stage) })
	g.Go(func() error { return s.beat(gctx, r) })
	if until == 0 {
		g.Go(func() error { return r.incremental.runChunks(gctx) })
		g.Go(func() error { return r.followSignals(gctx) })
	}
	err = g.Wait()
	if ctx.Err() != nil || errors.Is(err, errReached) {
		return nil
	}
	return err
}

func (s *session) statusTimes() pgrepl.StatusTimes {
	t := pgrepl.StatusTimes{Interval: max(s.settings.status, 10*time.Millisecond), Confirm: 50 * time.Millisecond}
	if d := s.server.SenderTimeout; d > 0 {
		t.Interval = min(t.Interval, d/3)
		t.Silence = max(2*d, 10*time.Second)
	}
	return t
}

// deliverStaged writes batches as the stage hands them over, commits them and confirms what is durable. While batches
// follow each other closely they share a Kafka transaction, for transactionSpan at most: readers of uncommitted records get
// them at once, and the cost of a commit is paid once for all.
func (s *session) deliverStaged(ctx context.Context, conn *pgrepl.Stream, stage *stage) error {
	var sum tally
	for {
		b := stage.take()
		if b == nil {
			return s.producer.Commit(ctx)
		}
		next := s.producer.saved
		next.at = b.at
		if b.transactions > 0 {
			next.txID, next.commitTime = b.txID, b.commitTime
		}
		if b.incremental != nil {
			next.incremental = b.incremental
		}
		if b.signalOffset > 0 {
			next.signalOffset = b.signalOffset
		}
		s.fail.Pass("before_produce")
		sum.add(b)
		err := s.noticing(sum.records, func() error {
			if err := s.producer.write(ctx, b, next); err != nil {
				return err
			}
			if stage.written(b) && time.Since(sum.began) < transactionSpan {
				return nil
			}
			return s.producer.Commit(ctx)
		})
		if err != nil {
			stage.close()
			return err
		}
		if !s.producer.Durable() {
			continue
		}
		s.delivered(&sum)
		sum.reset()
		s.fail.Pass("after_commit_before_status")
		if mark := stage.committed(); s.settings.confirm {
			conn.Confirm(mark)
		}
		s.producer.Settle(ctx)
	}
}

// transactionSpan is for how long batches join an open Kafka transaction. The records of a longer one would reach readers
// of committed records that much later.
const transactionSpan = 20 * time.Millisecond

// slowDelivery is after how long an unacknowledged batch counts as trouble worth showing.
const slowDelivery = 5 * time.Second

// noticing runs the writing of records; where the broker does not answer, which the client waits out, it says so meanwhile.
func (s *session) noticing(records int, write func() error) error {
	slow := time.AfterFunc(slowDelivery, func() {
		err := fmt.Errorf("wait for Kafka, which has not acknowledged %d records for %s: the broker is down or slow", records, slowDelivery)
		s.board.slow(err)
		s.env.Retrying(err)
		s.env.Logger.Warn(err.Error())
	})
	err := write()
	if !slow.Stop() && err == nil {
		s.board.slow(nil)
		s.env.Retrying(nil)
	}
	return err
}

// delivered tells board, metrics, traces and who waits for them about durable records.
func (s *session) delivered(t *tally) {
	now := time.Now()
	s.board.delivered(t, now, s.producer.Transactional())
	s.meters.delivered(t, now)
	s.traceDelivered(t, now)
	for _, v := range t.versions {
		s.env.Logger.Info("A table has a new version", "table", v.Table, "version", v.Number, "lsn", v.From.LSN.String(), "changes", v.Summary())
		if v.Number > 1 {
			s.env.Happened("SchemaChanged", fmt.Sprintf("table %s is version %d from LSN %s on, %s", v.Table, v.Number, v.From.LSN, v.Summary()))
		}
	}
	for _, c := range t.awaited {
		close(c)
	}
}

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
			return fmt.Errorf("stream from slot %q: %w", r.settings.slot, err)
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
	b := r.stage.fill()
	if b == nil {
		r.stage.unlock()
		return errStopped
	}
	if end > b.at.Commit {
		b.at.Commit, b.at.Ordinal = end, 0
	}
	r.dueWithoutRecords(b)
	r.stage.unlock()
	if r.until != 0 && end >= r.until {
		return r.reached()
	}
	return nil
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
	b := r.stage.fill()
	if b == nil {
		r.stage.unlock()
		return errStopped
	}
	err := r.apply(b, m)
	r.stage.unlock()
	r.fail.Pass("after_decode")
	return err
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
	commit := m.CommitLSN
	if commit == 0 {
		// decoderbufs does not tell. What committed before the present position has come, so the transaction is the first
		// that commits after it: that is its identity. A stream that resumes amid it begins at the same position.
		commit = b.at.Commit
	}
	r.tx = transaction{xid: m.XID, began: m.LSN, commit: commit, commitTime: m.CommitTime, counts: counts}
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
	b.at.Commit, b.at.Ordinal = r.tx.commit, r.tx.ordinal
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
	if !delivered {
		b.count(enc, int64(n), ev)
	}
	return nil
}

// unprocessable decides about an event that cannot be encoded, as event.processing.failure.handling.mode says.
func (r *reader) unprocessable(err error) error {
	r.meters.decodeError(context.Background(), "event")
	switch r.settings.skipFailures {
	case "fail":
		return retry.Permanent("%w", err)
	case "warn":
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

// decoder makes the decoder of the session's output plugin.
func (s *session) decoder(r *reader) (pgrepl.Decoder, error) {
	switch s.plugin {
	case "pgoutput":
		o := pgrepl.PgoutputOptions{
			Publication: s.settings.publication.Name, Protocol: s.protocol(), Messages: s.server.Major() >= 14, Extra: s.settings.pluginExtra,
		}
		if o.Protocol >= 2 {
			r.spool = pgrepl.NewSpool("", s.settings.spoolBytes)
			o.Spool = r.spool
		}
		return pgrepl.NewPgoutput(o, s.catalog), nil
	case "wal2json":
		return pgrepl.NewWal2JSON(pgrepl.Wal2JSONOptions{Format: s.settings.wal2jsonFormat, PlainNumbers: s.plainNumbers, Captured: s.settings.filter.read, Extra: s.settings.pluginExtra}, s.catalog), nil
	case "decoderbufs":
		r.spool = pgrepl.NewSpool("", s.settings.spoolBytes)
		return pgrepl.NewDecoderbufs(pgrepl.DecoderbufsOptions{Resume: r.resume, Captured: s.settings.filter.read, Spool: r.spool, Unidentified: s.unidentified, Extra: s.settings.pluginExtra}, s.catalog), nil
	}
	return nil, retry.Permanent("plugin.name=%s is not supported; set plugin.name=pgoutput", s.plugin)
}

// protocol is the version of pgoutput's protocol to ask for: what is set, lowered to what the server knows.
func (s *session) protocol() int {
	most := 1
	switch v := s.server.Major(); {
	case v >= 16:
		most = 4
	case v == 15:
		most = 3
	case v == 14:
		most = 2
	}
	return min(s.settings.protocol, most)
}
