package partition

import (
	"errors"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/services/sink/internal/batcher"
)

// wait is what a record waits for, in a goroutine of its own: a registry, the cluster, or a table
// that is changed. What is ahead of the record is delivered meanwhile.
type wait struct {
	// offset is that of the record.
	offset int64
	since  time.Time
	ended  chan error
}

// longWait is after how long the rows ahead of a record that waits are sent without waiting for
// more: most of what is waited for is there sooner, and small batches cost the cluster more.
const longWait = time.Second

// over is where the end of the wait comes from; nil, from which nothing comes, where there is none.
func (w *wait) over() <-chan error {
	if w == nil {
		return nil
	}
	return w.ended
}

// failure is that of the record, if the wait has failed.
func (w *wait) failure(err error) error {
	if err == nil {
		return nil
	}
	return &failure{w.offset, err}
}

// untilLong is how long it takes until the wait is a long one.
func (w *wait) untilLong() time.Duration {
	if w == nil {
		return math.MaxInt64
	}
	return time.Until(w.since.Add(longWait))
}

// untaken is why a record was not taken: it fails the partition, or begins to wait.
func untaken(p *Partition, r *kgo.Record, err error) error {
	waits, ok := errors.AsType[*batcher.Waits](err)
	if !ok {
		return &failure{r.Offset, err}
	}
	w := &wait{r.Offset, time.Now(), make(chan error, 1)}
	contain.Go("wait of a record", func() { w.ended <- waits.Until(p.ctx) }, func(err error) { w.ended <- err })
	p.waits = w
	return nil
}

// mustWait reports whether the open batch cannot be sent without a record that waits, since its cut
// is recorded and the record is part of it.
func mustWait(p *Partition) bool {
	_, recorded := p.ledger.Limit()
	return recorded && p.waits != nil
}
