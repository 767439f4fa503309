package target

import (
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

const (
	// streamedRate is how many bytes of rows a second a table may take and still be streamed: ADX
	// advises queued ingestion above 4 GB an hour (learn.microsoft.com,
	// data-explorer/ingest-data-streaming).
	streamedRate = 4 << 30 / 3600
	// streamedBurst is how many bytes may come at once before that rate applies.
	streamedBurst = 16 << 20
)

// Pace reports whether a table may be streamed into now: its rows come slowly enough, and the cluster
// has not refused to. The first is a bucket that fills at streamedRate and that all rows empty,
// streamed or not: while rows come faster than that it stays empty, and they are queued. At first it
// is full.
type Pace struct {
	mode spec.Mode

	mu sync.Mutex
	// spent is how much of the burst is used up at the time at, 0 to streamedBurst.
	spent float64
	at    time.Time
	// paused is until when the table is not streamed into, after the cluster has refused it.
	paused time.Time
}

// slow reports whether rows come slowly enough at a time.
func (p *Pace) slow(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refill(now)
	return p.spent < streamedBurst/2
}

// allowed reports whether the cluster is not known to refuse to stream.
func (p *Pace) allowed(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !now.Before(p.paused)
}

// Pause makes the table's batches be queued for a while, as large as queued ones are, before
// streaming is tried again.
func (p *Pace) Pause(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = now.Add(streamAgain)
}

// Charge notes bytes of rows that are sent.
func (p *Pace) Charge(now time.Time, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refill(now)
	p.spent = min(p.spent+float64(bytes), streamedBurst)
}

func (p *Pace) refill(now time.Time) {
	if passed := now.Sub(p.at); passed > 0 {
		p.spent = max(0, p.spent-passed.Seconds()*streamedRate)
		p.at = now
	}
}

// streamAgain is after how long streaming is tried again on a table that the cluster refused to stream into.
const streamAgain = 5 * time.Minute

// Streams reports whether a batch that is closed now should be streamed.
func (p *Pace) Streams(now time.Time) bool {
	return p.mode.Streams() && p.allowed(now) && (p.mode == spec.ModeStreaming || p.slow(now))
}
