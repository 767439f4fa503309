package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

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
	// Tasks returns how many tasks a checked configuration asks for, at least 1. It also finds the
	// faults that keys cannot have by themselves; its error may join several, each a catalogue.Problem
	// with its key.
	Tasks func(catalogue.Values) (int, error)
	// Check looks at the source or target without changing anything; nil if there is nothing to look at.
	Check func(context.Context, catalogue.Values) []Check
	// Topics returns the topics that a connector reads and writes, and the prefix of the names of
	// further topics that it creates, as far as the configuration says; nil if it says nothing. Before
	// a start the worker's rights on them are checked.
	Topics func(catalogue.Values) UsedTopics
	// Offset returns why a source could not go on from an offset that a user sets, naming the field
	// (partition, offset.lsn); nil if it could. Both are canonical JSON objects. If the function is
	// nil, every offset is accepted. Offsets may always be removed.
	Offset func(values catalogue.Values, partition, offset []byte) *catalogue.Problem
	// Repeats says, in sentences, what comes again and where it will then be twice if offsets are
	// moved back or removed.
	Repeats []string
	// NewTask makes one task. It must not block; connections are made in Run.
	NewTask func(TaskEnv, catalogue.Values) (Task, error)
}

// Validate returns an error that says what a plugin lacks.
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
	// Prefix begins the names of topics that the connector creates; empty if it creates none whose
	// names are not known beforehand.
	Prefix string
	// Needs are topics that the connector creates if they are missing.
	Needs []NeededTopic
}

// Check is one named finding about the source or target, with what to do about it.
type Check struct {
	Name   string
	OK     bool
	Detail string
	Remedy string
}

// Said is what was found and what to do about it, as sentences.
func (c Check) Said() string {
	if c.Remedy == "" || c.Detail == "" {
		return c.Detail + c.Remedy
	}
	return strings.TrimSuffix(c.Detail, ".") + ". " + c.Remedy
}

// Task moves data until its context ends.
//
// Run returns nil only after ctx is done, with everything it promised made durable. Any other return fails the task:
// the error is what /status shows as trace, so it says what was being done, to what, and what to do about it. A task
// retries by itself what waiting can fix and returns only what it cannot fix.
type Task interface {
	Run(ctx context.Context) error
}

// TaskEnv is what the runtime gives a task. A check runs no task, and has only Connector and Logger:
// code that serves checks too asks whether Happened, Note, Notes, Hide and AllVersions are nil.
type TaskEnv struct {
	Connector string
	// Task is the number of this task, from 0.
	Task  int
	Tasks int
	// WorkerID is this worker's address as shown in status.
	WorkerID string
	// Kafka makes clients with the worker's connection options (brokers, TLS, SASL) and further ones.
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
	// Started reports that the task is done with the costly part of its start. Only a few tasks start
	// at once, and another may begin as soon as this is called, or after a second. It may be called
	// more than once.
	Started func()
	// Doing says what the task is working on, such as "the batches of shop.orders/0". If the task is
	// told to stop and that takes a while, the log and the timeline say that it waits for this.
	Doing func(what string)
	// UsedTopic notes a topic that the connector writes or reads, for /topics. Call it once a topic,
	// before its first record; it is cheap. It refuses the runtime's own topics: whoever may configure
	// a connector must not be able to use it to read the secrets of others, or change their state.
	UsedTopic func(topic string) error
	// InternalTopics are those that UsedTopic refuses, for subscriptions by regular expression to leave out.
	InternalTopics []string
	// Retrying is called when the task waits to try again what failed with err (shown by the richer services, logged
	// rate-limited); with nil when it works again. The state stays RUNNING, as Kafka Connect has it.
	Retrying func(err error)
	// Happened adds an event to the timeline (ListEvents): something that the task saw or did by
	// itself, such as "SchemaChanged". It returns at once; an event that cannot be written is logged.
	Happened func(action, detail string)
	// Note keeps a note about the connector in the status topic until the connector is deleted, or
	// until it is called with a nil note, and returns when that is durable. Notes returns all notes by
	// their names, as far as this worker has read the topic.
	Note  func(ctx context.Context, name string, note json.RawMessage) error
	Notes func() map[string]json.RawMessage
	// Hide removes the secrets of the configuration, and the values behind its references, from a text
	// that is to be shown; see Hidden.
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
	// Topic is created by a source task, compacted and with one partition, with ReplicationFactor (-1
	// for the broker's default). Source tasks write to it inside their own transactions.
	Topic             string
	ReplicationFactor int16
	// Versions reads the values of this connector's records, whose keys begin with its name, that are
	// committed at the call, in the order in which they were written. The error is
	// kerr.UnknownTopicOrPartition if the topic does not exist.
	Versions func(context.Context) ([][]byte, error)
	// AllVersions reads the values of all connectors, in no particular order; see Versions.
	AllVersions func(context.Context) ([][]byte, error)
}

// Hidden returns a text as callers may see it: without secrets.
func (e TaskEnv) Hidden(text string) string {
	if e.Hide == nil {
		return text
	}
	return e.Hide(text)
}
