package deliver

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// TooLarge is the error of a record that its topic does not take.
func TooLarge(r *kgo.Record, limit int, err error) error {
	return retry.Permanent("a record of %d bytes with key %.200q is too large for topic %s, whose limit is %d bytes: raise the topic's max.message.bytes (and producer.override.max.request.size, if it is set), set oversized.records.mode to dead.letter or truncate, or leave the column out with column.exclude.list: %w",
		RecordSize(r), r.Key, r.Topic, limit, err)
}

// RecordSize is an upper bound of a record's size in a batch of its own (Kafka's message format version 2): 61 bytes of the
// batch's head, lengths and deltas of the record, its parts.
func RecordSize(r *kgo.Record) int {
	const head, lengths, perHeader = 61, 36, 10
	n := head + lengths + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += perHeader + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}
