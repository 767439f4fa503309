package connector

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// view is what the config and status topics say, in memory. It has no I/O and no locks; the store owns it and applies
// the records in the order of their partitions.
type view struct {
	connectors map[string]*stored
	statuses   map[string]*connectorStatuses
	targets    map[string]target // also of names without a configuration: the target is written first
	// earlier are the configurations that connectors had before, by the keys of their records.
	earlier map[string]map[string]configRecord
}

// stored is one connector's configuration. It is never changed after it was put into the view.
type stored struct {
	name string
	// generation is the offset of the configuration's record: a new one means that the tasks must start anew.
	generation int64
	// configured is the record's timestamp in milliseconds since 1970.
	configured int64
	config     map[string]string
	tasks      int // as recorded, 0 if unknown
	// record is what is said about the configuration as a version.
	record configRecord
}

// connectorStatuses is what the status topic says about a connector, which need not exist any more.
type connectorStatuses struct {
	connector *statusRecord
	tasks     map[int]statusRecord
	topics    map[string]bool
}

func newView() *view {
	return &view{connectors: map[string]*stored{}, statuses: map[string]*connectorStatuses{}, targets: map[string]target{}, earlier: map[string]map[string]configRecord{}}
}

// restart is a request that a worker acts on once.
type restart struct {
	connector string
	record    restartRecord
}

// applyConfig takes a record of the config topic; nil value means a tombstone. It returns the connector it is about
// and, if the record is one, the request to restart.
func (v *view) applyConfig(offset, timestamp int64, key string, value []byte) (changed string, request *restart, err error) {
	prefix, name := cutPrefixes(key, connectorKey, targetKey, restartKey, restartTaskKey, versionKey)
	switch prefix {
	case connectorKey:
		if value == nil {
			delete(v.connectors, name)
			return name, nil, nil
		}
		record, err := decodeConfig(key, value)
		if err != nil {
			return "", nil, err
		}
		if name == "" || record.Properties == nil {
			return "", nil, fmt.Errorf("record %s names no connector or has no configuration", key)
		}
		v.connectors[name] = &stored{name: name, generation: offset, configured: timestamp, config: record.Properties, tasks: record.Tasks, record: record}
	case targetKey:
		if value == nil {
			delete(v.targets, name)
			return name, nil, nil
		}
		record, err := decodeRecord[targetRecord](key, value)
		if err != nil {
			return "", nil, err
		}
		wanted, ok := record.target()
		if !ok {
			return "", nil, fmt.Errorf("record %s asks for state %.100q, which is none of %s, %s and %s", key, cmp.Or(record.StateV2, record.State), targetStarted, targetPaused, targetStopped)
		}
		v.targets[name] = wanted
	case restartKey, restartTaskKey:
		if value == nil {
			return "", nil, nil
		}
		record, err := decodeRecord[restartRecord](key, value)
		if err != nil {
			return "", nil, err
		}
		if prefix == restartTaskKey {
			name = record.Connector
		}
		return "", &restart{name, record}, nil
	case versionKey:
		return "", nil, v.applyVersion(key, name, value)
	default:
		return "", nil, nil // other keys of Kafka Connect's own, such as session-key
	}
	return name, nil, nil
}

// applyVersion takes the record of an earlier configuration; rest is its key without the prefix.
func (v *view) applyVersion(key, rest string, value []byte) error {
	_, name, ok := strings.Cut(rest, "-")
	if !ok {
		return nil
	}
	if value == nil {
		delete(v.earlier[name], key)
		if len(v.earlier[name]) == 0 {
			delete(v.earlier, name)
		}
		return nil
	}
	record, err := decodeConfig(key, value)
	if err != nil {
		return err
	}
	if v.earlier[name] == nil {
		v.earlier[name] = map[string]configRecord{}
	}
	v.earlier[name][key] = record
	return nil
}

// applyStatus takes a record of the status topic and returns the connector it is about.
func (v *view) applyStatus(key string, value []byte) (changed string, err error) {
	prefix, rest := cutPrefixes(key, statusConnectorKey, statusTaskKey, statusTopicKey)
	switch prefix {
	case statusConnectorKey:
		statuses := v.statusesOf(rest)
		if value == nil {
			statuses.connector = nil
			v.forgetEmpty(rest)
			return rest, nil
		}
		record, err := decodeStatus(key, value)
		if err != nil { // the worker that runs it says it again
			statuses.connector = nil
			v.forgetEmpty(rest)
			return rest, err
		}
		statuses.connector = &record
		return rest, nil
	case statusTaskKey:
		id, ok := parseTaskStatusKey(rest)
		if !ok {
			return "", nil
		}
		if value == nil {
			delete(v.statusesOf(id.connector).tasks, id.task)
			v.forgetEmpty(id.connector)
			return id.connector, nil
		}
		record, err := decodeStatus(key, value)
		if err != nil {
			delete(v.statusesOf(id.connector).tasks, id.task)
			v.forgetEmpty(id.connector)
			return id.connector, err
		}
		v.statusesOf(id.connector).tasks[id.task] = record
		return id.connector, nil
	case statusTopicKey:
		topic, name, ok := strings.Cut(rest, topicSeparator) // a topic's name has no colon
		if !ok {
			return "", nil
		}
		if value == nil {
			delete(v.statusesOf(name).topics, topic)
			v.forgetEmpty(name)
		} else {
			v.statusesOf(name).topics[topic] = true
		}
	}
	return "", nil
}

func (v *view) statusesOf(name string) *connectorStatuses {
	statuses := v.statuses[name]
	if statuses == nil {
		statuses = &connectorStatuses{tasks: map[int]statusRecord{}, topics: map[string]bool{}}
		v.statuses[name] = statuses
	}
	return statuses
}

func (v *view) forgetEmpty(name string) {
	if s := v.statuses[name]; s != nil && s.connector == nil && len(s.tasks) == 0 && len(s.topics) == 0 {
		delete(v.statuses, name)
	}
}

// targetOf is STARTED unless something else was asked for.
func (v *view) targetOf(name string) target {
	if t, ok := v.targets[name]; ok {
		return t
	}
	return targetStarted
}

// clone copies the statuses, so that a reader needs no lock.
func (s *connectorStatuses) clone() connectorStatuses {
	if s == nil {
		return connectorStatuses{}
	}
	return connectorStatuses{connector: s.connector, tasks: maps.Clone(s.tasks), topics: maps.Clone(s.topics)}
}

func (s connectorStatuses) sortedTopics() []string { return slices.Sorted(maps.Keys(s.topics)) }

// configOrNil is the configuration of a connector that may have been deleted meanwhile.
func (s snapshot) configOrNil() map[string]string {
	if s.stored == nil {
		return nil
	}
	return s.config
}

// withTasks is a copy with another number of tasks.
func (s *stored) withTasks(tasks int) *stored {
	copied := *s
	copied.tasks = tasks
	return &copied
}
