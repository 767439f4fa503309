package lag

import (
	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

// Known reports whether a sink has said where it is in its topics: not before it has come to read them.
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
		return 0 // what is between the offsets are markers
	}
	return behind(p, part.End-max(part.Committed, 0))
}

// behind is how many records are between two offsets.
//
// A capture that delivers exactly once ends each of its Kafka transactions with a marker, which has an offset and is no
// record; so one is taken off. Markers before the last one are counted still.
func behind(p *adminv1.Pipeline, offsets int64) int64 {
	if offsets > 0 && p.Capture.GetExactlyOnce() {
		offsets--
	}
	return max(offsets, 0)
}
