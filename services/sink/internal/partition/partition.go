package partition

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/batcher"
	"github.com/calypso-cdc/calypso/services/sink/internal/ingest"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

const (
	// HandoverGrace is how long batches under way may take when the partition moves to another
	// member.
	HandoverGrace = 5 * time.Second
	// idleCommit is how long offsets without rows (tombstones, markers of transactions) wait to be committed.
	idleCommit = time.Second
)

// Member is what a member of the consumer group gives its partitions.
type Member struct {
	// Task is what their batchers work with.
	Task       batcher.Task
	Client     *kgo.Client
	Commits    *Committer
	Memory     *memory.Share
	Meters     *status.Meters
	Failpoints *failpoint.Set
	// Wanted is signalled when a partition wants records again.
	Wanted chan<- struct{}
	// Fail ends the task.
	Fail func(error)
}

// pause has a partition not fetched until it is resumed.
func (m *Member) pause(tp batch.Source) {
	m.Client.PauseFetchPartitions(map[string][]int32{tp.Topic: {tp.Partition}})
}

func (m *Member) resume(tp batch.Source) {
	m.Client.ResumeFetchPartitions(map[string][]int32{tp.Topic: {tp.Partition}})
	select {
	case m.Wanted <- struct{}{}:
	default:
	}
}

// Partition turns one partition's records into batches and follows them until they are committed.
// Its goroutine, run, owns the ledger, the batcher and the open batch; everything that waits
// (uploads, commits) is done by goroutines that report back.
type Partition struct {
	of     *Member
	Source batch.Source
	// ctx ends the deliveries.
	ctx    context.Context
	cancel context.CancelCauseFunc

	ledger *ledger.Ledger
	rows   *batcher.Batcher
	open   *batch.Batch
	// sent are the batches under way, in their order.
	sent []*batch.Batch
	// next is the offset after the last record seen; -1 before the first.
	next    int64
	results chan delivered
	splits  chan splitRequest

	in      *inbox
	pending []*kgo.Record
	// waits is what the first of pending waits for; nil if it waits for nothing.
	waits *wait
	// takenBytes is what the records hold from which pending is left, openBytes what the open batch
	// was last seen to hold.
	takenBytes, openBytes int64
	// logEnd is the partition's last stable offset at the last fetch.
	logEnd int64

	stopping chan Stop
	done     chan struct{}

	// Orphaned says that the topic was deleted: nobody will read its records again, so nothing more
	// is committed.
	Orphaned atomic.Bool
}

// delivered reports a batch's end.
type delivered struct {
	b   *batch.Batch
	err error
}

// Stop ends a partition's work. A fenced partition must no longer commit.
type Stop struct {
	Grace  time.Duration
	Fenced bool
}

// New makes a partition that continues where its ledger says. ctx is the task's.
func New(ctx context.Context, m *Member, of batch.Source, l *ledger.Ledger) *Partition {
	p := &Partition{
		of: m, Source: of, ledger: l, next: -1, results: make(chan delivered, m.Task.Spec.MaxInFlight+1),
		splits: make(chan splitRequest), stopping: make(chan Stop, 1), done: make(chan struct{}),
		in: newInbox(func() { m.pause(of) }, func() { m.resume(of) }),
	}
	p.rows = batcher.New(&m.Task, of, l.Known() && l.Committed() > 0, waitingIn(p))
	p.ctx, p.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	return p
}

// Offer hands fetched records over, and pauses the partition if more than high bytes wait.
func (p *Partition) Offer(f Fetched, high int64) {
	if !p.in.put(f, high) {
		p.of.Memory.Hold(-f.Bytes)
	}
}

// State is how many bytes of fetched records nobody has taken yet, since when the partition is
// paused (zero if it is not), and whether it has nothing left to do.
func (p *Partition) State() (waiting int64, paused time.Time, quiet bool) { return p.in.state() }

// waitingIn gives the records that wait to be taken, in their order.
func waitingIn(p *Partition) iter.Seq[*kgo.Record] {
	return func(yield func(*kgo.Record) bool) {
		for _, records := range append([][]*kgo.Record{p.pending}, p.in.waiting()...) {
			for _, r := range records {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// Stop ends the partition and returns when it has.
func (p *Partition) Stop(r Stop) {
	select {
	case p.stopping <- r:
	default:
	}
	patience := time.NewTimer(r.Grace)
	defer patience.Stop()
	select {
	case <-p.done:
		return
	case <-patience.C:
	}
	if len(p.stopping) > 0 { // it asks for something that does not answer
		p.cancel(errors.New("the partition is handed over"))
	}
	<-p.done
}

// Abandon has the partition end without committing anything more, and does not wait for it.
func (p *Partition) Abandon() {
	p.cancel(errFenced)
	select {
	case p.stopping <- Stop{Fenced: true}:
	default: // it has been asked to
	}
}

// Start runs the partition. A panic ends the task, and no more batches of the partition are
// committed.
func (p *Partition) Start() {
	contain.Go("partition", func() {
		p.Run()
		close(p.done)
	}, func(err error) {
		p.of.Fail(err)
		p.cancel(err)
		close(p.done)
	})
}

func (p *Partition) Run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		err := p.work()
		if p.of.Task.Status.Holds(p.Source, holdingOf(p)); err != nil {
			endingOf(p, err).run()
			return
		}
		timer.Reset(p.untilFlush())
		signal := p.in.signal
		if len(p.pending) > 0 {
			signal = nil // records wait for room; only a result makes some
		}
		var failed error
		select {
		case <-signal:
		case <-timer.C:
		case d := <-p.results:
			failed = p.finish(d)
		case err := <-p.waits.over():
			failed = p.waits.failure(err)
			p.waits = nil
		case r := <-p.splits:
			p.split(r)
		case r := <-p.stopping:
			p.drain(r)
			return
		}
		if failed != nil {
			endingOf(p, failed).run()
			return
		}
	}
}

// drain waits for what is under way, at most for the grace period, and commits what has arrived.
func (p *Partition) drain(r Stop) {
	p.release()
	if r.Fenced {
		p.cancel(errFenced)
	}
	grace := time.NewTimer(r.Grace)
	defer grace.Stop()
	for len(p.sent) > 0 {
		select {
		case d := <-p.results:
			_ = p.finish(d) // a failed batch is read again by the next owner
		case r := <-p.splits:
			p.split(r)
		case <-grace.C:
			p.cancel(errors.New("the partition is handed over"))
		}
	}
	p.cancel(errFenced)
	if !r.Fenced && p.ledger.Known() {
		select {
		case <-p.of.Commits.commit(p, p.position()):
		case <-time.After(HandoverGrace): // what is not committed is sent again by the next owner, and skipped
		}
	}
	if p.waits != nil {
		<-p.waits.ended // at the latest when its question is answered, or has been too long
	}
	p.of.Task.Status.Forget(p.Source)
}

// work takes records into batches as long as there is room and none waits, and closes batches that
// are due.
func (p *Partition) work() error {
	for p.waits == nil {
		for len(p.pending) > 0 {
			if len(p.stopping) > 0 {
				return nil // the next owner reads the rest
			}
			taken, err := p.record(p.pending[0])
			if err != nil {
				return err
			}
			if p.waits != nil {
				return p.closeIfDue()
			}
			if !taken {
				return nil
			}
			p.pending[0] = nil // its batch has what it needs of it
			p.pending = p.pending[1:]
		}
		p.account(0)
		f, ok := p.in.take(p.open == nil && len(p.sent) == 0 && len(p.pending) == 0)
		if !ok {
			break
		}
		p.pending, p.logEnd, p.takenBytes = f.Records, f.End, f.Bytes
		p.of.Task.Status.Fetched(p.Source, f.End)
		p.of.Task.Status.Holds(p.Source, holdingOf(p)) // before anything waits for the cluster
	}
	return p.closeIfDue()
}

// account updates what the partition holds: taken bytes of fetched records, and the open batch.
func (p *Partition) account(taken int64) {
	open := int64(0)
	if p.open != nil {
		open = p.open.Memory()
	}
	p.of.Memory.Hold(taken - p.takenBytes + open - p.openBytes)
	p.takenBytes, p.openBytes = taken, open
}

// release gives back everything that the partition holds, except what is under way.
func (p *Partition) release() {
	p.open, p.pending = nil, nil
	p.account(0)
	p.of.Memory.Hold(-p.in.close())
}

// record takes one record. It reports false if there is no room or the record waits: it must be
// offered again.
func (p *Partition) record(r *kgo.Record) (bool, error) {
	p.ledger.Begin(r.Offset)
	if r.Offset < p.ledger.First() || r.Offset < p.next {
		return true, nil // read again after a rebalance, and already part of a batch
	}
	for { // a recorded cut, or several, may end before this record
		limit, recorded := p.ledger.Limit()
		if !recorded || r.Offset < limit {
			break
		}
		if done, err := p.closeBatch(limit); !done {
			return false, err
		}
	}
	if err := p.rows.Route(r); err != nil {
		return false, untaken(p, r, err)
	}
	if p.open != nil && p.crowded() && p.full() {
		return false, nil // what is open cannot be closed yet and must not grow
	}
	to := p.open
	if to == nil {
		if !p.room() {
			return false, nil
		}
		to = &batch.Batch{}
	}
	if err := p.rows.Add(p.ctx, to, r); err != nil {
		return false, untaken(p, r, err)
	}
	p.open, p.next = to, r.Offset+1
	if limit, recorded := p.ledger.Limit(); recorded {
		switch {
		case p.next == limit:
			if done, err := p.closeBatch(limit); err != nil || !done {
				return err == nil, err
			}
		case p.openBytes > p.of.Memory.Limit():
			return false,
				fmt.Errorf(
					"partition %d of %s: the batch from offset %d that is noted to end before offset %d takes more memory than buffer.memory.bytes=%d. If it may have been that large when it was made, set buffer.memory.bytes to what it was. %s",
					p.Source.Partition, p.Source.Topic, p.ledger.First(), limit, p.of.Task.Spec.BufferMemory,
					Forget(p.of.Task.Env.Connector))
		}
		return true, nil
	}
	if p.full() {
		_, err := p.closeBatch(p.next)
		return true, err
	}
	return true, nil
}

// room reports whether another batch may be begun.
func (p *Partition) room() bool {
	return len(p.sent) == 0 || len(p.sent) < p.of.Task.Spec.MaxInFlight && p.of.Memory.MaySend() && !p.ledger.Full()
}

// crowded says that no further cut can be recorded before one is committed, because a commit's
// metadata has no room for it.
func (p *Partition) crowded() bool {
	_, recorded := p.ledger.Limit()
	return !recorded && p.ledger.Full()
}

// full reports whether the open batch should be sent: it has its size and nothing else is under way,
// or it must not grow further.
func (p *Partition) full() bool {
	size := p.open.Size
	if p.rows.Table().Mode == spec.ModeStreaming && size >= ingest.MaxStreamed || p.open.Rows > 0 &&
		p.of.Task.Spec.WholeFiles(p.rows.Table().Route) {
		return true
	}
	return size >= p.of.Task.Spec.FlushMax || size > p.of.Task.Spec.FlushSize && len(p.sent) == 0 || p.yields() ||
		len(p.open.Refused) >= ingest.MaxRefused || p.openBytes > max(batch.Chunk, p.of.Memory.Limit()/4)
}

// leastYield is how many bytes of rows a batch must have to be sent early to make room for others.
const leastYield = 1 << 20

// yields reports whether the open batch should be sent early: it is large enough, and memory is
// used up by waiting batches.
func (p *Partition) yields() bool {
	return p.open.Size > leastYield && len(p.sent) == 0 && !p.of.Memory.HasRoom()
}

// yieldInterval is how often a batch that waits checks whether it should yield.
const yieldInterval = 200 * time.Millisecond

// streams reports whether the open batch, closed now, would be streamed. A cut that was recorded
// belongs to a batch that may have been queued with its tag, so it is queued again.
func (p *Partition) streams() bool {
	if _, recorded := p.ledger.Limit(); recorded || p.open == nil || p.open.Size > ingest.MaxStreamed {
		return false
	}
	return p.rows.Table().Pace.Streams(time.Now())
}

// patience is how long the open batch may wait for more rows. One that will be streamed is sent as
// soon as the one before it has arrived, and fills meanwhile: the slower the cluster answers, the
// larger the requests.
func (p *Partition) patience() time.Duration {
	if p.open.Rows == 0 && len(p.open.Refused) == 0 {
		return min(idleCommit, p.of.Task.Spec.FlushInterval)
	}
	if len(p.sent) == 0 && p.streams() {
		return min(p.of.Task.Spec.Linger, p.of.Task.Spec.FlushInterval)
	}
	return p.of.Task.Spec.FlushInterval
}

// untilFlush is how long the open batch may still wait.
func (p *Partition) untilFlush() time.Duration {
	if p.open == nil || len(p.pending) > 0 && p.waits == nil || len(p.sent) > p.of.Task.Spec.MaxInFlight ||
		p.crowded() || mustWait(p) {
		return time.Hour // a result comes first
	}
	wait := max(0, min(time.Until(p.open.Oldest.Add(p.patience())), p.waits.untilLong()))
	if p.open.Size > leastYield {
		wait = min(wait, yieldInterval)
	}
	return wait
}

func (p *Partition) closeIfDue() error {
	if p.open == nil || mustWait(p) {
		return nil
	}
	due := time.Since(p.open.Oldest) >= p.patience() || p.waits.untilLong() <= 0
	if limit, recorded := p.ledger.Limit(); recorded {
		if !due {
			return nil
		}
		if p.logEnd >= limit && p.exhausted(limit) {
			_, err := p.closeBatch(limit)
			return err
		}
		p.open.Oldest = time.Now()
		return nil
	}
	if due || p.full() {
		_, err := p.closeBatch(p.next)
		return err
	}
	return nil
}

// exhausted reports whether the range before limit, where the open batch must end, has no more
// records than were taken: its last ones may have been compacted away, or may still be on their
// way.
func (p *Partition) exhausted(limit int64) bool {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	empty, err := kafka.Empty(ctx, p.of.Client, p.Source.Topic, p.Source.Partition, p.next, limit)
	if err != nil {
		p.of.Task.Env.Logger.Debug("whether a noted batch has more records is not known; it is asked again", "topic",
			p.Source.Topic, "partition", p.Source.Partition, "err", err)
	}
	return empty
}

// closeBatch ends the open range before end and sends it on its way. It reports false if the range cannot be sent now.
func (p *Partition) closeBatch(end int64) (bool, error) {
	b := p.open
	if b == nil {
		b = &batch.Batch{}
	}
	empty := b.Rows == 0 && len(b.Refused) == 0
	if !empty && len(p.sent) > p.of.Task.Spec.MaxInFlight || p.crowded() {
		return false, nil
	}
	b.Streamed = !empty && p.streams()
	_, b.Recorded = p.ledger.Limit()
	p.open = nil
	cut, err := p.ledger.Close(end)
	if err != nil {
		return false, fmt.Errorf("partition %d of %s: %w", p.Source.Partition, p.Source.Topic, err)
	}
	b.Cut = cut
	if empty {
		p.of.Task.Status.Passed(b)
		p.of.Meters.Delivered(p.ctx, p.Source.Topic, b)
		if p.ledger.Done(cut) {
			commitMoved(p)
		}
		return true, nil
	}
	b.Close()
	p.sent = append(p.sent, b)
	p.rows.Table().Pace.Charge(time.Now(), b.Size)
	p.account(p.takenBytes)
	p.of.Memory.BatchSent(b.Memory())
	d := delivery{of: p.of, source: p.Source, ctx: p.ctx, to: p.rows.Table(), batch: b, recorded: p.recordCut(b),
		splits: p.splits}
	contain.Go("delivery of a batch", func() { p.results <- delivered{b, d.run()} },
		func(err error) { p.results <- delivered{b, err} })
	return true, nil
}

// recordCut makes the cut durable before anything of it is sent, if delivery is to be exactly once.
func (p *Partition) recordCut(b *batch.Batch) <-chan error {
	if p.of.Task.Spec.Exact && !b.Streamed {
		return p.of.Commits.commit(p, p.position())
	}
	done := make(chan error, 1)
	done <- nil
	return done
}

// position is what may be committed.
func (p *Partition) position() position { return position{p.ledger.Committed(), p.ledger.Metadata()} }

// split answers a delivery that has its cut divided.
func (p *Partition) split(r splitRequest) {
	if !p.ledger.Split(r.cut, r.middle) {
		r.answer <- nil
		return
	}
	r.answer <- p.of.Commits.commit(p, p.position())
}

// finish notes a batch's end in the ledger. An error is a *failure.
func (p *Partition) finish(d delivered) error {
	p.sent = slices.DeleteFunc(p.sent, func(b *batch.Batch) bool { return b == d.b })
	p.of.Memory.BatchDone(d.b.Memory())
	if d.err != nil {
		if p.ledger.DoneBefore(d.b.Cut, d.b.Through) {
			commitMoved(p)
		}
		return &failure{max(d.b.Cut.First, d.b.Through), d.err}
	}
	p.of.Task.Status.Ingested(p.Source, d.b)
	p.of.Meters.Delivered(p.ctx, p.Source.Topic, d.b)
	p.of.Failpoints.Pass("before_commit")
	if p.ledger.Done(d.b.Cut) {
		commitMoved(p)
	}
	p.of.Failpoints.Pass("after_commit")
	p.rows.Refresh()
	return nil
}

// commitMoved has the offset committed that the ledger has moved.
func commitMoved(p *Partition) {
	p.of.Commits.note(p, p.position())
	p.of.Task.Status.Committed(p.Source, p.ledger.Committed())
}

// Forget is how the user has a noted batch forgotten.
func Forget(connector string) string {
	return fmt.Sprintf(
		"To have it forgotten and go on, stop the connector, write back the offset that it has for the partition (calypsoctl offsets get %[1]s -o json, calypsoctl offsets set %[1]s; or GET and PATCH /connectors/%[1]s/offsets) and resume it; "+
			"rows of such a batch that are in the table already come twice then", shell.Quote(connector))
}
