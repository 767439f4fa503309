package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// readPause is how long nothing comes before ReadUntil checks whether anything is left to come.
	readPause = time.Second
	// readPatience is how long brokers may fail to answer.
	readPatience = 30 * time.Second
)

// ReadUntil reads partitions of a topic, each from one offset up to, but not including, another,
// and returns when it has all records that are left there: retention and compaction may have
// removed any of them, including the last ones, and go on meanwhile. It skips offsets whose records
// are gone. each gets the records of a partition in order, including transaction markers. connect
// makes the client.
func ReadUntil(ctx context.Context, connect func(...kgo.Opt) (*kgo.Client, error), topic string, from,
	until map[int32]int64, each func(*kgo.Record), options ...kgo.Opt) error {
	next, starts := map[int32]int64{}, map[int32]kgo.Offset{}
	for partition, end := range until {
		if from[partition] < end {
			next[partition], starts[partition] = from[partition], kgo.NewOffset().At(from[partition])
		}
	}
	if len(next) == 0 {
		return nil
	}
	client, err := connect(append(slices.Clone(options), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}))...)
	if err != nil {
		return err
	}
	defer client.Close()
	for heard := time.Now(); len(next) > 0; {
		wait, cancel := context.WithTimeout(ctx, readPause)
		fetches := client.PollFetches(wait)
		cancel()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if _, reading := next[r.Partition]; !reading {
				return
			}
			if r.Offset < until[r.Partition] {
				each(r)
			}
			if next[r.Partition] = r.Offset + 1; next[r.Partition] >= until[r.Partition] {
				delete(next, r.Partition)
			}
		})
		for _, f := range fetches.Errors() {
			if !errors.Is(f.Err, context.DeadlineExceeded) && !errors.Is(f.Err, kerr.OffsetOutOfRange) {
				return fmt.Errorf("partition %d: %w", f.Partition, f.Err)
			}
		}
		if fetches.NumRecords() > 0 {
			heard = time.Now()
			continue
		}
		if err := passEmpty(ctx, client, topic, next, until); err != nil && time.Since(heard) > readPatience {
			return err
		}
	}
	return nil
}

// passEmpty removes from next the partitions that have nothing left. The error names those for which
// that is not known.
func passEmpty(ctx context.Context, client *kgo.Client, topic string, next, until map[int32]int64) error {
	begins, unknown := kadm.NewClient(client).ListStartOffsets(ctx, topic)
	for _, partition := range slices.Collect(maps.Keys(next)) {
		if begin, ok := begins.Lookup(topic, partition); ok && begin.Err == nil {
			next[partition] = max(next[partition], begin.Offset) // retention may have taken what was before
		}
		switch empty, err := Empty(ctx, client, topic, partition, next[partition], until[partition]); {
		case err != nil:
			unknown = errors.Join(unknown, err)
		case empty:
			delete(next, partition)
		}
	}
	return unknown
}
