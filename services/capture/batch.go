package capture

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// batch is what is written to Kafka at once: records and the checkpoint that they lead to.
type batch struct {
	change.Batch
	tally
	// whole says that the batch ends between two transactions.
	whole bool
	// due says that the position is worth a Kafka transaction even without records.
	due bool
	// signalOffset is the offset after the last record of the signal topic that the batch obeys; nil if it obeys none.
	signalOffset *int64
}

// tally is what board, metrics and traces are told about records once they are durable. Those of the batches of one Kafka
// transaction add up.
type tally struct {
	// at is the position after the last record.
	at pgrepl.Position
	// transactions counts the commits; txID and commitTime are those of the last one.
	transactions int
	txID         uint32
	commitTime   int64
	// changed counts the transactions that have events, which is why they are delivered at once; the earliest of their commits was at
	// oldest, the last at newest. Times are in microseconds since the Unix epoch.
	changed        int64
	oldest, newest int64
	// steps are the snapshot's advances that the records make.
	steps []snapshotStep
	// traces are the sampled transactions.
	traces []tracedTransaction
	// counts are the change events, by table and operation.
	counts []eventCount
	// versions are the versions of tables that the records are the first of.
	versions []tableVersion
	// incremental is the progress of incremental snapshots that the records make; nil if they make none.
	incremental *incrementalProgress
	// awaited are closed when the records are durable.
	awaited []chan struct{}
	// began is when the first of the records was handed to the producer, topic where it went, records how many there are.
	began   time.Time
	topic   string
	records int
}

// add takes over a batch that is about to be written.
func (t *tally) add(b *batch) {
	if t.began.IsZero() {
		t.began = time.Now()
	}
	if t.topic == "" && len(b.Records) > 0 {
		t.topic = b.Records[0].Topic
	}
	t.records += len(b.Records)
	t.at = b.at
	if b.transactions > 0 {
		t.transactions += b.transactions
		t.txID, t.commitTime = b.txID, b.commitTime
	}
	t.change(b.changed, b.oldest, b.newest)
	if b.incremental != nil {
		t.incremental = b.incremental
	}
	t.awaited = append(t.awaited, b.awaited...)
	t.steps = append(t.steps, b.steps...)
	t.traces = append(t.traces, b.traces...)
	t.versions = append(t.versions, b.versions...)
	for i := range b.counts {
		c := &b.counts[i]
		sum := t.counter(c.table, c.op)
		sum.n, sum.rows = sum.n+c.n, sum.rows+c.rows
		sum.lsn, sum.commitTime = c.lsn, c.commitTime
	}
}

// change counts n transactions with events.
func (t *tally) change(n, oldest, newest int64) {
	if n == 0 {
		return
	}
	if t.changed == 0 || oldest < t.oldest {
		t.oldest = oldest
	}
	t.changed, t.newest = t.changed+n, newest
}

// reset forgets everything and keeps the memory.
func (t *tally) reset() {
	clear(t.steps)
	clear(t.traces)
	clear(t.counts)
	clear(t.versions)
	*t = tally{steps: t.steps[:0], traces: t.traces[:0], counts: t.counts[:0], versions: t.versions[:0]}
}

// eventCount counts what became events, of one table and operation.
type eventCount struct {
	table *tableEncoder
	op    change.Op
	// n counts events, rows the changes that they are made of: an update that changes the key is two events.
	n, rows int64
	// lsn and commitTime (microseconds since the Unix epoch) are the last change's.
	lsn        uint64
	commitTime int64
}

// count counts the n events that a change became.
func (t *tally) count(of *tableEncoder, n int64, ev *change.Event) {
	c := t.counter(of, ev.Op)
	c.n += n
	if n > 0 {
		c.rows++
	}
	c.lsn, c.commitTime = ev.Source.LSN, ev.Source.CommitTime
}

// counter finds the count of a table and an operation.
func (t *tally) counter(of *tableEncoder, op change.Op) *eventCount {
	for i := len(t.counts) - 1; i >= 0; i-- {
		if c := &t.counts[i]; c.table == of && c.op == op {
			return c
		}
	}
	return t.newCounter(of, op)
}

func (t *tally) newCounter(of *tableEncoder, op change.Op) *eventCount {
	t.counts = append(t.counts, eventCount{table: of, op: op})
	return &t.counts[len(t.counts)-1]
}

func (b *batch) reset() {
	b.Batch.Reset()
	b.tally.reset()
	*b = batch{Batch: b.Batch, tally: b.tally}
}

// stage is where the stream's reader hands batches to the deliverer. There are two: the reader fills one while the other
// is being written. The deliverer takes the open batch as soon as it is free and the batch ends between transactions or
// is full: so a single row leaves at once, and under load batches grow to what the last write left time for, without
// any timer. A reader that finds the open batch full waits, and with it the socket.
//
// A written batch is free again before it is durable: that it becomes, with others, when a Kafka transaction is committed.
type stage struct {
	// maxEvents and maxBytes bound one batch (soft: the event that reaches a limit still goes in).
	maxEvents, maxBytes int

	mu     sync.Mutex
	filled sync.Cond // the open batch became ready, or the stage closed
	freed  sync.Cond // the open batch was taken, or the stage closed
	// mu guards all that follows. open is never nil; spare is nil while it is being written.
	open, spare *batch
	closed      bool
	// ring knows which batches are durable; tickets are those of taken batches that are not.
	ring    *pgrepl.Ring
	tickets []pgrepl.Ticket
	// taken counts the transactions of those batches.
	taken int
	// held is what the stage held when it was last looked at.
	held atomic.Int64
	// waiting are those that fill holds up now, since blocked; waited is for how long others were held up before.
	waiting int
	blocked time.Time
	waited  time.Duration
}

func newStage(at pgrepl.Position, maxEvents, maxBytes int) *stage {
	s := &stage{maxEvents: maxEvents, maxBytes: maxBytes, open: &batch{tally: tally{at: at}, whole: true}, spare: new(batch), ring: pgrepl.NewRing(at.Commit)}
	s.filled.L, s.freed.L = &s.mu, &s.mu
	return s
}

func (s *stage) full(b *batch) bool { return len(b.Records) >= s.maxEvents || b.Size >= s.maxBytes }

// ready says whether the open batch may be taken.
func (s *stage) ready() bool {
	b := s.open
	return len(b.Records) > 0 && (b.whole || s.full(b)) || b.due
}

// fill locks the stage and returns the open batch with room in it; nil if the stage is closed. unlock must follow.
func (s *stage) fill() *batch {
	s.mu.Lock()
	if s.full(s.open) && !s.closed {
		s.await()
	}
	if s.closed {
		return nil
	}
	return s.open
}

// await waits for room in the open batch.
func (s *stage) await() {
	if s.waiting++; s.waiting == 1 {
		s.blocked = time.Now()
	}
	for s.full(s.open) && !s.closed {
		s.freed.Wait()
	}
	if s.waiting--; s.waiting == 0 {
		s.waited += time.Since(s.blocked)
	}
}

// unlock ends what fill began.
func (s *stage) unlock() {
	if s.spare != nil && s.ready() {
		s.filled.Signal()
	}
	s.mu.Unlock()
}

// take waits for a batch that is ready; nil if the stage is closed.
func (s *stage) take() *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed && !s.ready() {
		s.filled.Wait()
	}
	if s.closed {
		return nil
	}
	b := s.open
	s.open, s.spare = s.spare, nil
	s.open.at, s.open.whole = b.at, b.whole
	s.freed.Signal()
	s.tickets = append(s.tickets, s.ring.Track(b.at.Commit, b.Size))
	s.taken += b.transactions
	return b
}

// written gives a batch back that the broker holds, and says whether the next one is ready already.
func (s *stage) written(b *batch) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.reset()
	s.spare = b
	return s.ready() && !s.closed
}

// committed notes that all written batches are durable and returns the LSN below which everything is.
func (s *stage) committed() pgrepl.LSN {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tickets {
		s.ring.Done(t)
	}
	s.tickets, s.taken = s.tickets[:0], 0
	s.freed.Signal()
	return s.ring.Mark()
}

// stageLoad is what a stage holds.
type stageLoad struct {
	// bytes of records, and transactions that were read to their commit, wait or are being delivered.
	bytes, transactions int
	// waited is for how long the reader has had to wait for room.
	waited time.Duration
}

func (s *stage) load() stageLoad {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, n := s.ring.InFlight()
	l := stageLoad{bytes: n + s.open.Size, transactions: s.taken + s.open.transactions, waited: s.waited}
	if s.waiting > 0 {
		l.waited += time.Since(s.blocked)
	}
	return l
}

// holds is how many bytes the stage holds, or held before the event that is being encoded now: it never waits.
func (s *stage) holds() int64 {
	if s.mu.TryLock() {
		defer s.mu.Unlock()
		_, n := s.ring.InFlight()
		s.held.Store(int64(n + s.open.Size))
	}
	return s.held.Load()
}

// close wakes both sides; what was not taken is given up.
func (s *stage) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.filled.Broadcast()
	s.freed.Broadcast()
}

// drain waits until everything in the stage is durable; false if it was closed before.
func (s *stage) drain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open.due = true
	s.filled.Signal()
	for !s.closed && (s.open.due || len(s.tickets) > 0) {
		s.freed.Wait()
	}
	return !s.closed
}
