package fetch

import (
	"context"
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/partition"
)

// demand is what the partitions of a member want of records.
type demand struct {
	memory     *memory.Share
	partitions *partition.Owned
	// wanted is signalled when a partition wants records again.
	wanted <-chan struct{}
}

// satedPause is how long others wait for a partition that was paused: several times as long as it
// takes to turn what it has into rows.
const satedPause = 100 * time.Millisecond

// await waits until partitions that were paused, since they have enough, want records again: all of
// them, or those that were paused just now. When the client is polled it throws away what was
// fetched of a paused partition, and fetches it again.
func (d demand) await(ctx context.Context) {
	for d.partitions.Sated(time.Now(), satedPause) {
		select {
		case <-ctx.Done():
			return
		case <-d.wanted:
		case <-time.After(satedPause / 10): // partitions come and go
		}
	}
}

// sizes are how many bytes the next fetches ask for, of all partitions and of each: as much as
// there is room for, and no more than the user's bounds, which are 0 if there are none.
func (d demand) sizes(most, mostEach int32) (all, each int32) {
	all, each = d.memory.FetchSizes(d.partitions.Len())
	return least(all, most), least(each, mostEach)
}

// least is the smaller of two bounds; the user's is 0 if there is none.
func least(bound, users int32) int32 {
	if users > 0 {
		return min(bound, users)
	}
	return bound
}
