package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// store follows the config and status topics into a view, and appends to them. Every worker reads all of both topics;
// none owns them. A write returns when this worker has read it back, so a worker's own answers always reflect the
// calls it took; other workers follow within a fetch.
type store struct {
	config WorkerConfig
	logger *slog.Logger
	client *kgo.Client
	admin  *kadm.Client
	reach  *kafka.Reach

	// pendingStatus counts status records that Kafka has not confirmed yet.
	pendingStatus atomic.Int64

	mu sync.Mutex
	// failure is why the store cannot be used now; nil once the topics were read to their ends.
	failure error
	view    *state.View
	// restrictions are what the brokers do not take; known when failure is nil.
	restrictions kafka.Restrictions
	// next is one past the last offset applied, by topic and partition.
	next map[string]map[int32]int64
	// partitions counts each topic's partitions. They must not be added to later: records and ownership of a
	// connector would move to another partition.
	partitions map[string]int32
	restarts   []state.Restart // not yet taken by the worker
	// begun is when the process began to read: a restart that was asked for since then is about it, although other records are older.
	begun time.Time
	// configs counts the changes of configurations and of what they are to do.
	configs  int64
	changed  chan struct{}
	watchers map[*watcher]struct{}
}

var errNotRead = errors.New("the config topic has not been read to its end yet")

func newStore(config WorkerConfig, reach *kafka.Reach) (*store, error) {
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, config.Kafka...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// Without idempotence a write can be given up while Kafka is down. One request in flight keeps the order, and
		// a record that is written twice compacts to one.
		kgo.DisableIdempotentWrite(),
		kgo.MaxProduceRequestsInflightPerBroker(1),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0),
		// Single small records do not get smaller, and there are brokers that take none that are compressed.
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.MetadataMaxAge(time.Minute),
	)...)
	if err != nil {
		return nil, fmt.Errorf("make the Kafka client of the config store: %w", err)
	}
	return &store{
		config:   config,
		logger:   config.Logger,
		client:   client,
		admin:    kadm.NewClient(client),
		reach:    reach,
		failure:  errNotRead,
		begun:    time.Now(),
		view:     state.NewView(),
		next:     map[string]map[int32]int64{},
		changed:  make(chan struct{}),
		watchers: map[*watcher]struct{}{},
	}, nil
}

// follow makes the topics if they are missing and applies their records until ctx ends. It waits for Kafka as long as
// it takes.
func (s *store) follow(ctx context.Context) {
	defer s.client.Close()
	retry := backoff{least: 250 * time.Millisecond, most: 5 * time.Second}
	var ends kadm.ListedOffsets
	for {
		var err error
		if ends, err = s.prepare(ctx); err == nil {
			break
		}
		if ctx.Err() != nil {
			return
		}
		s.setFailure(err)
		s.logger.Warn("Kafka cannot be used yet; trying again", "err", err)
		retry.wait(ctx)
	}
	s.client.AddConsumeTopics(s.config.ConfigTopic, s.config.StatusTopic)
	for {
		if s.reached(ends) {
			s.setFailure(nil)
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

// prepare makes missing topics and finds out up to where they must be read before the store can be used.
func (s *store) prepare(ctx context.Context) (kadm.ListedOffsets, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	topics := []string{s.config.ConfigTopic, s.config.StatusTopic, s.config.OffsetsTopic}
	partitions, err := s.countPartitions(ctx, topics)
	if err != nil {
		return nil, err
	}
	if len(partitions) < len(topics) {
		for _, topic := range topics {
			if partitions[topic] == 0 {
				if err := s.makeTopic(ctx, topic); err != nil {
					return nil, err
				}
			}
		}
		if partitions, err = s.countPartitions(ctx, topics); err != nil {
			return nil, err
		}
		if len(partitions) < len(topics) {
			return nil, errors.New("the brokers do not know all of the topics yet that have just been made")
		}
	}
	if err := s.demandCompaction(ctx, topics); err != nil {
		return nil, err
	}
	restrictions, err := s.findRestrictions(ctx)
	if err != nil {
		return nil, err
	}
	starts, err := s.admin.ListStartOffsets(ctx, topics[:2]...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the start of the topics %v: %w", topics[:2], err)
	}
	ends, err := s.admin.ListEndOffsets(ctx, topics[:2]...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the end of the topics %v: %w", topics[:2], err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partitions, s.restrictions = partitions, restrictions
	starts.Each(func(start kadm.ListedOffset) {
		if s.next[start.Topic] == nil {
			s.next[start.Topic] = map[int32]int64{}
		}
		s.next[start.Topic][start.Partition] = start.Offset
	})
	return ends, nil
}

// demandCompaction refuses topics that lose records by age: connectors and their offsets would vanish with them, without a word. Such are
// topics made by hand, and event hubs made in Azure's portal. Brokers that do not say are trusted.
func (s *store) demandCompaction(ctx context.Context, topics []string) error {
	configs, err := s.admin.DescribeTopicConfigs(ctx, topics...)
	if err != nil {
		s.logger.Warn("whether the topics of the workers are compacted could not be asked", "err", err)
		return nil
	}
	for _, topic := range configs {
		for _, setting := range topic.Configs {
			if setting.Key == "cleanup.policy" && setting.Value != nil && *setting.Value != "compact" {
				return fmt.Errorf("topic %s has cleanup.policy=%s, so that connectors or their positions would be lost after its retention: set it to compact "+
					"(kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config cleanup.policy=compact; on Event Hubs delete the event hub and let Calypso make it)", topic.Name, *setting.Value, topic.Name)
			}
		}
	}
	return nil
}

// findRestrictions finds what the brokers do not take by writing to the status topic, whose readers pass the record over.
func (s *store) findRestrictions(ctx context.Context) (kafka.Restrictions, error) {
	connect := func(options ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(append([]kgo.Opt{}, s.config.Kafka...), options...)...)
	}
	restrictions, err := kafka.Probe(ctx, connect, s.config.StatusTopic, 0)
	if err != nil {
		return kafka.Restrictions{}, fmt.Errorf("find out what the brokers take: %w", err)
	}
	if restrictions.Uncompressed {
		s.logger.Info("the brokers take no compressed batches, as Event Hubs: none are sent", "max_request_bytes", restrictions.MaxRequest)
	}
	return restrictions, nil
}

// brokerRestrictions are what the brokers do not take.
func (s *store) brokerRestrictions() kafka.Restrictions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restrictions
}

// countPartitions asks for the partitions of the topics that exist. It goes past the client's cache of metadata, which
// would hide topics that have just been made.
func (s *store) countPartitions(ctx context.Context, topics []string) (map[string]int32, error) {
	request := kmsg.NewPtrMetadataRequest()
	for _, topic := range topics {
		wanted := kmsg.NewMetadataRequestTopic()
		wanted.Topic = kmsg.StringPtr(topic)
		request.Topics = append(request.Topics, wanted)
	}
	response, err := request.RequestWith(ctx, s.client)
	if err != nil {
		return nil, fmt.Errorf("look up the topics %v: %w", topics, err)
	}
	partitions := map[string]int32{}
	for _, topic := range response.Topics {
		err := kerr.ErrorForCode(topic.ErrorCode)
		if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) && !errors.Is(err, kerr.LeaderNotAvailable) {
			return nil, fmt.Errorf("look up topic %s: %w", *topic.Topic, err)
		}
		if len(topic.Partitions) > 0 {
			partitions[*topic.Topic] = int32(len(topic.Partitions))
		}
	}
	return partitions, nil
}

func (s *store) makeTopic(ctx context.Context, topic string) error {
	compacted := map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}
	_, err := kafka.MakeTopic(ctx, s.admin, topic, s.config.Partitions, s.config.ReplicationFactor, compacted)
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case err != nil:
		return fmt.Errorf("make the compacted topic %s with %d partitions: %w; make it yourself where clients may not make topics", topic, s.config.Partitions, err)
	}
	s.logger.Info("topic made", "topic", topic, "partitions", s.config.Partitions)
	return nil
}

// reached reports whether everything below ends has been applied; it is said once.
func (s *store) reached(ends kadm.ListedOffsets) bool {
	if ends == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	reached := true
	ends.Each(func(end kadm.ListedOffset) {
		reached = reached && s.next[end.Topic][end.Partition] >= end.Offset
	})
	return reached
}

func (s *store) apply(fetches kgo.Fetches) {
	s.mu.Lock()
	defer s.mu.Unlock()
	touched := map[string]bool{}
	fetches.EachRecord(func(record *kgo.Record) {
		s.next[record.Topic][record.Partition] = record.Offset + 1
		var name string
		var request *state.Restart
		var err error
		if record.Topic == s.config.ConfigTopic {
			s.configs++
			name, request, err = s.view.ApplyConfig(record.Offset, record.Timestamp.UnixMilli(), string(record.Key), record.Value)
		} else {
			name, err = s.view.ApplyStatus(string(record.Key), record.Value)
		}
		if err != nil {
			s.logger.Error("a record of the config store cannot be read and is left out", "topic", record.Topic, "partition", record.Partition, telemetry.Passing("offset", record.Offset), "err", err)
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

// wake tells everyone who waits on changed; s.mu is held.
func (s *store) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *store) setFailure(failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failure == nil && s.failure != nil {
		s.logger.Info("config store read", "connectors", len(s.view.All()))
	}
	s.failure = failure
	s.wake()
}

// usable is nil once the store was read.
func (s *store) usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// changes is closed at the next change; configs tells by another number that configurations have changed.
func (s *store) changes() (next <-chan struct{}, configs int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed, s.configs
}

// takeRestarts returns the requests since the last call.
func (s *store) takeRestarts() []state.Restart {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.restarts
	s.restarts = nil
	return requests
}

// get finds a connector.
func (s *store) get(name string) (state.Connector, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.Connector(name)
}

// history returns the earlier configurations of a connector by the keys of their records, in no order.
func (s *store) history(name string) map[string]state.ConfigRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.History(name)
}

// configured are the connectors without their statuses, unsorted.
func (s *store) configured() []state.Connector {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.All()
}

// statusesOf are the statuses of a connector that may not exist any more.
func (s *store) statusesOf(name string) state.Statuses {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.Statuses(name)
}

// allStatuses are the statuses of every name.
func (s *store) allStatuses() map[string]state.Statuses {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.AllStatuses()
}

// usedTopics are the topics that connectors read and write, sorted.
func (s *store) usedTopics() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.UsedTopics()
}

// configPartitions is the number of partitions that ownership is divided by; 0 until the store was prepared.
func (s *store) configPartitions() int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.partitions[s.config.ConfigTopic]
}

func (s *store) record(topic, connector string, e state.Entry) (*kgo.Record, error) {
	s.mu.Lock()
	partitions := s.partitions[topic]
	s.mu.Unlock()
	if partitions == 0 {
		return nil, errNotRead
	}
	record := &kgo.Record{Topic: topic, Key: []byte(e.Key), Partition: state.PartitionOf(connector, 0, partitions)}
	if e.Value != nil {
		value, err := json.Marshal(e.Value)
		if err != nil {
			return nil, fmt.Errorf("encode record %s: %w", e.Key, err)
		}
		record.Value = value
	}
	return record, nil
}

// append writes records about one connector to the config or status topic, in order, and returns when this worker has
// read them back.
func (s *store) append(ctx context.Context, topic, connector string, entries ...state.Entry) error {
	if err := s.usable(); err != nil {
		return storeUnavailable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.StoreTimeout)
	defer cancel()
	records := make([]*kgo.Record, len(entries))
	for i, e := range entries {
		var err error
		if records[i], err = s.record(topic, connector, e); err != nil {
			return storeUnavailable(err)
		}
	}
	for _, result := range s.client.ProduceSync(ctx, records...) {
		if result.Err != nil {
			return storeUnavailable(fmt.Errorf("write to topic %s: %w", topic, s.reach.Explain(result.Err)))
		}
	}
	last := records[len(records)-1]
	return s.waitApplied(ctx, last)
}

func (s *store) waitApplied(ctx context.Context, record *kgo.Record) error {
	for {
		s.mu.Lock()
		applied := s.next[record.Topic][record.Partition] > record.Offset
		changed := s.changed
		s.mu.Unlock()
		if applied {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return storeUnavailable(fmt.Errorf("the change was written to topic %s but could not be read back: %w", record.Topic, s.reach.Explain(ctx.Err())))
		}
	}
}

// report writes to the status topic in the background and tries until it succeeds, in the order of the calls.
func (s *store) report(connector string, e state.Entry) {
	record, err := s.record(s.config.StatusTopic, connector, e)
	if err != nil {
		s.logger.Error("a status cannot be written", "connector", connector, "key", e.Key, "err", err)
		return
	}
	s.pendingStatus.Add(1)
	s.client.TryProduce(context.Background(), record, func(_ *kgo.Record, err error) {
		s.pendingStatus.Add(-1)
		if err != nil && !errors.Is(err, kgo.ErrClientClosed) {
			s.logger.Error("a status was not written", "connector", connector, "key", e.Key, "err", err)
		}
	})
}

// flush waits for the statuses on their way, at most until ctx ends.
func (s *store) flush(ctx context.Context) error { return s.client.Flush(ctx) }
