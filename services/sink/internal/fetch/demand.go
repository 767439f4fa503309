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

// sizes are how many bytes there is room for in the next fetches, of all partitions and of each.
func (d demand) sizes() (all, each int32) { return d.memory.FetchSizes(d.partitions.Len()) }
