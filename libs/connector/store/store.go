package store

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/kafka"
)

// versionsKept is how long the versions of tables stay in memory after they were last asked for:
// tasks often start together.
const versionsKept = time.Minute

// Config is the configuration of a store; every field must be set.
type Config struct {
	// Kafka are the options that every client connects with.
	Kafka []kgo.Opt
	// ConfigTopic, StatusTopic and OffsetsTopic are created if they are missing, TimelineTopic when it
	// is first needed, and SchemasTopic by tasks.
	ConfigTopic, StatusTopic, OffsetsTopic, SchemasTopic, TimelineTopic string
	// Partitions and ReplicationFactor are those of topics that are created.
	Partitions        int32
	ReplicationFactor int16
	// Timeout bounds a write.
	Timeout time.Duration
	// Reach knows why the brokers cannot be connected to.
	Reach *kafka.Reach
	// Meters measure the clients of tasks.
	Meters *kafka.Meters
	Logger *slog.Logger
}

// InternalTopics are the topics that keep the runtime's state.
func (c Config) InternalTopics() []string {
	return []string{c.ConfigTopic, c.StatusTopic, c.OffsetsTopic, c.SchemasTopic, c.TimelineTopic}
}

// Store follows the config and status topics into a view, and appends to them. Every worker reads all of both topics;
// none owns them. A write returns when this worker has read it back, so a worker's own answers always reflect the
// calls it took; other workers follow within a fetch.
type Store struct {
	config Config
	logger *slog.Logger
	client *kgo.Client
	// Admin asks the brokers; it must not be closed.
	Admin *kadm.Client
	// Offsets and Schemas hold the state with which source tasks begin; Timeline holds the events.
	Offsets, Schemas *StateTopic
	Timeline         *Timeline

	// pendingStatus counts status records that Kafka has not confirmed yet.
	pendingStatus atomic.Int64

	// Known is what was read. Its mutex also guards the fields below, so that a record is in all of
	// them or in none.
	Known Known
	// failure is why the store cannot be used now; nil once the topics were read to their ends.
	failure error
	// restrictions are what the brokers do not accept; known when failure is nil.
	restrictions kafka.Restrictions
	// next is one past the last offset applied, by topic and partition.
	next map[string]map[int32]int64
	// partitions counts each topic's partitions. They must not be added to later: records and ownership of a
	// connector would move to another partition.
	partitions map[string]int32
	restarts   []state.Restart // not yet taken by the worker
	// begun is when the process began to read: a request to restart that is younger is meant for it,
	// even if it comes among old records.
	begun time.Time
	// configs counts the records of the config topic that were applied.
	configs  int64
	changed  chan struct{}
	watchers map[*Watcher]struct{}
}

var errNotRead = errors.New("the config topic has not been read to its end yet")

// New makes a store, which does not connect yet.
func New(config Config) (*Store, error) {
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, config.Kafka...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// Without idempotence a write can be given up while Kafka is down. One request in flight keeps the order, and
		// a record that is written twice compacts to one.
		kgo.DisableIdempotentWrite(),
		kgo.MaxProduceRequestsInflightPerBroker(1),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0),
		// Compression does not make single small records smaller, and some brokers accept no compressed
		// ones.
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// The topics may end with the marker of a transaction, such as one of a Kafka Connect worker, and
		// its offset must be passed too before the topic counts as read.
		kgo.KeepControlRecords(),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.MetadataMaxAge(time.Minute),
	)...)
	if err != nil {
		return nil, fmt.Errorf("make the Kafka client of the config store: %w", err)
	}
	s := &Store{
		config:   config,
		logger:   config.Logger,
		client:   client,
		Admin:    kadm.NewClient(client),
		failure:  errNotRead,
		begun:    time.Now(),
		Known:    Known{view: state.NewView()},
		next:     map[string]map[int32]int64{},
		changed:  make(chan struct{}),
		watchers: map[*Watcher]struct{}{},
	}
	s.Offsets = &StateTopic{topic: config.OffsetsTopic, client: s.Client}
	s.Schemas = &StateTopic{topic: config.SchemasTopic, client: s.Client, keep: versionsKept}
	s.Timeline = newTimeline(config, client)
	return s, nil
}

// wake wakes everyone that waits on changed; s.mu is held.
func (s *Store) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// SetFailure sets why the store cannot be used; nil means that it can.
func (s *Store) SetFailure(failure error) {
	s.Known.mu.Lock()
	defer s.Known.mu.Unlock()
	if failure == nil && s.failure != nil {
		s.logger.Info("config store read", "connectors", len(s.Known.view.All()))
	}
	s.failure = failure
	s.wake()
}

// Usable returns why the store cannot be used; nil once the topics were read to their ends.
func (s *Store) Usable() error {
	s.Known.mu.Lock()
	defer s.Known.mu.Unlock()
	return s.failure
}

// Changes returns a channel that is closed at the next change, and a number that differs once the
// config topic has changed.
func (s *Store) Changes() (next <-chan struct{}, configs int64) {
	s.Known.mu.Lock()
	defer s.Known.mu.Unlock()
	return s.changed, s.configs
}

// TakeRestarts returns the requests since the last call.
func (s *Store) TakeRestarts() []state.Restart {
	s.Known.mu.Lock()
	defer s.Known.mu.Unlock()
	requests := s.restarts
	s.restarts = nil
	return requests
}

// Config returns the configuration of the store.
func (s *Store) Config() Config { return s.config }

// ConfigPartitions is the number of partitions of the config topic, by which the tasks are divided;
// 0 until the topics were prepared.
func (s *Store) ConfigPartitions() int32 {
	s.Known.mu.Lock()
	defer s.Known.mu.Unlock()
	return s.partitions[s.config.ConfigTopic]
}

// Client makes a client for a task, with the worker's connection options and further ones. It is
// measured, and restricted to what the brokers accept.
func (s *Store) Client(options ...kgo.Opt) (*kgo.Client, error) {
	s.Known.mu.Lock()
	restrictions := s.restrictions
	s.Known.mu.Unlock()
	bounded := append(options[:len(options):len(options)], restrictions.Options()...)
	return kgo.NewClient(append(append([]kgo.Opt{kgo.WithHooks(s.config.Meters)}, s.config.Kafka...), bounded...)...)
}
