package sink

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// memory counts what the tasks of one process hold: records that were fetched, rows that are gathered, batches that are under way, files
// that are made of them. All share one limit. Half of it is for whoever comes first, the other half is divided evenly, so that a table that is away, and
// whose rows fill the first half, leaves every other task room to go on.
//
// A task polls for records only while it has room, and one fetch is bounded, so the process holds the limit and a fetch of each task at
// most, which brings one batch of a producer at least, however large it is when it is read. It may poll without room where nothing of its own will make any: a batch that was cut before needs its last records.
type memory struct {
	used atomic.Int64
	// limit is the largest buffer.memory.bytes of the tasks, tasks how many there are.
	limit, tasks atomic.Int64
	// files are what is expanded to be made a file of.
	files turns
	// limited is told the limit; nil tells nobody.
	limited func(bytes int64)
}

// recordOverhead is what a fetched record takes besides its key, value and headers.
const recordOverhead = 256

// enter counts a task in, leave out.
func (m *memory) enter(limit int64) {
	m.tasks.Add(1)
	for {
		now := m.limit.Load()
		if limit <= now {
			return
		}
		if m.limit.CompareAndSwap(now, limit) {
			if m.limited != nil {
				m.limited(limit)
			}
			return
		}
	}
}

func (m *memory) leave() {
	if m.tasks.Add(-1) == 0 {
		m.limit.Store(0)
	}
}

// share is what a task may hold whatever others do.
func (m *memory) share() int64 { return m.limit.Load() / 2 / max(1, m.tasks.Load()) }

// hold notes that the task holds more, or less.
func (t *task) hold(bytes int64) {
	t.held.Add(bytes)
	t.o.Board.memory.used.Add(bytes)
}

// Holds implements connector.Holder.
func (t *task) Holds() int64 { return t.held.Load() }

// roomy says whether the task may hold more.
func (t *task) roomy() bool {
	m := &t.o.Board.memory
	return t.held.Load() < m.share() || m.used.Load() < m.limit.Load()/2
}

// sends says whether more batches may be under way. Records that are held already do not count against it: as compressed rows they take
// less, and batches that could not grow meanwhile would be many and small.
func (t *task) sends() bool { return t.sent.Load() < t.o.Board.memory.share() }

// patience without room: when nothing was under way for so long, no room will be made.
const stuckAfter = time.Second

// awaitRoom waits until the task may fetch more, or until nothing of its own is left that would make room. It reports whether it waited.
func (t *task) awaitRoom(ctx context.Context) {
	var still time.Time
	for before := t.held.Load(); !t.roomy(); {
		now := t.held.Load()
		switch {
		case t.flying.Load() > 0 || now != before:
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

// awaitDemand waits until partitions that were paused, since they have enough, want records again: all of them, or those that were paused just
// now. What was fetched of a paused partition the client throws away when it is polled, and fetches again.
func (t *task) awaitDemand(ctx context.Context) {
	for t.sated(time.Now()) {
		select {
		case <-ctx.Done():
			return
		case <-t.wanted:
		case <-time.After(satedPause / 10): // partitions come and go
		}
	}
}

// satedPause is for how long others wait for a partition that was paused: some times as long as it takes to make rows of what it has.
const satedPause = 100 * time.Millisecond

// sated says that all partitions that there are have enough, or that some were paused just before now.
func (t *task) sated(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	wanting := 0
	for _, p := range t.partitions {
		switch paused := p.in.pausedAt(); {
		case paused.IsZero():
			wanting++
		case now.Sub(paused) < satedPause:
			return true
		}
	}
	return wanting == 0 && len(t.partitions) > 0
}

// queueHigh is how many bytes of fetched records wait for a partition before it is paused; at half of it it goes on.
func (t *task) queueHigh() int64 {
	t.mu.Lock()
	partitions := int64(len(t.partitions))
	t.mu.Unlock()
	return min(maxQueue, max(minQueue, t.o.Board.memory.limit.Load()/4/max(1, partitions)))
}

const (
	minQueue = 128 << 10
	maxQueue = 12 << 20
)

// leastFetch is the least that a fetch asks for, in bytes as they are stored.
const leastFetch = 64 << 10

// fetchSizes bound what a fetch brings, as it is stored, where that becomes expansion times as much when it is read. Each of a few partitions
// may bring its part of that, and one of many an eighth, so that those whose turn it is have more than a sip each.
func (m *memory) fetchSizes(expansion float64, partitions int) (all, partition int32) {
	room := float64(min(8<<20, max(512<<10, m.share()/8)))
	all = int32(max(leastFetch, room/expansion))
	return all, max(leastFetch, all/int32(min(8, max(1, partitions))))
}

// expansion is how many times as large batches are when they are read, as a task last saw it: it rises at once and falls slowly.
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

// boundFetches has the next fetches ask for as much as has room.
func (t *task) boundFetches() {
	t.mu.Lock()
	partitions := len(t.partitions)
	t.mu.Unlock()
	all, partition := t.o.Board.memory.fetchSizes(t.expansion.now(), partitions)
	t.consumer.UpdateFetchMaxBytes(least(all, t.s.Member.FetchMax), least(partition, t.s.Member.PartitionFetchMax))
}

// least is the smaller of a bound and the user's, which is 0 if there is none.
func least(bound, users int32) int32 {
	if users > 0 {
		return min(bound, users)
	}
	return bound
}

// turns lets what takes much memory for a moment happen one after the other, as far as it does not fit together.
type turns struct {
	mu    sync.Mutex
	taken int64
	ended chan struct{}
}

// take waits until bytes fit into the limit beside what others have, or until nobody else has any.
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
	// fileFactor is how many times a batch's rows a file takes while it is made of them: its values by columns, and the file.
	fileFactor = 3
	// inlineFactor is how many times they take within a command: as text, within the command, and within the request.
	inlineFactor = 3
)

// expand runs use, which takes bytes besides what is held already, when there is room for it.
func (t *task) expand(ctx context.Context, bytes int64, use func() error) error {
	m := &t.o.Board.memory
	if err := m.files.take(ctx, bytes, m.limit.Load()/4); err != nil {
		return err
	}
	t.hold(bytes)
	defer func() { t.hold(-bytes); m.files.give(bytes) }()
	return use()
}

// sizeOf is what fetched records take.
func sizeOf(records []*kgo.Record) (bytes int64) {
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

// heapLimit is a soft limit of the Go heap for a process that does nothing but run sinks which hold so many bytes.
func heapLimit(buffers int64) int64 { return buffers + 96<<20 }

// seldom has a heap grow to five times what lives in it before it is collected, as long as it keeps within its limit. Of what a sink
// allocates hardly anything lives on, so that with Go's default of 100 a quarter of its time went into collections of a few megabytes.
const seldom = 400

// LimitHeap bounds the heap of a process that does nothing but run sinks which hold so many bytes, and has it collected seldom below
// that, unless GOMEMLIMIT or GOGC says otherwise. Without a limit the heap grows to twice what is held before it is collected.
func LimitHeap(buffers int64) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(heapLimit(buffers))
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(seldom)
	}
}
