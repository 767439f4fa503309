package capture

import (
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// batch is what one Kafka transaction holds: records and the checkpoint that they lead to.
type batch struct {
	change.Batch
	// at is the position after the last record.
	at pgrepl.Position
	// whole says that the batch ends between two transactions.
	whole bool
	// due says that the position is worth a Kafka transaction even without records.
	due bool
	// transactions counts the commits in the batch; txID and commitTime are those of the last one.
	transactions int
	txID         uint32
	commitTime   int64
	// steps are the snapshot's advances that the records make.
	steps []snapshotStep
	// incremental is the progress of an incremental snapshot that the batch makes; nil if it makes none.
	incremental *incrementalProgress
	// signalOffset is the offset after the last record of the signal topic that the batch obeys; 0 if it obeys none.
	signalOffset int64
	// began is when its delivery began.
	began time.Time
	// traces are the sampled transactions in the batch.
	traces []tracedTransaction
	// counts are the change events in the batch, by table and operation.
	counts []eventCount
	// awaited are closed when the batch is durable.
	awaited []chan struct{}
}

// eventCount counts events of one table and operation.
type eventCount struct {
	table *tableEncoder
	op    change.Op
	n     int64
}

func (b *batch) count(t *tableEncoder, op change.Op, n int) {
	for i := len(b.counts) - 1; i >= 0; i-- {
		if c := &b.counts[i]; c.table == t && c.op == op {
			c.n += int64(n)
			return
		}
	}
	b.counts = append(b.counts, eventCount{t, op, int64(n)})
}

func (b *batch) reset() {
	b.Batch.Reset()
	clear(b.traces)
	*b = batch{Batch: b.Batch, steps: b.steps[:0], traces: b.traces[:0], counts: b.counts[:0]}
}

// stage is where the stream's reader hands batches to the deliverer. There are two: the reader fills one while the other
// is being delivered. The deliverer takes the open batch as soon as it is free and the batch ends between transactions or
// is full: so a single row leaves at once, and under load batches grow to what the last delivery left time for, without
// any timer. A reader that finds the open batch full waits, and with it the socket.
type stage struct {
	// maxEvents and maxBytes bound one batch (soft: the event that reaches a limit still goes in).
	maxEvents, maxBytes int

	mu     sync.Mutex
	filled sync.Cond // the open batch became ready, or the stage closed
	freed  sync.Cond // the open batch was taken, or the stage closed
	// mu guards all that follows. open is never nil; spare is nil while it is being delivered.
	open, spare *batch
	closed      bool
	// ring knows which batches are durable.
	ring *pgrepl.Ring
}

func newStage(at pgrepl.Position, maxEvents, maxBytes int) *stage {
	s := &stage{maxEvents: maxEvents, maxBytes: maxBytes, open: &batch{at: at, whole: true}, spare: new(batch), ring: pgrepl.NewRing(at.Commit)}
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
	for s.full(s.open) && !s.closed {
		s.freed.Wait()
	}
	if s.closed {
		return nil
	}
	return s.open
}

// unlock ends what fill began.
func (s *stage) unlock() {
	if s.spare != nil && s.ready() {
		s.filled.Signal()
	}
	s.mu.Unlock()
}

// take waits for a batch that is ready; nil if the stage is closed.
func (s *stage) take() (*batch, pgrepl.Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed && (s.spare == nil || !s.ready()) {
		s.filled.Wait()
	}
	if s.closed {
		return nil, 0
	}
	b := s.open
	s.open, s.spare = s.spare, nil
	s.open.at, s.open.whole = b.at, b.whole
	s.freed.Signal()
	b.began = time.Now()
	return b, s.ring.Track(b.at.Commit, b.Size)
}

// delivered gives a durable batch back and returns the LSN below which everything is durable.
func (s *stage) delivered(b *batch, t pgrepl.Ticket) pgrepl.LSN {
	s.mu.Lock()
	defer s.mu.Unlock()
	mark := s.ring.Done(t)
	for _, c := range b.awaited {
		close(c)
	}
	b.reset()
	s.spare = b
	s.freed.Signal()
	if s.ready() {
		s.filled.Signal()
	}
	return mark
}

// inFlight is how many bytes of records wait or are being delivered.
func (s *stage) inFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, n := s.ring.InFlight()
	return n + s.open.Size
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
	for !s.closed && (s.spare == nil || s.open.due) {
		s.freed.Wait()
	}
	return !s.closed
}
