package buffer

import (
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
)

// Batch is what is written to Kafka at once: records, and how far they advance the capture.
type Batch struct {
	Events  debezium.Batch
	Summary Summary
	// Whole says that the batch ends between two transactions.
	Whole bool
	// Due says that the position is worth a Kafka transaction even without records.
	Due bool
	// SignalOffset is the offset after the last record of the signal topic that the batch obeys; nil if it obeys none.
	SignalOffset *int64
}

// Step is how far the batch advances the capture.
func (b *Batch) Step() progress.Step {
	s := progress.Step{At: b.Summary.At, Incremental: b.Summary.Incremental, SignalOffset: b.SignalOffset}
	if b.Summary.Transactions > 0 {
		last := b.Summary.Last
		s.Committed = &last
	}
	return s
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Events.Reset()
	b.Summary.Reset()
	*b = Batch{Events: b.Events, Summary: b.Summary}
}
