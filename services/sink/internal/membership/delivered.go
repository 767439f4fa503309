package membership

import (
	"context"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/extents"
)

// deliveredAtOnce is how many topics' tables are asked about at once.
const deliveredAtOnce = 16

// deliveredBefore are the partitions, among those that are assigned and have neither an offset nor a
// note although tables have batches of this group from them: what was noted of them went with a
// connector of the same name. There are none where somebody has chosen that everything is read
// again.
func (m *Membership) deliveredBefore(added map[string][]int32, committed kadm.OffsetResponses,
	notes committedNotes) (map[batch.Source]bool, error) {
	delivered := map[batch.Source]bool{}
	if _, chosen := notes[connector.ReadAgainNote]; chosen || !m.of.Batches.Spec.Exact {
		return delivered, nil
	}
	var mu sync.Mutex
	asking, ctx := contain.WithContext(m.ctx)
	asking.SetLimit(deliveredAtOnce)
	tags := extents.Reader{Spec: m.of.Batches.Spec, Client: m.of.Batches.Ingest.Client}
	for topic, partitions := range added {
		unknown := slices.DeleteFunc(slices.Clone(partitions), func(number int32) bool {
			o, known := committed.Lookup(topic, number)
			_, noted := notes[connector.CommittedNote(topic, number)]
			return known && o.Err == nil && o.At >= 0 || noted
		})
		if len(unknown) == 0 {
			continue
		}
		asking.Go("look for batches of "+topic, func() error {
			return m.of.Batches.Retry.Do(ctx, func(ctx context.Context) error {
				found, err := tags.Delivered(ctx, topic, m.of.Topics.ID(topic))
				mu.Lock()
				defer mu.Unlock()
				for number := range found {
					if slices.Contains(unknown, number) {
						delivered[batch.Source{Topic: topic, Partition: number}] = true
					}
				}
				return err
			})
		})
	}
	return delivered, asking.Wait()
}
