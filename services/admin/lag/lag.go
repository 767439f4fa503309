package lag

import (
	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

// Known reports whether it is known where a sink is in its topics, which is so once it reads them.
func Known(s *sinkv1.Sink) bool { return len(s.GetPartitions()) > 0 }

// Records is how many records of a pipeline's topics its sinks have not yet made durable in Azure Data Explorer.
func Records(p *adminv1.Pipeline) (records int64) {
	for _, s := range p.Sinks {
		for _, part := range s.Sink.GetPartitions() {
			records += Waiting(p, part)
		}
	}
	return records
}

// Waiting is how many records of one partition are not durable in Azure Data Explorer.
func Waiting(p *adminv1.Pipeline, part *sinkv1.PartitionProgress) int64 {
	if part.Waiting == sinkv1.PartitionProgress_WAITING_NOTHING {
		return 0 // only markers lie between the offsets
	}
	return behind(p, part.End-max(part.Committed, 0))
}

// behind is how many records are between two offsets.
//
// A capture that delivers exactly once ends each of its Kafka transactions with a marker, which has
// an offset but is not a record, so one is subtracted. Markers before the last one are still
// counted.
func behind(p *adminv1.Pipeline, offsets int64) int64 {
	if offsets > 0 && p.Capture.GetExactlyOnce() {
		offsets--
	}
	return max(offsets, 0)
}
