package state

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// View is what the config and status topics say, in memory. It has no I/O and no locks; the store owns it and applies
// the records in the order of their partitions.
type View struct {
	connectors map[string]*Connector // without target and statuses
	statuses   map[string]*Statuses
	targets    map[string]Target // also of names without a configuration: the target is written first
	// earlier are the configurations that connectors had before, by the keys of their records.
	earlier map[string]map[string]ConfigRecord
}

// Connector is one connector as of now: its configuration, the state it is to be in, and its
// reported status.
type Connector struct {
	// Name is empty for a connector that does not exist.
	Name string
	// Generation is the offset of the configuration's record: a new one means that the tasks must start again.
	Generation int64
	// Configured is the record's timestamp in milliseconds since 1970.
	Configured int64
	Config     map[string]string
	Tasks      int // as recorded, 0 if unknown
	// record is the description of the configuration as a version.
	record   ConfigRecord
	Target   Target
	Statuses Statuses
}

// Exists reports whether the connector has a configuration.
func (c Connector) Exists() bool { return c.Name != "" }

// Properties returns the configuration with the key name, which it may leave out.
func (c Connector) Properties() map[string]string { return WithName(c.Config, c.Name) }

// Statuses is what the status topic says about a connector, which may no longer exist.
type Statuses struct {
	Connector *StatusRecord
	Tasks     map[int]StatusRecord
	Topics    map[string]bool
	Notes     map[string]json.RawMessage
}

func NewView() *View {
	return &View{connectors: map[string]*Connector{}, statuses: map[string]*Statuses{}, targets: map[string]Target{},
		earlier: map[string]map[string]ConfigRecord{}}
}

// Restart is a request that a worker acts on once.
type Restart struct {
	connector string
	record    RestartRecord
}

// ApplyConfig applies a record of the config topic; a nil value means a tombstone. It returns the
// name of the connector that changed, or a request to restart if the record is one.
func (v *View) ApplyConfig(offset, timestamp int64, key string, value []byte) (changed string,
	request *Restart, err error) {
	prefix, name := cutPrefixes(key, ConnectorKey, TargetKey, RestartKey, RestartTaskKey, versionKey)
	switch prefix {
	case ConnectorKey:
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
		v.connectors[name] = &Connector{Name: name, Generation: offset, Configured: timestamp, Config: record.Properties,
			Tasks: record.Tasks, record: record}
	case TargetKey:
		if value == nil {
			delete(v.targets, name)
			return name, nil, nil
		}
		record, err := decodeRecord[TargetRecord](key, value)
		if err != nil {
			return "", nil, err
		}
		wanted, ok := record.target()
		if !ok {
			return "", nil, fmt.Errorf("record %s asks for state %.100q, which is none of %s, %s and %s", key,
				cmp.Or(record.StateV2, record.State), TargetStarted, TargetPaused, TargetStopped)
		}
		v.targets[name] = wanted
	case RestartKey, RestartTaskKey:
		if value == nil {
			return "", nil, nil
		}
		record, err := decodeRecord[RestartRecord](key, value)
		if err != nil {
			return "", nil, err
		}
		if prefix == RestartTaskKey {
			name = record.Connector
		}
		return "", &Restart{name, record}, nil
	case versionKey:
		return "", nil, v.applyVersion(key, name, value)
	default:
		return "", nil, nil // other keys of Kafka Connect's own, such as session-key
	}
	return name, nil, nil
}

// applyVersion applies the record of an earlier configuration; rest is its key without the prefix.
func (v *View) applyVersion(key, rest string, value []byte) error {
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
		v.earlier[name] = map[string]ConfigRecord{}
	}
	v.earlier[name][key] = record
	return nil
}

// ApplyStatus applies a record of the status topic and returns the name of the connector whose
// state changed; empty if none did.
func (v *View) ApplyStatus(key string, value []byte) (changed string, err error) {
	prefix, rest := cutPrefixes(key, StatusConnectorKey, statusTaskKey, statusTopicKey, noteKey)
	switch prefix {
	case StatusConnectorKey:
		statuses := v.statusesOf(rest)
		if value == nil {
			statuses.Connector = nil
			v.forgetEmpty(rest)
			return rest, nil
		}
		record, err := decodeStatus(key, value)
		if err != nil { // the worker that runs it will report it again
			statuses.Connector = nil
			v.forgetEmpty(rest)
			return rest, err
		}
		statuses.Connector = &record
		return rest, nil
	case statusTaskKey:
		id, ok := parseTaskStatusKey(rest)
		if !ok {
			return "", nil
		}
		if value == nil {
			delete(v.statusesOf(id.Connector).Tasks, id.Task)
			v.forgetEmpty(id.Connector)
			return id.Connector, nil
		}
		record, err := decodeStatus(key, value)
		if err != nil {
			delete(v.statusesOf(id.Connector).Tasks, id.Task)
			v.forgetEmpty(id.Connector)
			return id.Connector, err
		}
		v.statusesOf(id.Connector).Tasks[id.Task] = record
		return id.Connector, nil
	case statusTopicKey:
		topic, name, ok := strings.Cut(rest, topicSeparator) // a topic's name has no colon
		if !ok {
			return "", nil
		}
		if value == nil {
			delete(v.statusesOf(name).Topics, topic)
			v.forgetEmpty(name)
		} else {
			v.statusesOf(name).Topics[topic] = true
		}
	case noteKey:
		return "", v.applyNote(rest, value)
	}
	return "", nil
}

func (v *View) statusesOf(name string) *Statuses {
	statuses := v.statuses[name]
	if statuses == nil {
		statuses = &Statuses{Tasks: map[int]StatusRecord{}, Topics: map[string]bool{}, Notes: map[string]json.RawMessage{}}
		v.statuses[name] = statuses
	}
	return statuses
}

func (v *View) forgetEmpty(name string) {
	if s := v.statuses[name]; s != nil && s.Connector == nil && len(s.Tasks) == 0 && len(s.Topics) == 0 &&
		len(s.Notes) == 0 {
		delete(v.statuses, name)
	}
}

// targetOf is STARTED unless something else was asked for.
func (v *View) targetOf(name string) Target {
	if t, ok := v.targets[name]; ok {
		return t
	}
	return TargetStarted
}

// clone copies the statuses, so that a reader needs no lock.
func (s *Statuses) clone() Statuses {
	if s == nil {
		return Statuses{}
	}
	return Statuses{Connector: s.Connector, Tasks: maps.Clone(s.Tasks), Topics: maps.Clone(s.Topics),
		Notes: maps.Clone(s.Notes)}
}

func (s Statuses) SortedTopics() []string { return slices.Sorted(maps.Keys(s.Topics)) }

// Connector finds a connector by its name.
func (v *View) Connector(name string) (Connector, bool) {
	found, ok := v.connectors[name]
	if !ok {
		return Connector{}, false
	}
	now := *found
	now.Target, now.Statuses = v.targetOf(name), v.statuses[name].clone()
	return now, true
}

// All returns the connectors without their statuses, unsorted.
func (v *View) All() []Connector {
	all := make([]Connector, 0, len(v.connectors))
	for name, found := range v.connectors {
		now := *found
		now.Target = v.targetOf(name)
		all = append(all, now)
	}
	return all
}

// History returns the earlier configurations of a connector by the keys of their records.
func (v *View) History(name string) map[string]ConfigRecord { return maps.Clone(v.earlier[name]) }

// Statuses returns the statuses of a connector, which may no longer exist.
func (v *View) Statuses(name string) Statuses { return v.statuses[name].clone() }

// AllStatuses returns the statuses of all connectors by name, also of those that no longer exist.
func (v *View) AllStatuses() map[string]Statuses {
	all := make(map[string]Statuses, len(v.statuses))
	for name, statuses := range v.statuses {
		all[name] = statuses.clone()
	}
	return all
}

// UsedTopics returns the topics that connectors read and write, sorted.
func (v *View) UsedTopics() []string {
	used := map[string]bool{}
	for _, said := range v.statuses {
		maps.Copy(used, said.Topics)
	}
	return slices.Sorted(maps.Keys(used))
}

// WithName adds the key "name", which a configuration may leave out.
func WithName(config map[string]string, name string) map[string]string {
	named := make(map[string]string, len(config)+1)
	for key, value := range config {
		named[key] = value
	}
	named["name"] = name
	return named
}
