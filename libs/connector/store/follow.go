package store

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// Follow creates the topics if they are missing and applies their records until ctx ends. It waits
// for Kafka as long as it takes.
func (s *Store) Follow(ctx context.Context) {
	defer s.client.Close()
	retry := backoff{least: 250 * time.Millisecond, most: 5 * time.Second}
	topics := &topics{s.config, s.client, s.Admin, s.logger}
	var ends kadm.ListedOffsets
	for {
		found, err := topics.prepare(ctx)
		if err == nil {
			ends = s.begin(found)
			break
		}
		if ctx.Err() != nil {
			return
		}
		s.SetFailure(err)
		s.logger.Warn("the brokers cannot be used yet; trying again", "err", err)
		retry.wait(ctx)
	}
	s.client.AddConsumeTopics(s.config.ConfigTopic, s.config.StatusTopic)
	for {
		if s.reached(ends) {
			s.SetFailure(nil)
			ends = nil
		}
		fetches := s.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			s.logger.Warn("reading the config store failed; trying again", "topic", topic, "partition", partition, "err", err)
		})
		s.apply(fetches)
	}
}

// begin notes what was found out about the topics, and returns the offsets up to which they must be
// read.
func (s *Store) begin(found *prepared) kadm.ListedOffsets {
	s.Known.mu.Lock()
	defer s.Known.mu.Unlock()
	s.partitions, s.restrictions = found.partitions, found.restrictions
	found.starts.Each(func(start kadm.ListedOffset) {
		if s.next[start.Topic] == nil {
			s.next[start.Topic] = map[int32]int64{}
		}
		s.next[start.Topic][start.Partition] = start.Offset
	})
	return found.ends
}

// reached reports whether everything below ends has been applied.
func (s *Store) reached(ends kadm.ListedOffsets) bool {
	if ends == nil {
		return false
	}
	s.Known.mu.Lock()
	defer s.Known.mu.Unlock()
	reached := true
	ends.Each(func(end kadm.ListedOffset) {
		reached = reached && s.next[end.Topic][end.Partition] >= end.Offset
	})
	return reached
}

func (s *Store) apply(fetches kgo.Fetches) {
	s.Known.mu.Lock()
	defer s.Known.mu.Unlock()
	touched := map[string]bool{}
	fetches.EachRecord(func(record *kgo.Record) {
		s.next[record.Topic][record.Partition] = record.Offset + 1
		if record.Attrs.IsControl() {
			return
		}
		var name string
		var request *state.Restart
		var err error
		if record.Topic == s.config.ConfigTopic {
			s.configs++
			name, request, err = s.Known.view.ApplyConfig(record.Offset, record.Timestamp.UnixMilli(),
				string(record.Key), record.Value)
		} else {
			name, err = s.Known.view.ApplyStatus(string(record.Key), record.Value)
		}
		if err != nil {
			s.logger.Error("a record of the config store cannot be read and is left out", "topic", record.Topic, "partition",
				record.Partition, telemetry.Passing("offset", record.Offset), "err", err)
			return
		}
		if request != nil && (s.failure == nil || record.Timestamp.After(s.begun)) {
			s.restarts = append(s.restarts, *request)
		}
		if name != "" {
			touched[name] = true
		}
	})
	for w := range s.watchers {
		w.mark(touched)
	}
	s.wake()
}
