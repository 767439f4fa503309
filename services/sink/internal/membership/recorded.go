package membership

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/calypso-cdc/calypso/services/sink/internal/partition"
)

const (
	// provePause is how often recorded batches are checked for their records, provePatience for how
	// long: a leader that was just elected learns only from its followers how far records are
	// committed (replica.lag.time.max.ms, 30 s by default, is how long it waits for them).
	provePause    = time.Second
	provePatience = 45 * time.Second
)

// recorded is what was committed for a partition: the offset, and the end of the last batch that is
// recorded with it.
type recorded struct{ committed, end int64 }

// prove makes sure that the batches that are recorded with the offsets of newly assigned partitions
// consist of existing records. A batch is recorded after its records were read, so one that ends
// beyond its partition's end was recorded for another topic, before brokers lost records, or by
// hand; and it would be waited for without end. It is not known what was sent under its name, nor
// therefore what is new: the user decides.
func (m *Membership) prove(batches map[*partition.Partition]recorded) {
	short := map[*partition.Partition]time.Time{} // since when
	for {
		maps.DeleteFunc(batches, func(p *partition.Partition, _ recorded) bool { return !m.Partitions.Has(p) })
		if len(batches) == 0 {
			return
		}
		for p, end := range m.endsOf(slices.Collect(maps.Keys(batches))) {
			switch since, before := short[p]; {
			case end >= batches[p].end:
				delete(batches, p)
			case !before:
				short[p] = time.Now()
			case time.Since(since) > provePatience:
				m.Topics.Missing(p.Source.Topic,
					fmt.Errorf(
						"partition %d of %s ends at offset %d, and a batch that ends before offset %d is noted with the committed offset %d of group %s: "+
							"the brokers have lost records, the topic was made again, or the note is from elsewhere. %s",
						p.Source.Partition, p.Source.Topic, end, batches[p].end, batches[p].committed, m.of.Batches.Spec.Group,
						partition.Forget(m.of.Batches.Env.Connector)))
				delete(batches, p)
			}
		}
		select {
		case <-m.ctx.Done():
			return
		case <-time.After(provePause):
		}
	}
}

// endsOf asks where partitions end; those whose leader does not say are left out.
func (m *Membership) endsOf(of []*partition.Partition) map[*partition.Partition]int64 {
	ctx, cancel := context.WithTimeout(m.ctx, 15*time.Second)
	defer cancel()
	topics := map[string]bool{}
	for _, p := range of {
		topics[p.Source.Topic] = true
	}
	listed, err := kadm.NewClient(m.Client).ListEndOffsets(ctx, slices.Collect(maps.Keys(topics))...)
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
