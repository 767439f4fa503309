package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/kafka"
)

func (s *Store) record(topic, name string, e state.Entry) (*kgo.Record, error) {
	s.Known.mu.Lock()
	partitions := s.partitions[topic]
	s.Known.mu.Unlock()
	if partitions == 0 {
		return nil, errNotRead
	}
	record := &kgo.Record{Topic: topic, Key: []byte(e.Key), Partition: state.PartitionOf(name, 0, partitions)}
	if e.Value != nil {
		value, err := json.Marshal(e.Value)
		if err != nil {
			return nil, fmt.Errorf("encode record %s: %w", e.Key, err)
		}
		record.Value = value
	}
	return record, nil
}

// Append writes records about one connector to the config or status topic, in order, and returns when this worker has
// read them back.
func (s *Store) Append(ctx context.Context, topic, name string, entries ...state.Entry) error {
	if err := s.Usable(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	records := make([]*kgo.Record, len(entries))
	for i, e := range entries {
		var err error
		if records[i], err = s.record(topic, name, e); err != nil {
			return err
		}
	}
	if err := kafka.Produce(ctx, s.client, records...); err != nil {
		return fmt.Errorf("write to topic %s: %w", topic, s.config.Reach.Explain(err))
	}
	last := records[len(records)-1]
	return s.waitApplied(ctx, last)
}

func (s *Store) waitApplied(ctx context.Context, record *kgo.Record) error {
	for {
		s.Known.mu.Lock()
		applied := s.next[record.Topic][record.Partition] > record.Offset
		changed := s.changed
		s.Known.mu.Unlock()
		if applied {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the change was written to topic %s but could not be read back: %w", record.Topic,
				s.config.Reach.Explain(ctx.Err()))
		}
	}
}

// Report writes to the status topic in the background, in the order of the calls, and retries until
// it succeeds or a broker refuses the record.
func (s *Store) Report(name string, e state.Entry) {
	record, err := s.record(s.config.StatusTopic, name, e)
	if err != nil {
		s.logger.Error("a status cannot be written", "connector", name, "key", e.Key, "err", err)
		return
	}
	s.pendingStatus.Add(1)
	s.client.TryProduce(context.Background(), record, func(_ *kgo.Record, err error) {
		s.pendingStatus.Add(-1)
		if err != nil && !errors.Is(err, kgo.ErrClientClosed) {
			s.logger.Error("a status was not written", "connector", name, "key", e.Key, "err", err)
		}
	})
}

// Flush waits for the reports that are under way, at most until ctx ends.
func (s *Store) Flush(ctx context.Context) error { return s.client.Flush(ctx) }

// AbortHanging rolls back a transaction that nobody will end.
func (s *Store) AbortHanging(ctx context.Context, h *kafka.HangingTransaction) error {
	return kafka.AbortHanging(ctx, s.client, h)
}

// ForgetStatuses removes everything the status topic says about a connector that was deleted.
func (s *Store) ForgetStatuses(name string) {
	for _, e := range s.Known.StatusesOf(name).Tombstones(name) {
		s.Report(name, e)
	}
}

// Settled reports whether Kafka has confirmed all reports.
func (s *Store) Settled() bool { return s.pendingStatus.Load() == 0 }
