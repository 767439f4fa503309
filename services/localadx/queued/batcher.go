package queued

import "time"

// Policy is a batching policy: the first limit that a batch reaches seals it.
type Policy struct {
	Time  time.Duration
	Items int
	Size  int64 // bytes, uncompressed
}

// Batch is requests for one table that are ingested together.
type Batch struct {
	Requests []Request
	// Reason is ADX's name for what sealed the batch.
	Reason string
	size   int64
	due    time.Time
}

// Batcher gathers requests into batches. It is a state machine: time comes with its calls. It is not safe for
// concurrent use.
type Batcher struct {
	open map[batchKey]*Batch
}

// NewBatcher returns an empty one.
func NewBatcher() *Batcher { return &Batcher{open: map[batchKey]*Batch{}} }

// Add takes a request at the given time and returns the batches that it sealed.
func (b *Batcher) Add(r Request, policy Policy, now time.Time) ([]Batch, error) {
	if reason, alone := r.alone(); alone {
		return []Batch{{Requests: []Request{r}, Reason: reason}}, nil
	}
	key, err := r.key()
	if err != nil {
		return nil, err
	}
	batch, ok := b.open[key]
	if !ok {
		batch = &Batch{due: now.Add(policy.Time)}
		b.open[key] = batch
	}
	batch.Requests = append(batch.Requests, r)
	batch.size += r.RawSize
	switch {
	case len(batch.Requests) >= policy.Items:
		batch.Reason = "Count"
	case batch.size >= policy.Size:
		batch.Reason = "Size"
	case !now.Before(batch.due):
		batch.Reason = "Time"
	default:
		return nil, nil
	}
	delete(b.open, key)
	return []Batch{*batch}, nil
}

// Due returns the batches whose time is up.
func (b *Batcher) Due(now time.Time) []Batch {
	var due []Batch
	for key, batch := range b.open {
		if now.Before(batch.due) {
			continue
		}
		batch.Reason = "Time"
		due = append(due, *batch)
		delete(b.open, key)
	}
	return due
}

// Next returns when the next batch is due, and whether there is one.
func (b *Batcher) Next() (time.Time, bool) {
	var next time.Time
	for _, batch := range b.open {
		if next.IsZero() || batch.due.Before(next) {
			next = batch.due
		}
	}
	return next, !next.IsZero()
}
