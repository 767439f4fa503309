package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// Type says which fleet runs a connector.
type Type string

const (
	Source Type = "source"
	Sink   Type = "sink"
)

// Plugin is one connector class that a fleet can run.
type Plugin struct {
	// Class is the name that configurations give as connector.class.
	Class string
	// Aliases are other names that select the plugin, among them the Java classes it replaces and their simple names.
	Aliases []string
	Type    Type
	Version string
	// Catalogue declares every configuration key, the framework's (name, tasks.max, converters, transforms …) included.
	Catalogue *catalogue.Catalogue
	// Tasks is how many tasks a checked configuration asks for, at least 1. It finds the faults that keys cannot have by
	// themselves; its error may join several, each a catalogue.Problem, which says the key.
	Tasks func(catalogue.Values) (int, error)
	// Check looks at the source or target without changing anything; nil if there is nothing to look at.
	Check func(context.Context, catalogue.Values) []Check
	// Topics are those that a connector reads, those that it writes, and what the names of further
	// ones begin with that it makes and writes, as far as the configuration says; nil if it says
	// nothing. They are asked for rights before the start.
	Topics func(catalogue.Values) UsedTopics
	// Offset says why an offset that a user sets for a source would not be taken up, naming the
	// field (partition, offset.lsn); nil if it would. Both are canonical JSON objects. Without the
	// function every offset is set. Offsets may always be removed.
	Offset func(values catalogue.Values, partition, offset []byte) *catalogue.Problem
	// Repeats says what comes again, and where it is twice then, once offsets are moved back or removed, a sentence each.
	Repeats []string
	// NewTask makes one task. It must not block; connections are made in Run.
	NewTask func(TaskEnv, catalogue.Values) (Task, error)
}

// Validate says what a plugin lacks.
func (p Plugin) Validate() error {
	switch {
	case p.Class == "":
		return errors.New("plugin without a class")
	case p.Type != Source && p.Type != Sink:
		return fmt.Errorf("plugin %s: type %q, want source or sink", p.Class, p.Type)
	case p.Catalogue == nil || p.Tasks == nil || p.NewTask == nil:
		return fmt.Errorf("plugin %s: Catalogue, Tasks and NewTask must be set", p.Class)
	}
	return nil
}

// UsedTopics are the topics of a connector by what it does with them.
type UsedTopics struct {
	Reads, Writes []string
	// Prefix is empty if no topics are made whose names are not known.
	Prefix string
	// Needs are made where they are missing.
	Needs []NeededTopic
}

// Check is one named finding about the source or target, with what to do about it.
type Check struct {
	Name   string
	OK     bool
	Detail string
	Remedy string
}

// Task moves data until its context ends.
//
// Run returns nil only after ctx is done, with everything it promised made durable. Any other return fails the task:
// the error is what /status shows as trace, so it says what was being done, to what, and what to do about it. A task
// retries by itself what waiting can fix and returns only what it cannot fix.
type Task interface {
	Run(ctx context.Context) error
}

// TaskEnv is what the runtime gives a task.
type TaskEnv struct {
	Connector string
	// Task is the number of this task, from 0.
	Task  int
	Tasks int
	// WorkerID is this worker's address as shown in status.
	WorkerID string
	// Kafka makes clients with the worker's connection options (brokers, TLS, SASL) and the given ones.
	Kafka func(...kgo.Opt) (*kgo.Client, error)
	// BrokersAway is why the brokers cannot be connected to; nil if they can, as far as is known.
	BrokersAway func() error
	// OffsetsTopic is the compacted topic of source offsets. A source task writes its records itself, inside its own
	// transactions, with OffsetKey and any JSON object as value, by kgo's default partitioner.
	OffsetsTopic string
	// Schemas is the topic of the versions of captured tables.
	Schemas Schemas
	// Offsets reads the source offsets of this connector, read_committed, up to the end of the topic at the call.
	Offsets func(context.Context) (map[string][]byte, error) // canonical JSON of the partition -> JSON of the offset
	// Started says that the task has done what a start costs. Few tasks start at once, so a task
	// that says it early lets the next one begin; one that does not counts for a second. It may be
	// called more than once.
	Started func()
	// Doing says what the task is about, such as "the batches of shop.orders/0", in case it is told
	// to stop and that takes a while: then the log and the timeline say what it waits for.
	Doing func(what string)
	// UsedTopic notes a topic that the connector writes or reads, for /topics. Call it once a
	// topic, before its first record; it is cheap. It refuses the runtime's own topics: who may
	// configure a connector may not read through it the secrets of others, nor change their state.
	UsedTopic func(topic string) error
	// InternalTopics are those that UsedTopic refuses, for subscriptions by regular expression to leave out.
	InternalTopics []string
	// Retrying is called when the task waits to try again what failed with err (shown by the richer services, logged
	// rate-limited); with nil when it works again. The state stays RUNNING, as Kafka Connect has it.
	Retrying func(err error)
	// Happened adds to the timeline (ListEvents) what the task saw or did by itself, such as
	// "SchemaChanged". It returns at once; an event that cannot be written is logged.
	Happened func(action, detail string)
	// Note keeps a note of the connector's in the status topic, for as long as the connector is
	// there or until it is nil, and returns when that is durable. Notes are all that there are, by
	// their names, as far as this worker has read the topic.
	Note  func(ctx context.Context, name string, note json.RawMessage) error
	Notes func() map[string]json.RawMessage
	// Hide takes the secrets of the configuration, and what is behind its references, out of a text
	// that is shown: see Hidden.
	Hide func(text string) string
	// Logger hides them by itself.
	Logger *slog.Logger
}

// RefuseInternal is the error of a topic that is one of the runtime's own.
func RefuseInternal(internal []string, topic string) error {
	if slices.Contains(internal, topic) {
		return fmt.Errorf(
			"topic %s keeps the state of Calypso's own workers, and no connector may read or write it: choose another topic",
			topic)
	}
	return nil
}

// Schemas is the topic in which source tasks keep the versions of captured tables.
type Schemas struct {
	// Topic is made by a source task, compacted and of one partition, with ReplicationFactor (-1 is the broker's
	// default), which writes it inside its own transactions.
	Topic             string
	ReplicationFactor int16
	// Versions reads the values of what this connector has in it, under keys that begin with its name, as far as it is
	// committed at the call, in the order in which it was written. A topic that is not there is
	// kerr.UnknownTopicOrPartition.
	Versions func(context.Context) ([][]byte, error)
	// AllVersions reads what all connectors have in it, in no order; see Versions.
	AllVersions func(context.Context) ([][]byte, error)
}

// Hidden is a text as callers may see it.
func (e TaskEnv) Hidden(text string) string {
	if e.Hide == nil {
		return text
	}
	return e.Hide(text)
}
