package connector

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// sourceOffsets reads the offsets of one source connector: what was committed to the offsets topic when the call was
// made, by the canonical JSON of the partition. Offsets that were removed are left out.
//
// Offsets are written with kgo's default partitioner, so that a partition's offsets stay in one Kafka partition; should
// something else have written them elsewhere, the latest timestamp counts.
func (w *Worker) sourceOffsets(ctx context.Context, connector string) (map[string][]byte, error) {
	topic := w.config.OffsetsTopic
	starts, err := w.store.admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the start of offsets topic %s: %w", topic, err)
	}
	// The end of what is written, not of what is stable: an open transaction of another connector holds the stable end
	// back, and behind it may lie this connector's last committed offset. Reading on waits until that transaction ends.
	ends, err := w.store.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the end of offsets topic %s: %w", topic, err)
	}
	remaining := map[int32]int64{} // partition -> offset to read up to
	from := map[int32]kgo.Offset{}
	ends.Each(func(end kadm.ListedOffset) {
		if start, ok := starts.Lookup(topic, end.Partition); ok && start.Offset < end.Offset {
			remaining[end.Partition] = end.Offset
			from[end.Partition] = kgo.NewOffset().At(start.Offset)
		}
	})
	offsets := map[string][]byte{}
	if len(remaining) == 0 {
		return offsets, nil
	}
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, w.config.Kafka...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the topic may end in the marker of a transaction
	)...)
	if err != nil {
		return nil, fmt.Errorf("make the client that reads offsets topic %s: %w", topic, err)
	}
	defer client.Close()
	written := map[string]time.Time{}
	for len(remaining) > 0 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("read offsets topic %s: %w", topic, err)
		}
		if errs := fetches.Errors(); len(errs) > 0 {
			return nil, fmt.Errorf("read offsets topic %s, partition %d: %w", topic, errs[0].Partition, errs[0].Err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			end, reading := remaining[record.Partition]
			if !reading {
				return
			}
			if record.Offset+1 >= end {
				delete(remaining, record.Partition)
			}
			if record.Attrs.IsControl() || record.Offset >= end {
				return
			}
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
	}
	return offsets, nil
}
