package sink

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// memory counts what the tasks of one process hold: records that were fetched, rows that are gathered, batches that are under way. All
// share one limit. Half of it is for whoever comes first, the other half is divided evenly, so that a table that is away, and
// whose rows fill the first half, leaves every other task room to go on.
//
// A task polls for records only while it has room, and one fetch is bounded, so the process holds the limit and a fetch of each task at
// most, which brings one batch of a producer at least, however large it is when it is read. It may poll without room where nothing of its own will make any: a batch that was cut before needs its last records.
type memory struct {
	used atomic.Int64
	// limit is the largest buffer.memory.bytes of the tasks, tasks how many there are.
	limit, tasks atomic.Int64
}

// recordOverhead is what a fetched record takes besides its key and value.
const recordOverhead = 256

// zipMemory is what a gzip writer takes.
const zipMemory = 768 << 10

// enter counts a task in, leave out.
func (m *memory) enter(limit int64) {
	m.tasks.Add(1)
	for {
		now := m.limit.Load()
		if limit <= now || m.limit.CompareAndSwap(now, limit) {
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

// fetchSizes bound what a fetch brings, compressed: records take many times as much when they are read.
func (m *memory) fetchSizes() (all, partition int32) {
	all = int32(min(8<<20, max(512<<10, m.share()/8)))
	return all, max(128<<10, all/8)
}

// sizeOf is what fetched records take.
func sizeOf(records []*kgo.Record) (bytes int64) {
	for _, r := range records {
		bytes += int64(len(r.Key)+len(r.Value)) + recordOverhead
	}
	return bytes
}
