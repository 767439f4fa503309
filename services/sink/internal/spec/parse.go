package spec

import (
	"errors"
	"slices"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// Keys declares every key of a sink connector.
func Keys() (*catalogue.Catalogue, error) {
	r := new(reading)
	keys, err := catalogue.New(r.framework.Keys(), r.keys())
	if err != nil {
		return nil, err
	}
	return keys.Reading(func(v catalogue.Values) any {
		s, _ := read(v, Defaults{}) // what cannot be read is reported where it is checked
		return s
	}), nil
}

// keys declare those of Azure's Kafka Connect sink 1.x to 5.x under their names, then ours, with what their values
// fill.
func (r *reading) keys() []catalogue.Key {
	return slices.Concat(r.clusterKeys(), r.authKeys(), r.tableKeys(), r.batchKeys(), r.deliveryKeys())
}

// Parse reads checked values. Its errors are catalogue.Problems, joined.
func Parse(v catalogue.Values, o Defaults) (*Spec, error) {
	s, err := read(v, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// read reads checked values as far as they can be; see Parse.
func read(v catalogue.Values, o Defaults) (*Spec, error) {
	r := new(reading)
	r.declared = append(r.framework.Keys(), r.keys()...)
	faults := []error{catalogue.Fill(v, r.declared)}
	r.TasksMax = r.framework.TasksMax
	r.errorHandling()
	faults = append(faults, r.topics(), r.cluster(o))
	r.FlushMax = max(r.FlushMax, r.FlushSize)
	faults = append(faults, r.deadLetters(), r.ownDeadLetters())
	if err := r.rows(v); err != nil {
		faults = append(faults, err)
	} else if err := r.formats(); err != nil {
		faults = append(faults, err)
	}
	if r.CurrentState && !r.Changes {
		key := r.nameOf(&r.CurrentState)
		faults = append(faults, catalogue.Problemf(key,
			"%s needs table.form=changes, since the latest state follows from the changes", key))
	}
	if r.Exact && r.FlushSize < 1<<20 && r.FlushInterval < 10*time.Second {
		r.Warnings = append(r.Warnings,
			"flush.size.bytes and flush.interval.ms are small for exactly-once delivery: a tagged batch becomes an extent of its own. Batches grow while earlier ones are under way; flush.size.bytes=33554432 and flush.interval.ms=60000 make fewer")
	}
	r.Group = connector.ConsumerGroup(r.framework.Name, v)
	var ignored []string
	var err error
	if r.Member, ignored, err = membershipOf(r.framework.Consumer); err != nil {
		faults = append(faults, err)
	}
	for _, name := range ignored {
		r.Warnings = append(r.Warnings,
			name+" has no effect: polling does not wait for ingestion, and what else a consumer needs is set by the sink")
	}
	return &r.Spec, errors.Join(faults...)
}
