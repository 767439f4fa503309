package testenv

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ReadTopic reads the committed records of a topic up to the end that it has at the call, each
// partition in its order. An open transaction there is waited for. client makes clients. A topic
// that does not exist is kerr.UnknownTopicOrPartition.
func ReadTopic(ctx context.Context, client func(...kgo.Opt) (*kgo.Client, error), topic string,
	each func(*kgo.Record)) error {
	failed := func(err error) error { return fmt.Errorf("read topic %s: %w", topic, err) }
	c, err := client(
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the topic may end in the marker of a transaction
	)
	if err != nil {
		return failed(err)
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return failed(err)
	}
	// The end of what is written, not of what is stable: an open transaction of another writer
	// holds the stable end back, and behind it may lie records that are committed. Reading on waits
	// until that transaction ends.
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return failed(err)
	}
	remaining := map[int32]int64{} // partition -> offset to read up to
	from := map[int32]kgo.Offset{}
	ends.Each(func(end kadm.ListedOffset) {
		if start, ok := starts.Lookup(topic, end.Partition); ok && start.Offset < end.Offset {
			remaining[end.Partition] = end.Offset
			from[end.Partition] = kgo.NewOffset().At(start.Offset)
		}
	})
	if len(remaining) == 0 {
		return nil
	}
	c.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: from})
	for len(remaining) > 0 {
		fetches := c.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return failed(err)
		}
		if errs := fetches.Errors(); len(errs) > 0 {
			return failed(fmt.Errorf("partition %d: %w", errs[0].Partition, errs[0].Err))
		}
		fetches.EachRecord(func(record *kgo.Record) {
			end, reading := remaining[record.Partition]
			if !reading {
				return
			}
			if record.Offset+1 >= end {
				delete(remaining, record.Partition)
			}
			if !record.Attrs.IsControl() && record.Offset < end {
				each(record)
			}
		})
	}
	return nil
}
