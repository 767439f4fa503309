// Package query runs queries against the databases of a store: it compiles them against the current schema and hands
// the plan to the engine.
package query

import (
	"context"

	"github.com/calypso-cdc/calypso/services/localadx/engine"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// Runner runs queries. It is safe for concurrent use.
type Runner struct {
	Store *store.Store
}

// Compile makes the plan of a query with one result in a database. Parameters are KQL literals by name. The error is a
// *store.NotFoundError when there is no such database, else a *kql.Error, or what the engine returned to a query that
// had to be run to know the result's columns.
func (r *Runner) Compile(ctx context.Context, database, text string, parameters map[string]string) (*kql.Plan, error) {
	d, err := r.Store.Catalog().Database(database)
	if err != nil {
		return nil, err
	}
	return r.CompileIn(ctx, r.Store.Catalog().Scope(d.Name), d.Name, text, parameters)
}

// CompileAll is Compile of a request whose statements may have several results: a plan each.
func (r *Runner) CompileAll(ctx context.Context, database, text string,
	parameters map[string]string) ([]*kql.Plan, error) {
	d, err := r.Store.Catalog().Database(database)
	if err != nil {
		return nil, err
	}
	return kql.CompileAll(text, r.options(ctx, r.Store.Catalog().Scope(d.Name), d.Name, parameters))
}

// CompileIn is Compile against a catalog of the caller's.
func (r *Runner) CompileIn(ctx context.Context, catalog kql.Catalog, database, text string,
	parameters map[string]string) (*kql.Plan, error) {
	return kql.Compile(text, r.options(ctx, catalog, database, parameters))
}

func (r *Runner) options(ctx context.Context, catalog kql.Catalog, database string,
	parameters map[string]string) kql.Options {
	return kql.Options{
		Database:   database,
		Parameters: parameters,
		Catalog:    catalog,
		Cursor:     r.Store.Cursor(),
		Probe:      func(plan *kql.Plan) ([][]any, error) { return r.all(ctx, plan) },
	}
}

// Query runs a plan that may return at most that many rows; 0 is any number. The caller closes the
// rows.
func (r *Runner) Query(ctx context.Context, plan *kql.Plan, maxRows int64) (*engine.Rows, error) {
	return engine.New(r.Store.DB(), engine.Limits{Rows: maxRows}).Query(ctx, plan)
}

// All compiles and runs a query whose result is small, and returns its columns and rows.
func (r *Runner) All(ctx context.Context, database, text string) ([]kql.Column, [][]any, error) {
	plan, err := r.Compile(ctx, database, text, nil)
	if err != nil {
		return nil, nil, err
	}
	rows, err := r.all(ctx, plan)
	return plan.Columns, rows, err
}

func (r *Runner) all(ctx context.Context, plan *kql.Plan) ([][]any, error) {
	return engine.New(r.Store.DB(), engine.Limits{}).All(ctx, plan)
}
