package state

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// State is Kafka Connect's state of a connector or a task.
type State string

const (
	Unassigned State = "UNASSIGNED"
	Running    State = "RUNNING"
	Paused     State = "PAUSED"
	Failed     State = "FAILED"
	Restarting State = "RESTARTING"
	Stopped    State = "STOPPED"
)

// known reports whether the state is one of Kafka Connect's.
func (s State) known() bool {
	switch s {
	case Unassigned, Running, Paused, Failed, Restarting, Stopped:
		return true
	}
	return false
}

// Target is the state that the user wants a connector to be in: the record "target-state-<name>".
type Target string

const (
	TargetStarted Target = "STARTED"
	TargetPaused  Target = "PAUSED"
	TargetStopped Target = "STOPPED"
)

// TaskID names one task of one connector.
type TaskID struct {
	Connector string
	Task      int
}

func (t TaskID) String() string { return t.Connector + "-" + strconv.Itoa(t.Task) }

// PartitionOf is the partition of the config topic whose holder runs a task. Successive tasks take successive
// partitions, so that they spread over the fleet. A connector itself, its records included, is where its task 0 is.
func PartitionOf(connector string, task int, partitions int32) int32 {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(connector))
	return int32((uint64(hash.Sum32()) + uint64(task)) % uint64(partitions))
}

// The keys of the config topic are those of Kafka Connect's KafkaConfigBackingStore, and so are the
// values, except for what they say about tasks and versions.
const (
	ConnectorKey   = "connector-"
	TargetKey      = "target-state-"
	RestartKey     = "restart-connector-"
	RestartTaskKey = "restart-task-"
	// versionKey is Calypso's own: an earlier configuration. Kafka Connect ignores keys that it does
	// not know.
	versionKey = "config-version-"
)

// Entry is a record to append to one of the topics; a nil value removes the key.
type Entry struct {
	Key   string
	Value any
}

// ConfigRecord is the value of "connector-<name>" and of "config-version-<place>-<name>".
type ConfigRecord struct {
	Properties map[string]string `json:"properties"`
	// Tasks is how many tasks the configuration asks for, found out when it was validated; 0 if unknown.
	Tasks int `json:"tasks,omitempty"`
	// Version counts the connector's configurations from 1; 0 in a record of a worker that did not count them.
	Version int64 `json:"version,omitempty"`
	// Made is when the version was made, in milliseconds since 1970, and Actor who made it.
	Made  int64  `json:"made,omitempty"`
	Actor string `json:"actor,omitempty"`
	// Changed are the keys in which the version differs from the one before it, sorted.
	Changed []string `json:"changed,omitempty"`
}

// maxVersion is the largest integer that every reader of JSON holds exactly.
const maxVersion = 1 << 53

// keptVersions is how many configurations of a connector are kept, the present one included. The others are in a ring
// of keptVersions-1 places, each a key of the compacted topic, so that a later version takes the place of the oldest.
const keptVersions = 20

// versionRecordKey is the key of an earlier version.
func versionRecordKey(connector string, version int64) string {
	return versionKey + strconv.FormatInt(version%(keptVersions-1), 10) + "-" + connector
}

// TargetRecord is the value of "target-state-<name>". State cannot say STOPPED, as before KIP-875; StateV2 can.
type TargetRecord struct {
	State   Target `json:"state"`
	StateV2 Target `json:"state.v2"`
}

// Record is the record that asks for the target.
func (t Target) Record() TargetRecord {
	if t == TargetStopped {
		return TargetRecord{State: TargetPaused, StateV2: TargetStopped}
	}
	return TargetRecord{State: t, StateV2: t}
}

// target is the state that a record asks for. If state.v2 is unknown, state says what comes
// nearest.
func (r TargetRecord) target() (Target, bool) {
	for _, t := range []Target{r.StateV2, r.State} {
		switch t {
		case TargetStarted, TargetPaused, TargetStopped:
			return t, true
		}
	}
	return "", false
}

// RestartRecord is the value of "restart-connector-<name>" and, with Task set, of "restart-task-<name>". It is acted
// on when it is read live and has no meaning after that.
type RestartRecord struct {
	IncludeTasks bool   `json:"include-tasks"`
	OnlyFailed   bool   `json:"only-failed"`
	Connector    string `json:"connector,omitempty"` // given with Task, since the key ends in the task's number
	Task         *int   `json:"task,omitempty"`
}

// The keys and values of the status topic are those of Kafka Connect's KafkaStatusBackingStore.
const (
	StatusConnectorKey = "status-connector-"
	statusTaskKey      = "status-task-"
	statusTopicKey     = "status-topic-"
	topicSeparator     = ":connector-"
)

// StatusRecord is the value of "status-connector-<name>" and "status-task-<name>-<n>".
type StatusRecord struct {
	State    State  `json:"state"`
	Trace    string `json:"trace,omitempty"`
	WorkerID string `json:"worker_id"`
	// Generation is the offset of the configuration that the status is about.
	Generation int64  `json:"generation"`
	Version    string `json:"version,omitempty"`
	// Quarantined is true for a task that is FAILED because it crashed its worker's process
	// repeatedly: it is not started with this configuration until somebody restarts it.
	Quarantined bool `json:"quarantined,omitempty"`
}

// TopicRecord is the value of "status-topic-<topic>:connector-<name>".
type TopicRecord struct {
	Topic struct {
		Name              string `json:"name"`
		Connector         string `json:"connector"`
		Task              int    `json:"task"`
		DiscoverTimestamp int64  `json:"discoverTimestamp"` // milliseconds since 1970
	} `json:"topic"`
}

// TaskStatusKey is the key of a task's status.
func TaskStatusKey(id TaskID) string { return statusTaskKey + id.String() }

// TopicStatusKey is the key of the record that a connector uses a topic.
func TopicStatusKey(connector, topic string) string {
	return statusTopicKey + topic + topicSeparator + connector
}

// parseTaskStatusKey splits what follows statusTaskKey at the last dash.
func parseTaskStatusKey(rest string) (TaskID, bool) {
	name, number, ok := cutLast(rest, "-")
	if !ok {
		return TaskID{}, false
	}
	task, err := strconv.Atoi(number)
	if err != nil || task < 0 {
		return TaskID{}, false
	}
	return TaskID{name, task}, true
}

// decodeRecord reads the JSON of a record; an error names the record's key.
func decodeRecord[T any](key string, value []byte) (T, error) {
	var record T
	if err := json.Unmarshal(value, &record); err != nil {
		return record, fmt.Errorf("record %s is not what a worker writes: %w", key, err)
	}
	return record, nil
}

// decodeConfig reads a configuration. It refuses numbers that no worker can have written, since
// workers do work for each task. Earlier releases did not bound the number of tasks and may have
// written any value of tasks.max; it is cut to the present bound.
func decodeConfig(key string, value []byte) (ConfigRecord, error) {
	record, err := decodeRecord[ConfigRecord](key, value)
	if err == nil && (record.Tasks < 0 || record.Tasks > math.MaxInt32 || record.Version < 0 ||
		record.Version > maxVersion) {
		err = fmt.Errorf(
			"record %s is not what a worker writes: it has %d tasks and version %d; a connector has at most %d tasks", key,
			record.Tasks, record.Version, catalogue.MaxTasks)
	}
	record.Tasks = min(record.Tasks, catalogue.MaxTasks)
	return record, err
}

// decodeStatus reads a status.
func decodeStatus(key string, value []byte) (StatusRecord, error) {
	record, err := decodeRecord[StatusRecord](key, value)
	if err == nil && !record.State.known() {
		err = fmt.Errorf("record %s has state %.100q, which no connector or task has", key, record.State)
	}
	return record, err
}

// cutPrefixes finds which of several prefixes a key has.
func cutPrefixes(key string, prefixes ...string) (prefix, rest string) {
	for _, prefix := range prefixes {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			return prefix, rest
		}
	}
	return "", key
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}
