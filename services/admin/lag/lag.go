// Package lag says how far the parts of a pipeline are behind each other.
package lag

import (
	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
)

// Records is how many records of a pipeline's topics its sinks have not yet made durable in Azure Data Explorer.
//
// A capture that delivers exactly once ends each of its Kafka transactions with a marker, which has an offset and is no
// record; so one is taken off each partition that is not read to its end. Markers before the last one are counted still.
func Records(p *adminv1.Pipeline) (records int64) {
	for _, s := range p.Sinks {
		for _, part := range s.Sink.GetPartitions() {
			behind := max(0, part.End-max(part.Committed, 0))
			if behind > 0 && p.Capture.GetExactlyOnce() {
				behind--
			}
			records += behind
		}
	}
	return records
}
