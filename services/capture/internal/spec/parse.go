package spec

import (
	"errors"
	"slices"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// keys declare every key that a capture connector reads, or knows but does not support, with the
// field that its value fills. Debezium's keys are in its order and words.
func (r *reading) keys() []catalogue.Key {
	events := r.Events.Keys()
	event := func(into any) catalogue.Key { return catalogue.Filling(events, into) }
	own := slices.Concat(r.connectionKeys(event), r.eventKeys(event), r.snapshotKeys(), r.operationKeys(event),
		r.filterKeys(event), r.sslKeys(), r.replicationKeys())
	for i := range own {
		own[i].Dialect = catalogue.Field
	}
	return own
}

func newReading() *reading {
	r := &reading{Spec: Spec{Tables: new(Tables)}}
	r.declared = r.keys()
	return r
}

// read reads as much of the checked values as can be read, and returns the faults of the rest; see
// Parse.
func read(v catalogue.Values) (*Spec, error) {
	r := newReading()
	faults := []error{catalogue.Fill(v, r.framework.Keys()), catalogue.Fill(v, r.declared)}
	r.Prefix = r.Events.Prefix
	faults = append(faults, r.tables(), r.snapshot(), r.notifications(), r.signals(), r.output(), r.delivery(),
		r.Events.ReadConverters(v.Raw()))
	r.connection()
	r.slot()
	r.Publication.Operations = r.publishedOperations()
	if r.Oversized.Topic == "" {
		r.Oversized.Topic = r.Prefix + "-oversized"
	}
	return &r.Spec, errors.Join(faults...)
}

// Parse reads checked values. Its errors are catalogue.Problems, joined.
func Parse(v catalogue.Values) (*Spec, error) {
	s, err := read(v)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Topics returns the topics that a configuration names, as far as it can be read.
func Topics(v catalogue.Values) connector.UsedTopics {
	s, _ := read(v)
	used := connector.UsedTopics{Prefix: s.Prefix + "."}
	if s.Signals.Topic != "" {
		used.Reads = append(used.Reads, s.Signals.Topic)
	}
	// Heartbeats, transaction metadata and notifications pass through the transforms, which may send
	// them to other topics.
	if len(v.List("transforms")) > 0 {
		s.Heartbeat.Interval, s.Events.TransactionMetadata, s.Notifications.Topic = 0, false, ""
	}
	if s.Heartbeat.Interval > 0 {
		used.Writes = append(used.Writes, s.Events.HeartbeatTopicName())
	}
	if s.Events.TransactionMetadata {
		used.Writes = append(used.Writes, s.Events.TransactionTopicName())
	}
	if s.Notifications.Topic != "" {
		used.Writes = append(used.Writes, s.Notifications.Topic)
	}
	if s.Oversized.Mode == SetOversizedAside {
		used.Writes = append(used.Writes, s.Oversized.Topic)
	}
	return used
}

// Prefix is what the names of a connector's topics begin with, even if its other settings are
// wrong.
func Prefix(v catalogue.Values) string {
	s, _ := read(v)
	return s.Prefix
}
