package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// oldestBytes is how many bytes of a log are fetched at once to look for a record: some 800
	// markers.
	oldestBytes = 64 << 10
	// oldestFetches is how often that is done at most.
	oldestFetches = 16
)

// Oldest finds the first committed record of a partition at or after from and before until, and
// returns the time of its batch: that of the batch's first record or, with
// message.timestamp.type=LogAppendTime, when it was appended. Transaction markers and records that
// were rolled back do not count, and offsets that retention or compaction has emptied are skipped.
// found is false if there is none before next. next is less than until if the search stopped at its
// limit: continue from there.
func Oldest(ctx context.Context, client *kgo.Client, topic string, partition int32, from, until int64) (at time.Time,
	found bool, next int64, err error) {
	next = from
	for range oldestFetches {
		if next >= until {
			return at, false, next, nil
		}
		got, err := fetch(ctx, client, topic, partition, next, oldestBytes)
		if errors.Is(err, kerr.OffsetOutOfRange) {
			next, err = begin(ctx, client, topic, partition, next)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return at, false, next, fmt.Errorf("look for the first record from offset %d of partition %d of topic %s on: %w",
				next, partition, topic, err)
		}
		if len(got.spans) == 0 {
			return at, false, max(next, min(until, got.stable)), nil
		}
		if at, found = got.first(next, until); found {
			return at, true, next, nil
		}
		next = min(max(next, got.spans[len(got.spans)-1].last+1), until)
	}
	return at, false, next, nil
}

// begin returns where a partition's log begins, for an offset that has expired.
func begin(ctx context.Context, client *kgo.Client, topic string, partition int32, after int64) (int64, error) {
	starts, err := kadm.NewClient(client).ListStartOffsets(ctx, topic)
	if err != nil {
		return after, err
	}
	start, known := starts.Lookup(topic, partition)
	switch {
	case !known:
		return after, kerr.UnknownTopicOrPartition
	case start.Err != nil:
		return after, start.Err
	case start.Offset <= after: // the topic was created again, and ends before the offset
		return after, kerr.OffsetOutOfRange
	}
	return start.Offset, nil
}

// first returns the time of the first batch with committed records at or after from and before
// until.
func (f fetched) first(from, until int64) (at time.Time, found bool) {
	open := map[int64]bool{} // producers whose transaction here is rolled back later
	for _, s := range f.spans {
		if starts := f.aborted[s.producer]; slices.ContainsFunc(starts, func(o int64) bool { return o <= s.last }) {
			f.aborted[s.producer] = slices.DeleteFunc(starts, func(o int64) bool { return o <= s.last })
			open[s.producer] = true
		}
		switch {
		case s.first >= until:
			return at, false
		case s.control:
			delete(open, s.producer)
		case s.records > 0 && s.last >= from && !open[s.producer]:
			return s.at, true
		}
	}
	return at, false
}
