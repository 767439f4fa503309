package transform

import (
	"errors"
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// Chain is a sequence of transforms. It keeps what it has derived, and is used by one goroutine at a time.
type Chain struct {
	steps    []step
	settings map[string]string
}

// Copy returns a chain that does the same, for another goroutine; nil for none.
func (c *Chain) Copy() *Chain {
	if c == nil {
		return nil
	}
	another, err := FromSettings(c.settings)
	if err != nil { // the settings were good for c
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

// Apply runs the chain. It returns nil where a step dropped the record.
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

// StepError says which step of a chain failed, on a record of which topic.
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
// predicates.<name>.… describe; nil if there is none. What Kafka Connect has words for is a
// catalogue.Problem.
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
				return nil, fmt.Errorf("transform %s: its predicate %s is not listed in predicates", name, use.predicate)
			}
		}
		c.steps = append(c.steps, s)
	}
	if len(c.steps) == 0 {
		return nil, nil
	}
	return &c, nil
}

// inStep says in which step an error is that is not about a key.
func inStep(kind, name string, err error) error {
	if problem, ok := errors.AsType[catalogue.Problem](err); ok {
		return problem
	}
	return fmt.Errorf("%s %s: %w", kind, name, err)
}
