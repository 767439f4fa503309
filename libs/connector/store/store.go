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

// versionsKept is for how long the versions of tables stay in memory after tasks have started.
const versionsKept = time.Minute

// Config is what a store is made from; every field must be set.
type Config struct {
	// Kafka are the options that every client connects with.
	Kafka []kgo.Opt
	// ConfigTopic, StatusTopic and OffsetsTopic are made if they are missing, TimelineTopic when it is first needed.
	ConfigTopic, StatusTopic, OffsetsTopic, SchemasTopic, TimelineTopic string
	// Partitions and ReplicationFactor are those of topics that are made.
	Partitions        int32
	ReplicationFactor int16
	// Timeout bounds a write.
	Timeout time.Duration
	// Reach says why the brokers cannot be connected to.
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
	// Offsets and Schemas are what source tasks begin with, and Timeline what happened.
	Offsets, Schemas *StateTopic
	Timeline         *Timeline

	// pendingStatus counts status records that Kafka has not confirmed yet.
	pendingStatus atomic.Int64

	// Known is what was read. Its mutex guards the fields below it too, so that a record is in all of them or in none.
	Known
	// failure is why the store cannot be used now; nil once the topics were read to their ends.
	failure error
	// restrictions are what the brokers do not take; known when failure is nil.
	restrictions kafka.Restrictions
	// next is one past the last offset applied, by topic and partition.
	next map[string]map[int32]int64
	// partitions counts each topic's partitions. They must not be added to later: records and ownership of a
	// connector would move to another partition.
	partitions map[string]int32
	restarts   []state.Restart // not yet taken by the worker
	// begun is when the process began to read: a restart that was asked for since then is about it,
	// although other records are older.
	begun time.Time
	// configs counts the changes of configurations and of what they are to do.
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
		// Single small records do not get smaller, and there are brokers that take none that are compressed.
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// The topics may end in the marker of a transaction, such as those of Kafka Connect's
		// workers, whose offset is passed like a record's.
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

// SetFailure says why the store cannot be used from now on; nil once it can.
func (s *Store) SetFailure(failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failure == nil && s.failure != nil {
		s.logger.Info("config store read", "connectors", len(s.view.All()))
	}
	s.failure = failure
	s.wake()
}

// Usable is nil once the store was read.
func (s *Store) Usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Changes is closed at the next change; configs tells by another number that configurations have changed.
func (s *Store) Changes() (next <-chan struct{}, configs int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed, s.configs
}

// TakeRestarts returns the requests since the last call.
func (s *Store) TakeRestarts() []state.Restart {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.restarts
	s.restarts = nil
	return requests
}

// Config is what the store was made from.
func (s *Store) Config() Config { return s.config }

// ConfigPartitions is the number of partitions that ownership is divided by; 0 until the store was prepared.
func (s *Store) ConfigPartitions() int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.partitions[s.config.ConfigTopic]
}

// Client makes a client for a task, with the worker's connection options and the given ones, which
// is measured, and keeps to what the brokers take.
func (s *Store) Client(options ...kgo.Opt) (*kgo.Client, error) {
	s.mu.Lock()
	restrictions := s.restrictions
	s.mu.Unlock()
	bounded := append(options[:len(options):len(options)], restrictions.Options()...)
	return kgo.NewClient(append(append([]kgo.Opt{kgo.WithHooks(s.config.Meters)}, s.config.Kafka...), bounded...)...)
}
