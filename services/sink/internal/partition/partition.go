package partition

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/ingest"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

const (
	// HandoverGrace is how long batches under way may take when the partition goes to another member.
	HandoverGrace = 5 * time.Second
	// idleCommit is how long offsets without rows (tombstones, markers of transactions) wait to be committed.
	idleCommit = time.Second
)

// Member is what a member of the consumer group gives its partitions.
type Member struct {
	Spec       *spec.Spec
	Env        connector.TaskEnv
	Client     *kgo.Client
	Commits    *Committer
	Retry      *retry.Retrier
	Tables     *target.Tables
	Ingest     *ingest.Ingester
	Outbox     *deadletter.Outbox
	Board      *status.Task
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

// Partition makes one partition's records into batches and follows them until they are committed.
// Its goroutine, run, owns the ledger, the encoder and the open batch; everything that waits
// (uploads, commits) is done by goroutines that report back.
type Partition struct {
	of     *Member
	Source batch.Source
	// ctx ends the deliveries.
	ctx    context.Context
	cancel context.CancelCauseFunc

	ledger *ledger.Ledger
	target *target.Table
	// unsure says that no record has said yet that they go to target.
	unsure bool
	enc    *row.Encoder
	// fits is the version of the target that enc is made for.
	fits int
	open *batch.Batch
	// shaped is the schema that the table was last made to fit, once it was.
	shaped     *row.Schema
	shapedOnce bool
	// filled are columns that the task added and that rows of this partition had a field for.
	filled map[string]bool
	// streamed says that changes came since the last snapshot; resumed that nothing is known of
	// that yet, since an earlier task has read what came before.
	streamed, resumed bool
	// next is the offset after the last record seen; -1 before the first.
	next     int64
	inFlight int
	results  chan delivered
	splits   chan splitRequest

	in      inbox
	pending []*kgo.Record
	// taken is what the records hold of which pending is left, gathered what the open batch was last seen to hold.
	taken, gathered int64
	// logEnd is the partition's last stable offset at the last fetch.
	logEnd int64

	stopping chan Stop
	done     chan struct{}

	// Orphaned says that the topic was deleted: nobody will read its records again, so nothing is committed any more.
	Orphaned atomic.Bool
	// Quiet says that there is nothing left to do. It is set under the inbox's lock, so that
	// offering records unsets it for good.
	Quiet atomic.Bool
}

// delivered reports a batch's end.
type delivered struct {
	b   *batch.Batch
	err error
}

// splitRequest asks for a cut to be split before middle. The answer is when that is recorded; nil if it cannot be.
type splitRequest struct {
	cut    ledger.Cut
	middle int64
	answer chan (<-chan error)
}

// Stop ends a partition's work. A fenced partition must not commit any more.
type Stop struct {
	Grace  time.Duration
	Fenced bool
}

// inbox is where the poll loop leaves fetched records; it never blocks the poll loop.
type inbox struct {
	mu      sync.Mutex
	fetches []Fetched
	bytes   int64
	// paused is since when the partition is paused, zero if it is not; low where it goes on.
	paused time.Time
	low    int64
	// closed says that nobody takes from it any more.
	closed bool
	signal chan struct{}
}

// Fetched is what one fetch brought of the partition.
type Fetched struct {
	Records []*kgo.Record
	Bytes   int64
	// End is the last stable offset.
	End int64
}

func New(ctx context.Context, t *Member, tp batch.Source, l *ledger.Ledger) *Partition {
	p := &Partition{
		of: t, Source: tp, ledger: l, next: -1, resumed: l.Known() && l.Committed() > 0, filled: map[string]bool{},
		results: make(chan delivered, t.Spec.MaxInFlight+1), splits: make(chan splitRequest), stopping: make(chan Stop, 1),
		done: make(chan struct{}),
		in:   inbox{signal: make(chan struct{}, 1)},
	}
	p.ctx, p.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	return p
}

// Offer hands fetched records over, and pauses the partition if more than high bytes wait. That is
// done under the inbox's lock, as the resuming is: a pause that came after it would last for ever.
func (p *Partition) Offer(f Fetched, high int64) {
	p.in.mu.Lock()
	if p.in.closed {
		p.in.mu.Unlock()
		p.of.Memory.Hold(-f.Bytes)
		return
	}
	p.Quiet.Store(false)
	p.in.fetches = append(p.in.fetches, f)
	p.in.bytes += f.Bytes
	if p.in.bytes > high && p.in.paused.IsZero() {
		p.in.paused, p.in.low = time.Now(), high/2
		p.of.pause(p.Source)
	}
	p.in.mu.Unlock()
	select {
	case p.in.signal <- struct{}{}:
	default:
	}
}

// take returns the next fetched records, and has the partition fetched again when few are left.
func (p *Partition) take() (f Fetched, ok bool) {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	if len(p.in.fetches) == 0 {
		p.Quiet.Store(p.open == nil && p.inFlight == 0 && len(p.pending) == 0)
		return Fetched{}, false
	}
	f = p.in.fetches[0]
	p.in.fetches[0] = Fetched{} // its records are not to be held by the queue
	p.in.fetches = p.in.fetches[1:]
	p.in.bytes -= f.Bytes
	if !p.in.paused.IsZero() && p.in.bytes <= p.in.low {
		p.in.paused = time.Time{}
		p.of.resume(p.Source)
	}
	return f, true
}

// PausedAt is since when the partition is paused; zero if it is not.
func (p *Partition) PausedAt() time.Time {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	return p.in.paused
}

// Waiting is how many bytes of fetched records nobody has taken yet.
func (p *Partition) Waiting() int64 {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	return p.in.bytes
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
	if len(p.stopping) > 0 { // it waits for the cluster, or for a table that is changed
		p.cancel(errors.New("the partition is handed over"))
	}
	<-p.done
}

// Start runs the partition. A panic ends the task, and no batch of the partition is committed any more.
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
		if err := p.work(); err != nil {
			if p.ctx.Err() == nil {
				p.of.Fail(err)
			}
			p.cancel(err)
			p.drain(Stop{Fenced: true})
			return
		}
		timer.Reset(p.untilFlush())
		signal := p.in.signal
		if len(p.pending) > 0 {
			signal = nil // records wait for room; only a result makes some
		}
		select {
		case <-signal:
		case <-timer.C:
		case d := <-p.results:
			if err := p.finish(d); err != nil {
				if !errors.Is(err, errFenced) && p.ctx.Err() == nil {
					p.of.Fail(err)
				}
				p.cancel(err)
				p.drain(Stop{Fenced: true})
				return
			}
		case r := <-p.splits:
			p.split(r)
		case r := <-p.stopping:
			p.drain(r)
			return
		}
	}
}

// drain waits for what is under way, at most for the grace, and commits what came through.
func (p *Partition) drain(r Stop) {
	p.release()
	if r.Fenced {
		p.cancel(errFenced)
	}
	grace := time.NewTimer(r.Grace)
	defer grace.Stop()
	for p.inFlight > 0 {
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
		case <-p.commit():
		case <-time.After(HandoverGrace): // what is not committed is sent again by the next owner, and skipped
		}
	}
	p.of.Board.Forget(p.Source)
}

// work takes records into batches as long as there is room, and closes batches that are due.
func (p *Partition) work() error {
	for {
		for len(p.pending) > 0 {
			if len(p.stopping) > 0 {
				return nil // the next owner reads the rest
			}
			taken, err := p.record(p.pending[0])
			if err != nil {
				return err
			}
			if !taken {
				return nil
			}
			p.pending[0] = nil // its batch has what it needs of it
			p.pending = p.pending[1:]
		}
		p.account(0)
		f, ok := p.take()
		if !ok {
			break
		}
		p.pending, p.logEnd, p.taken = f.Records, f.End, f.Bytes
		p.of.Board.Fetched(p.Source, f.End)
	}
	return p.closeIfDue()
}

// account brings up to date what the partition holds: taken bytes of fetched records, and the open batch.
func (p *Partition) account(taken int64) {
	gathered := int64(0)
	if p.open != nil {
		gathered = p.open.Memory()
	}
	p.of.Memory.Hold(taken - p.taken + gathered - p.gathered)
	p.taken, p.gathered = taken, gathered
}

// release gives back all that the partition holds but what is under way.
func (p *Partition) release() {
	p.open, p.pending = nil, nil
	p.account(0)
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	p.of.Memory.Hold(-p.in.bytes)
	p.in.fetches, p.in.bytes, p.in.closed = nil, 0, true
}

// record takes one record. It reports false if there is no room: the record must be offered again.
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
	if p.enc == nil || p.unsure {
		if err := p.aim(r); err != nil {
			return false, err
		}
	}
	if p.open != nil && p.crowded() && p.full() {
		return false, nil // what is open cannot be closed yet and must not grow
	}
	if p.open == nil {
		if !p.room() {
			return false, nil
		}
		p.open = &batch.Batch{}
	}
	truncates := p.open.Truncates
	refusal, err := p.row(r)
	if err != nil {
		return false, err
	}
	if refusal != nil {
		if !p.of.Outbox.Takes() {
			return false,
				fmt.Errorf(
					"offset %d of partition %d of %s: %w. Mend the table or the source, set values.check=null to store nulls, or set errors.tolerance=all with errors.deadletterqueue.topic.name to set such records aside",
					r.Offset, r.Partition, r.Topic, refusal)
		}
		p.open.Refused = append(p.open.Refused, batch.Refused{Record: batch.Copy(r), Reason: refusal})
	} else {
		p.of.Tables.Follow(p.ctx, p.target, target.Followed{Source: p.Source, Encoder: p.enc, Filled: p.filled}, r)
		if err := p.watchSnapshots(r); err != nil {
			return false, err
		}
	}
	if p.open.Truncates > truncates {
		if err := p.truncated(r); err != nil {
			return false, err
		}
	}
	p.next = r.Offset + 1
	if limit, recorded := p.ledger.Limit(); recorded {
		switch {
		case p.next == limit:
			if done, err := p.closeBatch(limit); err != nil || !done {
				return err == nil, err
			}
		case p.gathered > p.of.Memory.Limit():
			return false,
				fmt.Errorf(
					"partition %d of %s: the batch from offset %d that is noted to end before offset %d takes more memory than buffer.memory.bytes=%d. If it may have been that large when it was made, set buffer.memory.bytes to what it was. %s",
					p.Source.Partition, p.Source.Topic, p.ledger.First(), limit, p.of.Spec.BufferMemory, Forget(p.of.Env.Connector))
		}
		return true, nil
	}
	if p.full() {
		_, err := p.closeBatch(p.next)
		return true, err
	}
	return true, nil
}

// row makes a record's row part of the open batch, once its table has what it takes. A refusal says
// that the record is no row.
func (p *Partition) row(r *kgo.Record) (refusal, err error) {
	if err := p.shape(r); errors.As(err, new(*target.Unfit)) {
		return err, nil
	} else if err != nil {
		return nil, err
	}
	refusal, err = p.of.Ingest.Add(p.ctx, p.open, p.enc, r)
	if refusal != nil && p.target.Evolved(p.ctx, refusal) {
		p.retarget()
		refusal = p.open.Add(p.enc, r)
	}
	return refusal, err
}

// watchSnapshots notices that a table of changes, whose present state follows from them, is read anew.
func (p *Partition) watchSnapshots(r *kgo.Record) error {
	if !p.of.Spec.Changes {
		return nil
	}
	snapshot, streamed := p.enc.Rereads()
	if snapshot && p.resumed {
		var err error
		if p.streamed, err = p.streamedBefore(r.Offset); err != nil {
			return err
		}
	}
	p.resumed = p.resumed && !snapshot && !streamed
	if snapshot && p.streamed {
		if err := p.readAnew(r); err != nil {
			return err
		}
	}
	p.streamed = (p.streamed || streamed) && !snapshot
	return nil
}

// lookedBack is how many offsets before a snapshot are looked at for what came before it.
const lookedBack = 200

// streamedBefore says whether the last row before an offset was a change of the stream, which an
// earlier task has brought into the table.
func (p *Partition) streamedBefore(offset int64) (streamed bool, err error) {
	enc := row.NewEncoder(p.of.Spec.NewRows(p.target.Route), p.target.Rows())
	err = p.of.Retry.Do(p.ctx, func(ctx context.Context) error {
		return kafka.ReadUntil(ctx, p.of.Env.Kafka, p.Source.Topic,
			map[int32]int64{p.Source.Partition: max(0, offset-lookedBack)}, map[int32]int64{p.Source.Partition: offset},
			func(r *kgo.Record) {
				if err := (&batch.Batch{}).Add(enc, r); err != nil || r.Value == nil || r.Attrs.IsControl() {
					return // it made no row
				}
				if read, changed := enc.Rereads(); read || changed {
					streamed = changed
				}
			}, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	})
	return streamed, err
}

// aim finds the topic's table and makes the encoder. A record that does not say where it is routed,
// such as one that cannot be read, makes no row either: what it is aimed at holds only until the
// next one.
func (p *Partition) aim(r *kgo.Record) error {
	if err := p.of.Retry.Do(p.ctx, func(context.Context) error { return p.of.Ingest.Readable(r) }); err != nil {
		return err
	}
	topic, sure := p.of.Spec.TopicOf(r)
	if p.enc != nil && !sure {
		return nil
	}
	t, err := p.of.Tables.Of(p.ctx, topic)
	if err != nil {
		return err
	}
	if p.unsure = !sure; p.target == t {
		return nil
	}
	p.target = t
	p.enc = row.NewEncoder(p.of.Spec.NewRows(t.Route), row.Target{})
	p.retarget()
	p.of.Board.Aim(p.Source, t.Route)
	return nil
}

// retarget has the next rows checked against the table as it was last seen.
func (p *Partition) retarget() {
	p.fits = p.target.Seen()
	p.enc.Retarget(p.target.Rows())
}

// shape makes or widens the table where a record brings a schema that was not seen before, and what
// gives its current state.
func (p *Partition) shape(r *kgo.Record) error {
	if !p.of.Spec.AutoCreate && !p.of.Spec.AutoEvolve && !p.of.Spec.CurrentState || r.Value == nil || r.Attrs.IsControl() {
		return nil
	}
	schema, err := p.enc.Schema(r)
	if away := (*record.Unavailable)(nil); errors.As(err, &away) {
		if err := p.of.Retry.Do(p.ctx, func(context.Context) error { return p.of.Ingest.Readable(r) }); err != nil {
			return err
		}
		schema, err = p.enc.Schema(r)
	}
	if err != nil {
		return nil // it makes no row, and says nothing of rows
	}
	if schema == p.shaped && p.shapedOnce || r.Key == nil && row.IsTruncate(r.Value) {
		// which has no key and no row to learn from
		return nil
	}
	changed, err := p.of.Tables.Shape(p.ctx, p.target, schema, p.laterSchemas)
	if err != nil {
		return err
	}
	if err := p.of.Tables.ShowState(p.ctx, p.target, r.Key); err != nil {
		return err
	}
	if changed {
		p.retarget()
	}
	p.shaped, p.shapedOnce = schema, true
	return nil
}

// laterSchemas gives the schemas of the records that wait, in their order; one that repeats comes once in a row.
func (p *Partition) laterSchemas(yield func(*row.Schema) bool) {
	p.in.mu.Lock()
	waiting := make([][]*kgo.Record, 1, 1+len(p.in.fetches))
	waiting[0] = p.pending
	for _, f := range p.in.fetches {
		waiting = append(waiting, f.Records)
	}
	p.in.mu.Unlock()
	var last *row.Schema
	for _, records := range waiting {
		for _, r := range records {
			if r.Value == nil || r.Attrs.IsControl() {
				continue
			}
			if schema, err := p.enc.Schema(r); err == nil && schema != nil && schema != last {
				if last = schema; !yield(schema) {
					return
				}
			}
		}
	}
}

// room says whether another batch may be begun.
func (p *Partition) room() bool {
	return p.inFlight == 0 || p.inFlight < p.of.Spec.MaxInFlight && p.of.Memory.Sends() && !p.ledger.Full()
}

// crowded says that no further cut can be recorded before one is committed, because a commit's
// metadata has no room for it.
func (p *Partition) crowded() bool {
	_, recorded := p.ledger.Limit()
	return !recorded && p.ledger.Full()
}

// full says whether the open batch should be sent: it has its size and nothing else is under way,
// or it must not grow further.
func (p *Partition) full() bool {
	size := p.open.Size
	if p.target.Mode == spec.ModeStreaming && size >= ingest.MaxStreamed || p.open.Rows > 0 &&
		p.of.Spec.WholeFiles(p.target.Route) {
		return true
	}
	return size >= p.of.Spec.FlushMax || size > p.of.Spec.FlushSize && p.inFlight == 0 || p.yields() ||
		len(p.open.Refused) >= ingest.MaxRefused || p.gathered > max(batch.Chunk, p.of.Memory.Limit()/4)
}

// leastYield is how many bytes of rows a batch has that goes before its time, so that others have room.
const leastYield = 1 << 20

// yields says whether the open batch should go before its time: it has what makes a batch, and
// memory is used up by batches that wait.
func (p *Partition) yields() bool {
	return p.open.Size > leastYield && p.inFlight == 0 && !p.of.Memory.Roomy()
}

// yieldInterval is how often a batch that waits looks whether it should yield.
const yieldInterval = 200 * time.Millisecond

// streams says whether the open batch, closed now, would be streamed. A cut that was recorded
// belongs to a batch that may have been queued with its tag, so it is queued again.
func (p *Partition) streams() bool {
	if _, recorded := p.ledger.Limit(); recorded || p.open == nil || p.open.Size > ingest.MaxStreamed {
		return false
	}
	return p.target.Streams(time.Now())
}

// patience is how long the open batch may wait for more rows. One that will be streamed goes as
// soon as the one before it is through, and fills meanwhile: the slower the cluster answers, the
// larger the requests.
func (p *Partition) patience() time.Duration {
	if p.open.Rows == 0 && len(p.open.Refused) == 0 {
		return min(idleCommit, p.of.Spec.FlushInterval)
	}
	if p.inFlight == 0 && p.streams() {
		return min(p.of.Spec.Linger, p.of.Spec.FlushInterval)
	}
	return p.of.Spec.FlushInterval
}

// untilFlush is how long the open batch may still wait.
func (p *Partition) untilFlush() time.Duration {
	if p.open == nil || len(p.pending) > 0 || p.inFlight > p.of.Spec.MaxInFlight || p.crowded() {
		return time.Hour // a result comes first
	}
	wait := max(0, time.Until(p.open.Oldest.Add(p.patience())))
	if p.open.Size > leastYield {
		wait = min(wait, yieldInterval)
	}
	return wait
}

func (p *Partition) closeIfDue() error {
	if p.open == nil {
		return nil
	}
	due := time.Since(p.open.Oldest) >= p.patience()
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

// exhausted says that the range before limit, where the open batch must end, has no more records
// than were taken: its last ones may have been compacted, and may as well be on their way.
func (p *Partition) exhausted(limit int64) bool {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	empty, err := kafka.Empty(ctx, p.of.Client, p.Source.Topic, p.Source.Partition, p.next, limit)
	if err != nil {
		p.of.Env.Logger.Debug("whether a noted batch has more records is not known; it is asked again", "topic",
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
	if !empty && p.inFlight > p.of.Spec.MaxInFlight || p.crowded() {
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
		p.of.Board.Passed(b)
		p.of.Meters.Delivered(p.ctx, p.Source.Topic, b)
		if p.ledger.Done(cut) {
			p.note()
			p.of.Board.Committed(p.Source, p.ledger.Committed())
		}
		return true, nil
	}
	b.Close()
	p.inFlight++
	p.target.Budget.Charge(time.Now(), b.Size)
	p.account(p.taken)
	p.of.Memory.Depart(b.Memory())
	recorded := p.recordCut(b)
	contain.Go("delivery of a batch", func() { p.results <- delivered{b, p.deliver(b, recorded)} },
		func(err error) { p.results <- delivered{b, err} })
	return true, nil
}

// recordCut makes the cut durable before anything of it is sent, where delivery is to be exactly once.
func (p *Partition) recordCut(b *batch.Batch) <-chan error {
	if p.of.Spec.Exact && !b.Streamed {
		return p.commit()
	}
	done := make(chan error, 1)
	done <- nil
	return done
}

func (p *Partition) commit() <-chan error {
	if p.Orphaned.Load() { // no replay will come that would have to make the same cuts
		done := make(chan error, 1)
		done <- nil
		return done
	}
	return p.of.Commits.commit(p, position{p.ledger.Committed(), p.ledger.Metadata()})
}

// note has the position committed in a while.
func (p *Partition) note() {
	if !p.Orphaned.Load() {
		p.of.Commits.note(p, position{p.ledger.Committed(), p.ledger.Metadata()})
	}
}

// divide has a cut split and returns when that is recorded, so that a crash repeats the parts and
// not the whole. Where the ledger has no room for it, the parts are sent unrecorded.
func (p *Partition) divide(c ledger.Cut, middle int64) error {
	r := splitRequest{c, middle, make(chan (<-chan error), 1)}
	var recorded <-chan error
	select {
	case p.splits <- r:
		if recorded = <-r.answer; recorded == nil {
			return nil
		}
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
	select {
	case err := <-recorded:
		return err
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
}

func (p *Partition) split(r splitRequest) {
	if !p.ledger.Split(r.cut, r.middle) {
		r.answer <- nil
		return
	}
	r.answer <- p.commit()
}

// deliver sends a batch and returns when its rows are in the table and its refused records are set aside.
func (p *Partition) deliver(b *batch.Batch, recorded <-chan error) error {
	p.of.Failpoints.Pass("before_record")
	select {
	case err := <-recorded:
		if err != nil {
			return err
		}
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
	p.of.Failpoints.Pass("after_record")
	if err := p.of.Outbox.SetAside(p.ctx, b.Refused); err != nil {
		return err
	}
	if b.Rows == 0 {
		return nil
	}
	divide := p.divide
	if !p.of.Spec.Exact || b.Streamed {
		divide = func(ledger.Cut, int64) error { return nil }
	}
	return p.of.Ingest.Deliver(p.ctx, p.target, p.Source, b, divide)
}

// finish notes a batch's end in the ledger.
func (p *Partition) finish(d delivered) error {
	p.inFlight--
	p.of.Memory.Arrive(d.b.Memory())
	if d.err != nil {
		return d.err
	}
	p.of.Board.Ingested(p.Source, d.b)
	p.of.Meters.Delivered(p.ctx, p.Source.Topic, d.b)
	p.of.Failpoints.Pass("before_commit")
	if p.ledger.Done(d.b.Cut) {
		p.note()
		p.of.Board.Committed(p.Source, p.ledger.Committed())
	}
	p.of.Failpoints.Pass("after_commit")
	if p.target != nil {
		p.target.Refresh(p.ctx)
		if p.target.Seen() != p.fits {
			p.retarget()
		}
	}
	return nil
}

// truncated tells that the source's table was truncated, which a table of rows does not follow.
func (p *Partition) truncated(r *kgo.Record) error {
	to := p.target
	table := to.Route.Database + "." + to.Route.Table
	return p.of.Board.Keep(p.ctx, &sinkv1.SinkNotice{
		Kind: sinkv1.SinkNotice_KIND_TRUNCATED, Topic: to.Route.Topic, Table: table,
		Summary: fmt.Sprintf(
			"the source's table was truncated at %s, and the rows that it had are still in %s, where rows are appended and never removed", r.Timestamp.UTC().Format(time.RFC3339), table),
		Remedy: "table.form=changes with current.state=true gives the rows that the source has now. To empty the copy by hand: .clear table ['" + to.Route.Table + "'] data, where no later rows are in it. " + p.of.Board.Acknowledge(),
	}, p.of.Retry.Do)
}

// readAnew tells that a snapshot has begun after changes were streamed: what was deleted while
// nobody read the source's log has no delete in the topic.
func (p *Partition) readAnew(r *kgo.Record) error {
	to := p.target
	table := to.Route.Database + "." + to.Route.Table
	return p.of.Board.Keep(p.ctx, &sinkv1.SinkNotice{
		Kind: sinkv1.SinkNotice_KIND_SNAPSHOT_REPEATED, Topic: to.Route.Topic, Table: table,
		Summary: fmt.Sprintf(
			"the source was read anew by a snapshot from %s on (a lost slot, or a signal): rows that were deleted before it without an event are still in the present state of %s", r.Timestamp.UTC().Format(time.RFC3339), table),
		Remedy: "When the snapshot has ended, have them removed: calypsoctl repair <source connector> shows what it would remove, and with --write removes it. " + p.of.Board.Acknowledge(),
	}, p.of.Retry.Do)
}

// Forget is how the user has a noted batch forgotten.
func Forget(connector string) string {
	return fmt.Sprintf(
		"To have it forgotten and go on, stop the connector, write back the offset that it has for the partition (calypsoctl offsets get %[1]s -o json, calypsoctl offsets set %[1]s; or GET and PATCH /connectors/%[1]s/offsets) and resume it; "+
			"rows of such a batch that are in the table already come twice then", connector)
}
