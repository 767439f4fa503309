package memory

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Process counts what the tasks of one process hold: fetched records, collected rows, batches under
// way, and files made of them. All share one limit. Half of it is first come, first served, the
// other half is divided evenly, so that a table that is away, and whose rows fill the first half,
// leaves every other task room to go on.
//
// A task polls for records only while it has room, and one fetch is bounded, so the process holds
// at most the limit and a fetch of each task, which brings at least one batch of a producer,
// however large that is when it is read. It may poll without room when nothing of its own will make
// any: a batch that was cut before needs its last records.
type Process struct {
	Used atomic.Int64
	// Limit is the largest buffer.memory.bytes of the tasks, tasks how many there are.
	Limit, tasks atomic.Int64
	// files are what is expanded to be made a file of.
	files turns
	// Limited gets the limit; nil is allowed.
	Limited func(bytes int64)
}

// recordOverhead is what a fetched record takes besides its key, value and headers.
const recordOverhead = 256

// Enter counts a task in, leave out.
func (m *Process) Enter(limit int64) {
	m.tasks.Add(1)
	for {
		now := m.Limit.Load()
		if limit <= now {
			return
		}
		if m.Limit.CompareAndSwap(now, limit) {
			if m.Limited != nil {
				m.Limited(limit)
			}
			return
		}
	}
}

func (m *Process) Leave() {
	if m.tasks.Add(-1) == 0 {
		m.Limit.Store(0)
	}
}

// share is what a task may hold whatever others do.
func (m *Process) share() int64 { return m.Limit.Load() / 2 / max(1, m.tasks.Load()) }

// Share is what one task holds of its process's memory.
type Share struct {
	process *Process
	// Held is how many bytes of records, rows and batches the task holds, InFlight how many batches are under way.
	Held, InFlight atomic.Int64
	// Sent is the part of held that batches under way have.
	Sent      atomic.Int64
	Expansion expansion
}

func NewShare(of *Process) *Share { return &Share{process: of} }

// Hold notes that the task holds more, or less.
func (s *Share) Hold(bytes int64) {
	s.Held.Add(bytes)
	s.process.Used.Add(bytes)
}

// Together is what all tasks of the process hold, and what they may.
func (s *Share) Together() (held, limit int64) { return s.process.Used.Load(), s.process.Limit.Load() }

// Limit is what all tasks of the process hold at most.
func (s *Share) Limit() int64 { return s.process.Limit.Load() }

// BatchSent counts a batch under way and its bytes, BatchDone its end.
func (s *Share) BatchSent(bytes int64) {
	s.InFlight.Add(1)
	s.Hold(bytes)
	s.Sent.Add(bytes)
}

func (s *Share) BatchDone(bytes int64) {
	s.InFlight.Add(-1)
	s.Hold(-bytes)
	s.Sent.Add(-bytes)
}

// HasRoom reports whether the task may hold more.
func (s *Share) HasRoom() bool {
	m := s.process
	return s.Held.Load() < m.share() || m.Used.Load() < m.Limit.Load()/2
}

// MaySend reports whether more batches may be under way. Records that are held already do not count
// against it: as compressed rows they take less, and batches that could not grow meanwhile would be
// many and small.
func (s *Share) MaySend() bool { return s.Sent.Load() < s.process.share() }

// patience is how long a task waits without room: if nothing was under way for that long, no room
// will be made.
const stuckAfter = time.Second

// AwaitRoom waits until the task may fetch more, or until nothing of its own is left that would
// make room. It reports whether it had to wait.
func (s *Share) AwaitRoom(ctx context.Context) {
	var still time.Time
	for before := s.Held.Load(); !s.HasRoom(); {
		now := s.Held.Load()
		switch {
		case s.InFlight.Load() > 0 || now != before:
			still, before = time.Time{}, now
		case still.IsZero():
			still = time.Now()
		case time.Since(still) > stuckAfter:
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// QueueHigh is how many bytes of fetched records wait for a partition before it is paused; at half
// of that it resumes.
func (s *Share) QueueHigh(partitions int) int64 {
	return min(maxQueue, max(minQueue, s.Limit()/4/max(1, int64(partitions))))
}

const (
	minQueue = 128 << 10
	maxQueue = 12 << 20
)

// leastFetch is the least that a fetch asks for, in bytes as they are stored.
const leastFetch = 64 << 10

// FetchSizes bound what a fetch brings, as it is stored, since that grows several times when it is
// read. Each of a few partitions may bring its share of that, and one of many an eighth, so that
// those whose turn it is bring a useful amount each.
func (s *Share) FetchSizes(partitions int) (all, partition int32) {
	expansion := s.Expansion.now()
	room := float64(min(16<<20, max(512<<10, s.process.share()/4)))
	all = int32(max(leastFetch, room/expansion))
	return all, max(leastFetch, all/int32(min(8, max(1, partitions))))
}

// expansion is how many times larger batches are when they are read, as a task last saw it: it
// rises at once and falls slowly.
type expansion struct{ bits atomic.Uint64 }

// firstExpansion is assumed until a batch was read.
const firstExpansion = 16

func (e *expansion) now() float64 {
	if seen := math.Float64frombits(e.bits.Load()); seen > 0 {
		return seen
	}
	return firstExpansion
}

// OnFetchBatchRead implements kgo.HookFetchBatchRead.
func (e *expansion) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, b kgo.FetchBatchMetrics) {
	read := float64(b.UncompressedBytes+b.NumRecords*recordOverhead) / float64(max(1, b.CompressedBytes))
	seen := math.Float64frombits(e.bits.Load())
	e.bits.Store(math.Float64bits(max(1, read, seen*0.99))) // a lost update is made up by the next batch
}

// turns makes operations that take much memory for a moment run one after the other if they do not
// fit together.
type turns struct {
	mu    sync.Mutex
	taken int64
	ended chan struct{}
}

// take waits until the bytes fit into the limit beside what others have, or until nobody else has
// any.
func (w *turns) take(ctx context.Context, bytes, limit int64) error {
	for {
		w.mu.Lock()
		if w.taken == 0 || w.taken+bytes <= limit {
			w.taken += bytes
			w.mu.Unlock()
			return nil
		}
		if w.ended == nil {
			w.ended = make(chan struct{})
		}
		ended := w.ended
		w.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (w *turns) give(bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken -= bytes
	if w.ended != nil {
		close(w.ended)
		w.ended = nil
	}
}

const (
	// FileFactor is how many times the size of a batch's rows a file takes while it is made: the
	// values by columns, and the file.
	FileFactor = 3
	// InlineFactor is the same for rows within a command: as text, within the command, and within
	// the request.
	InlineFactor = 3
)

// Expand runs use, which takes bytes besides what is held already, when there is room for it.
func (s *Share) Expand(ctx context.Context, bytes int64, use func() error) error {
	m := s.process
	if err := m.files.take(ctx, bytes, m.Limit.Load()/4); err != nil {
		return err
	}
	s.Hold(bytes)
	defer func() { s.Hold(-bytes); m.files.give(bytes) }()
	return use()
}

// SizeOf is what fetched records take.
func SizeOf(records []*kgo.Record) (bytes int64) {
	for _, r := range records {
		bytes += int64(len(r.Key)+len(r.Value)) + recordOverhead
		for _, h := range r.Headers {
			bytes += int64(len(h.Key)+len(h.Value)) + headerOverhead
		}
	}
	return bytes
}

// headerOverhead is what a header takes besides its key and value.
const headerOverhead = 40
