package sink

import (
	"context"
	"time"
)

// awaitDemand waits until partitions that were paused, since they have enough, want records again:
// all of them, or those that were paused just now. What was fetched of a paused partition the
// client throws away when it is polled, and fetches again.
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

// satedPause is for how long others wait for a partition that was paused: some times as long as it
// takes to make rows of what it has.
const satedPause = 100 * time.Millisecond

// sated says that all partitions that there are have enough, or that some were paused just before now.
func (t *task) sated(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	wanting := 0
	for _, p := range t.partitions {
		switch paused := p.PausedAt(); {
		case paused.IsZero():
			wanting++
		case now.Sub(paused) < satedPause:
			return true
		}
	}
	return wanting == 0 && len(t.partitions) > 0
}

// boundFetches has the next fetches ask for as much as has room.
func (t *task) boundFetches() {
	t.mu.Lock()
	partitions := len(t.partitions)
	t.mu.Unlock()
	all, partition := t.memory.FetchSizes(partitions)
	t.consumer.UpdateFetchMaxBytes(least(all, t.s.Member.FetchMax), least(partition, t.s.Member.PartitionFetchMax))
}

// least is the smaller of a bound and the user's, which is 0 if there is none.
func least(bound, users int32) int32 {
	if users > 0 {
		return min(bound, users)
	}
	return bound
}
