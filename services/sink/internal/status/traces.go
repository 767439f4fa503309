package status

import (
	"slices"
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
)

// MaxTraces is how many delivered traces a task remembers.
const MaxTraces = 32

// RecentTraces are the sampled traces whose rows came into the table last, oldest first, each once.
// It has maxTraces at most.
type RecentTraces []DeliveredTrace

// DeliveredTrace is a trace that led to a row in the table.
type DeliveredTrace struct {
	ID string
	batch.Source
	// Offset is that of the trace's last record.
	Offset int64
	// Committed is the change's commit time, zero if the record does not say.
	Committed time.Time
	// Queryable is when the row was in the table.
	Queryable time.Time
}

// Add notes the traces of a batch that is in the table. A trace that is known has its latest record.
func (ts *RecentTraces) Add(of batch.Source, records []batch.Traced, now time.Time) {
	for _, r := range records {
		t := DeliveredTrace{r.Context.TraceID().String(), of, r.Offset, r.Committed, now}
		*ts = append(slices.DeleteFunc(*ts, func(known DeliveredTrace) bool { return known.ID == t.ID }), t)
	}
	if more := len(*ts) - MaxTraces; more > 0 {
		*ts = slices.Delete(*ts, 0, more)
	}
}

// NewestTraces joins what several tasks say of recent traces: the newest first, as many as one would give.
func NewestTraces(of ...[]DeliveredTrace) []DeliveredTrace {
	all := slices.Concat(of...)
	slices.SortStableFunc(all, func(a, b DeliveredTrace) int { return b.Queryable.Compare(a.Queryable) })
	return all[:min(len(all), MaxTraces)]
}
