package store

import (
	"context"
	"time"
)

// backoff spaces out attempts: each wait is twice as long as the one before, from least to most.
type backoff struct {
	least, most time.Duration
	next        time.Duration
}

// wait returns early when ctx ends.
func (b *backoff) wait(ctx context.Context) {
	if b.next == 0 {
		b.next = b.least
	}
	timer := time.NewTimer(b.next)
	defer timer.Stop()
	b.next = min(2*b.next, b.most)
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
