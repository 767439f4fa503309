package connector

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sourceOffsets reads the offsets of one source connector: what was committed to the offsets topic when the call was
// made, by the canonical JSON of the partition. Offsets that were removed are left out.
//
// Offsets are written with kgo's default partitioner, so that a partition's offsets stay in one Kafka partition; should
// something else have written them elsewhere, the latest timestamp counts.
func (w *Worker) sourceOffsets(ctx context.Context, connector string) (map[string][]byte, error) {
	offsets := map[string][]byte{}
	written := map[string]time.Time{}
	err := ReadTopic(ctx, w.kafkaClient, w.config.OffsetsTopic, func(record *kgo.Record) {
		name, partition, err := ParseOffsetKey(record.Key)
		if err != nil || name != connector || record.Timestamp.Before(written[string(partition)]) {
			return
		}
		written[string(partition)] = record.Timestamp
		if record.Value == nil {
			delete(offsets, string(partition))
			return
		}
		offsets[string(partition)] = record.Value
	})
	if err != nil {
		return nil, fmt.Errorf("read the offsets: %w", err)
	}
	return offsets, nil
}
