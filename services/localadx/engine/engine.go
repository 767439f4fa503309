package engine

import (
	"context"
	"database/sql"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
)

// Limits bound one query. A zero field is no limit.
type Limits struct {
	Rows int64 // rows returned; hard: more is ErrTooManyRows
}

// Engine runs plans.
type Engine struct {
	db     *sql.DB
	limits Limits
}

// New returns an engine on db, whose functions Register has added.
func New(db *sql.DB, limits Limits) *Engine { return &Engine{db: db, limits: limits} }

// Query starts a plan, once there is memory for it. Cancelling ctx interrupts it. The caller closes
// the rows.
func (e *Engine) Query(ctx context.Context, plan *kql.Plan) (*Rows, error) {
	run, end, err := beginRun(ctx, runKind{doubles: plan.Doubles})
	if err != nil {
		return nil, err
	}
	rows, err := e.db.QueryContext(run, plan.SQL)
	if err != nil {
		defer end()
		return nil, wrap(run, err)
	}
	return newRows(run, rows, end, plan.Columns, e.limits.Rows), nil
}

// Run runs a statement that holds a query and changes a table, such as one that inserts its rows: as
// a query, it waits for memory, may be ended when there is too little, and its functions stop when
// it ends.
func Run(ctx context.Context, statement func(ctx context.Context) error) error {
	run, end, err := beginRun(ctx, runKind{writes: true})
	if err != nil {
		return err
	}
	defer end()
	return wrap(run, statement(run))
}

// All runs a plan and returns all its rows. It suits the small results that compiling asks for (kql.Options.Probe).
func (e *Engine) All(ctx context.Context, plan *kql.Plan) ([][]any, error) {
	rows, err := e.Query(ctx, plan)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out [][]any
	for rows.Next() {
		out = append(out, append([]any(nil), rows.Values()...))
	}
	return out, rows.Err()
}
