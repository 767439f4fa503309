package sink

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/partition"
)

const (
	// provePause is how often it is looked whether noted batches have their records, provePatience
	// for how long: a leader that was just elected learns only from its followers how far records
	// are committed (replica.lag.time.max.ms, 30 s by default, is how long it waits for them).
	provePause    = time.Second
	provePatience = 45 * time.Second
)

// note is what was committed for a partition: the offset, and where the last batch ends that is noted with it.
type note struct{ committed, end int64 }

// prove sees to it that the batches that are noted with the offsets of newly assigned partitions
// are of records that there are. A batch is noted after its records were read, so one that ends
// beyond its partition's end was noted of another topic, before brokers lost records, or by hand;
// and it would be waited for without end. What was sent under its name is not known, so neither is
// what may be read as something new: the user decides.
func (t *task) prove(client *kgo.Client, noted map[*partition.Partition]note) {
	short := map[*partition.Partition]time.Time{} // since when
	for {
		maps.DeleteFunc(noted, func(p *partition.Partition, _ note) bool { return !t.owns(p) })
		if len(noted) == 0 {
			return
		}
		for p, end := range t.endsOf(client, slices.Collect(maps.Keys(noted))) {
			switch since, before := short[p]; {
			case end >= noted[p].end:
				delete(noted, p)
			case !before:
				short[p] = time.Now()
			case time.Since(since) > provePatience:
				t.astray(p.Source.Topic,
					fmt.Errorf(
						"partition %d of %s ends at offset %d, and a batch that ends before offset %d is noted with the committed offset %d of group %s: "+
							"the brokers have lost records, the topic was made anew, or the note is from elsewhere. %s",
						p.Source.Partition, p.Source.Topic, end, noted[p].end, noted[p].committed, t.s.Group,
						partition.Forget(t.env.Connector)))
				delete(noted, p)
			}
		}
		select {
		case <-t.ctx.Done():
			return
		case <-time.After(provePause):
		}
	}
}

// endsOf asks where partitions end; those whose leader does not say so now are left out.
func (t *task) endsOf(client *kgo.Client, of []*partition.Partition) map[*partition.Partition]int64 {
	ctx, cancel := context.WithTimeout(t.ctx, 15*time.Second)
	defer cancel()
	topics := map[string]bool{}
	for _, p := range of {
		topics[p.Source.Topic] = true
	}
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, slices.Collect(maps.Keys(topics))...)
	if err != nil {
		return nil // the poll says what is wrong with the brokers
	}
	found := map[*partition.Partition]int64{}
	for _, p := range of {
		if o, ok := listed.Lookup(p.Source.Topic, p.Source.Partition); ok && o.Err == nil {
			found[p] = o.Offset
		}
	}
	return found
}
