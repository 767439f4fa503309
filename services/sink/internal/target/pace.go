package target

import (
	"sync"
	"time"
)

const (
	// streamedRate is how many bytes of rows a second a table may take and still be streamed: ADX
	// advises queued ingestion above 4 GB an hour (learn.microsoft.com,
	// data-explorer/ingest-data-streaming).
	streamedRate = 4 << 30 / 3600
	// streamedBurst is how many bytes may come at once before that rate is asked for.
	streamedBurst = 16 << 20
)

// budget says whether a table's rows come slowly enough to be streamed. It is a bucket that fills
// at streamedRate and that all rows empty, streamed or not: while rows come faster than that it
// stays empty, and they are queued. The zero budget is full.
type budget struct {
	mu sync.Mutex
	// spent is how much of the burst is used up at the time at, 0 to streamedBurst.
	spent float64
	at    time.Time
}

// left says whether there is room at a time.
func (b *budget) left(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	return b.spent < streamedBurst/2
}

// Charge notes bytes of rows that are sent.
func (b *budget) Charge(now time.Time, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	b.spent = min(b.spent+float64(bytes), streamedBurst)
}

func (b *budget) refill(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.spent = max(0, b.spent-passed.Seconds()*streamedRate)
		b.at = now
	}
}
