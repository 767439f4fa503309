package buffer

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// Buffer is where the stream's reader hands batches to the deliverer. There are two: the reader
// fills one while the other is being written. The deliverer takes the open batch as soon as it is
// free and the batch ends between transactions or is full. So a single row leaves at once, and
// under load batches grow to what the last write left time for, without any timer. A reader that
// finds the open batch full waits, and with it the socket.
//
// A written batch is free again before it is durable: it becomes durable, with others, when a Kafka
// transaction is committed.
type Buffer struct {
	// maxEvents and maxBytes bound one batch (soft: the event that reaches a limit still goes in).
	maxEvents, maxBytes int

	mu     sync.Mutex
	filled sync.Cond // the open batch became ready, or the buffer closed
	freed  sync.Cond // the open batch was taken, what was taken became durable, or the buffer closed
	// mu guards all that follows. open is never nil; spare is nil while it is being written.
	open, spare *Batch
	closed      bool
	// taken counts the batches that were taken and are not durable yet, and what they hold.
	taken struct{ batches, bytes, transactions int }
	// seen is what the buffer held when it was last looked at; nil before.
	seen atomic.Pointer[Load]
	// waiting counts the goroutines that Fill holds up now, the first since blocked; waited sums up
	// earlier waits.
	waiting int
	blocked time.Time
	waited  time.Duration
}

// New makes a buffer for a stream that goes on at a position. maxEvents and maxBytes bound one batch.
func New(at pgrepl.Position, maxEvents, maxBytes int) *Buffer {
	s := &Buffer{maxEvents: maxEvents, maxBytes: maxBytes, open: &Batch{Summary: Summary{At: at}, Whole: true},
		spare: new(Batch)}
	s.filled.L, s.freed.L = &s.mu, &s.mu
	return s
}

func (s *Buffer) full(b *Batch) bool {
	return len(b.Events.Records) >= s.maxEvents || b.Events.Size >= s.maxBytes
}

// ready reports whether the open batch may be taken.
func (s *Buffer) ready() bool {
	b := s.open
	return len(b.Events.Records) > 0 && (b.Whole || s.full(b)) || b.Due
}

// Fill locks the buffer and returns the open batch with room in it; nil if the buffer is closed. Unlock must follow.
func (s *Buffer) Fill() *Batch {
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
func (s *Buffer) await() {
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

// Unlock ends what Fill began.
func (s *Buffer) Unlock() {
	if s.spare != nil && s.ready() {
		s.filled.Signal()
	}
	s.mu.Unlock()
}

// Take waits for a batch that is ready; nil if the buffer is closed.
func (s *Buffer) Take() *Batch {
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
	s.open.Summary.At, s.open.Whole = b.Summary.At, b.Whole
	s.freed.Broadcast()
	s.taken.batches++
	s.taken.bytes += b.Events.Size
	s.taken.transactions += b.Summary.Transactions
	return b
}

// Written gives back a batch that the broker has acknowledged, and reports whether the next one is
// ready already.
func (s *Buffer) Written(b *Batch) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.Reset()
	s.spare = b
	return s.ready() && !s.closed
}

// Committed notes that all written batches are durable.
func (s *Buffer) Committed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken.batches, s.taken.bytes, s.taken.transactions = 0, 0, 0
	s.freed.Broadcast()
}

// Load is what a buffer holds.
type Load struct {
	// Bytes of records and Transactions (read to their commit) that wait or are being delivered.
	Bytes, Transactions int
	// Waited is how long the reader has had to wait for room in all.
	Waited time.Duration
}

// Load is what the buffer holds. It never waits: while an event is being encoded it returns what the
// buffer held before. Who asks may hold a lock that the encoder waits for, to tell of a value that
// was lost.
func (s *Buffer) Load() Load {
	if s.mu.TryLock() {
		defer s.mu.Unlock()
		l := Load{Bytes: s.taken.bytes + s.open.Events.Size, Transactions: s.taken.transactions + s.open.Summary.Transactions,
			Waited: s.waited}
		if s.waiting > 0 {
			l.Waited += time.Since(s.blocked)
		}
		s.seen.Store(&l)
		return l
	}
	if seen := s.seen.Load(); seen != nil {
		return *seen
	}
	return Load{}
}

// Close wakes both sides and drops what was not taken.
func (s *Buffer) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.filled.Broadcast()
	s.freed.Broadcast()
}

// Drain waits until everything in the buffer is durable; false if it was closed before.
func (s *Buffer) Drain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open.Due = true
	s.filled.Signal()
	for !s.closed && (s.open.Due || s.taken.batches > 0) {
		s.freed.Wait()
	}
	return !s.closed
}

// ErrClosed tells those who fill a buffer, or wait for what they put there, that it is closed.
var ErrClosed = errors.New("the stream was stopped")
