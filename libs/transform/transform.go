package transform

import "github.com/calypso-cdc/calypso/libs/record"

// Transform changes one record. It may change r in place or return another record; nil drops it.
type Transform interface {
	Apply(r *record.Record) (*record.Record, error)
}

// Predicate decides whether a step applies to a record.
type Predicate interface {
	Holds(r *record.Record) bool
}
