package transform

import (
	"errors"
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// Chain is a sequence of transforms. It caches the schemas that it derives, and must be used by one
// goroutine at a time.
type Chain struct {
	steps    []step
	settings map[string]string
}

// Copy returns an equal chain for another goroutine; nil for a nil chain.
func (c *Chain) Copy() *Chain {
	if c == nil {
		return nil
	}
	another, err := FromSettings(c.settings)
	if err != nil { // cannot happen: c was made from the same settings
		panic(err)
	}
	return another
}

type step struct {
	name      string
	transform Transform
	predicate Predicate // nil: always
	negate    bool
}

// Apply runs the chain. It returns nil if a step dropped the record, and a StepError if one failed.
func (c *Chain) Apply(r *record.Record) (*record.Record, error) {
	for i := range c.steps {
		s := &c.steps[i]
		if s.predicate != nil && s.predicate.Holds(r) == s.negate {
			continue
		}
		topic := r.Topic
		next, err := s.transform.Apply(r)
		if err != nil {
			return nil, &StepError{Step: s.name, Topic: topic, Err: err}
		}
		if next == nil {
			return nil, nil
		}
		r = next
		r.Tombstone = nil
	}
	return r, nil
}

// StepError is the error of a step, with the step's name and the record's topic.
type StepError struct {
	Step  string
	Topic string
	Err   error
}

func (e *StepError) Error() string {
	return "apply transform " + e.Step + " to a record of topic " + e.Topic + ": " + e.Err.Error()
}

func (e *StepError) Unwrap() error { return e.Err }

// FromSettings builds the chain that the keys transforms, transforms.<name>.…, predicates and
// predicates.<name>.… describe; nil if they name no transform. Errors for which Kafka Connect has
// its own text are catalogue.Problems.
func FromSettings(settings map[string]string) (*Chain, error) {
	predicates := map[string]Predicate{}
	for _, name := range catalogue.Named(settings[catalogue.PredicatesKey]) {
		p, err := newPredicate(catalogue.PredicatesKey+"."+name+".", settings)
		if err != nil {
			return nil, inStep("predicate", name, err)
		}
		predicates[name] = p
	}
	c := Chain{settings: map[string]string{}}
	for key, value := range settings {
		if strings.HasPrefix(key, catalogue.TransformsKey) || strings.HasPrefix(key, catalogue.PredicatesKey) {
			c.settings[key] = value
		}
	}
	for _, name := range catalogue.Named(settings[catalogue.TransformsKey]) {
		t, use, err := newTransform(catalogue.TransformsKey+"."+name+".", settings)
		if err != nil {
			return nil, inStep("transform", name, err)
		}
		s := step{name: name, transform: t, negate: use.negate}
		if use.predicate != "" {
			if s.predicate = predicates[use.predicate]; s.predicate == nil {
				return nil, fmt.Errorf("transform %s: predicates does not list its predicate %s", name, use.predicate)
			}
		}
		c.steps = append(c.steps, s)
	}
	if len(c.steps) == 0 {
		return nil, nil
	}
	return &c, nil
}

// inStep adds the step's name to an error, unless the error names a key already.
func inStep(kind, name string, err error) error {
	if problem, ok := errors.AsType[catalogue.Problem](err); ok {
		return problem
	}
	return fmt.Errorf("%s %s: %w", kind, name, err)
}
