package store

import (
	"errors"
	"fmt"
)

// NotFoundError reports an entity that does not exist.
type NotFoundError struct {
	Kind string // Database, Table, Column, Function, Materialized view, Mapping
	Name string
}

// Error words it as Kusto does.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("Entity not found: %s '%s' could not be found", e.Kind, e.Name)
}

func notFound(kind, name string) error { return &NotFoundError{Kind: kind, Name: name} }

// ExistsError reports a name that is taken.
type ExistsError struct {
	Kind string
	Name string
}

// Error words it as Kusto does.
func (e *ExistsError) Error() string {
	return fmt.Sprintf("Entity already exists: %s '%s' already exists", e.Kind, e.Name)
}

// InvalidError reports a change that cannot be made because of what it asks.
type InvalidError struct{ Reason string }

// Error returns the reason.
func (e *InvalidError) Error() string { return e.Reason }

func invalid(format string, args ...any) error {
	return &InvalidError{Reason: fmt.Sprintf(format, args...)}
}

// ErrTagExists reports an ingestion that was left out because the table has one of its ingestIfNotExists tags.
var ErrTagExists = errors.New("the table already holds an extent with one of the ingestIfNotExists tags")
