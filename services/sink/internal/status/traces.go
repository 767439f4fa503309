package status

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

// MaxTraces is how many delivered traces a task remembers.
const MaxTraces = 32

// RecentTraces are the sampled traces whose rows came into the table last, oldest first, each once.
// It has maxTraces at most.
type RecentTraces []*sinkv1.DeliveredTrace

// Add notes the traces of a batch that is in the table. A trace that is known has its latest record.
func (ts *RecentTraces) Add(tp batch.Source, records []batch.Traced, now time.Time) {
	for _, r := range records {
		t := &sinkv1.DeliveredTrace{
			TraceId: r.Context.TraceID().String(), Topic: tp.Topic, Partition: tp.Partition, Offset: r.Offset,
			QueryableTime: timestamppb.New(now),
		}
		if !r.Committed.IsZero() {
			t.CommitTime = timestamppb.New(r.Committed)
		}
		*ts = append(slices.DeleteFunc(*ts, func(known *sinkv1.DeliveredTrace) bool { return known.TraceId == t.TraceId }), t)
	}
	if more := len(*ts) - MaxTraces; more > 0 {
		*ts = slices.Delete(*ts, 0, more)
	}
}

// NewestTraces joins what several tasks say of recent traces: the newest first, as many as one would give.
func NewestTraces(of ...[]*sinkv1.DeliveredTrace) []*sinkv1.DeliveredTrace {
	all := slices.Concat(of...)
	slices.SortStableFunc(all, func(a, b *sinkv1.DeliveredTrace) int {
		return b.GetQueryableTime().AsTime().Compare(a.GetQueryableTime().AsTime())
	})
	return all[:min(len(all), MaxTraces)]
}
