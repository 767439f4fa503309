package engine

import (
	"context"
	"database/sql"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// Rows are the rows of one result. Not safe for concurrent use.
type Rows struct {
	ctx     context.Context // of the query, to tell its end from other errors
	rows    *sql.Rows
	end     func() // of the query, for functions that still compute
	columns []kql.Column
	limit   int64 // 0: none
	count   int64
	values  []any
	targets []any
	err     error
}

func newRows(ctx context.Context, rows *sql.Rows, end func(), columns []kql.Column, limit int64) *Rows {
	// SQL has a column at least; a result of Kusto may have none.
	width := max(len(columns), 1)
	r := &Rows{ctx: ctx, rows: rows, end: end, columns: columns, limit: limit, values: make([]any, width),
		targets: make([]any, width)}
	for i := range r.values {
		r.targets[i] = &r.values[i]
	}
	return r
}

// Columns returns the names and types of the result.
func (r *Rows) Columns() []kql.Column { return r.columns }

// Next moves to the next row; false at the end or on an error (see Err).
func (r *Rows) Next() bool {
	if r.err != nil || !r.rows.Next() {
		return false
	}
	if r.limit > 0 && r.count == r.limit {
		r.err = &ErrTooManyRows{Limit: r.limit}
		return false
	}
	r.count++
	if r.err = r.rows.Scan(r.targets...); r.err != nil {
		return false
	}
	for i, c := range r.columns {
		if stored, ok := r.values[i].(string); ok && c.Type == value.Decimal {
			r.values[i] = value.DecimalText(stored)
		}
	}
	return true
}

// Values returns the row, one value a column, in the Go types value.AppendJSON takes. The slice is reused by Next.
func (r *Rows) Values() []any { return r.values[:len(r.columns)] }

// Err returns what ended the rows early, or nil.
func (r *Rows) Err() error {
	if r.err != nil {
		return r.err
	}
	return wrap(r.ctx, r.rows.Err())
}

// Close ends the query.
func (r *Rows) Close() error {
	defer r.end()
	return r.rows.Close()
}
