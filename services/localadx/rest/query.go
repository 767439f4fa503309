package rest

import (
	"bufio"
	"context"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/command"
	"github.com/calypso-cdc/calypso/services/localadx/engine"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// result is a primary result of a request on its way to the client.
type result struct {
	request *request
	plan    *kql.Plan
	columns []kql.Column
	// next returns the next row, or nil at the end; the row is valid until the next call.
	next func() ([]any, error)
}

// query answers a query by the given writer.
func (h *Handler) query(x *exchange, write func(*exchange, []*result) error) {
	q, err := readRequest(x.Request)
	if err != nil {
		h.fail(x, err)
		return
	}
	ctx, cancel := context.WithTimeout(x.Context(), q.timeout(queryTimeout))
	defer cancel()
	ctx, end := h.config.Journal.BeginQuery(ctx, command.Request{Database: q.Database, Statement: q.Statement,
		ClientID: x.clientID, User: x.user()}, x.started)
	// A query that makes this process panic has ended too.
	defer func() { end(err) }()
	err = h.run(ctx, x, q, write)
}

// run compiles and runs the query and writes its answer; the error it returns has been told to the client.
func (h *Handler) run(ctx context.Context, x *exchange, q *request, write func(*exchange, []*result) error) error {
	if strings.HasPrefix(strings.TrimSpace(q.Statement), ".") {
		err := badRequest("management commands go to /v1/rest/mgmt")
		h.fail(x, err)
		return err
	}
	if err := h.config.Roles.Check(fidelity.View); err != nil {
		h.fail(x, err)
		return err
	}
	plans, err := h.config.Query.CompileAll(ctx, q.Database, q.Statement, q.Parameters)
	if err != nil {
		h.fail(x, err)
		return err
	}
	if q.option("validate_permissions") {
		return write(x, []*result{{request: q, plan: plans[0], columns: []kql.Column{{Name: "Result", Type: value.String}},
			next: fixedRows([][]any{{"OK"}})}})
	}
	results := make([]*result, len(plans))
	for i, plan := range plans {
		next, end := h.rows(ctx, q, plan)
		defer end()
		results[i] = &result{request: q, plan: plan, columns: plan.Columns, next: next}
	}
	// The first row tells whether the query runs at all; until then an HTTP error is possible.
	first, err := results[0].next()
	if err != nil {
		h.fail(x, err)
		return err
	}
	results[0].next = startingWith(first, results[0].next)
	return write(x, results)
}

// rows runs a plan when the first of its rows is asked for. A result that was read to its end, or failed, has ended.
func (h *Handler) rows(ctx context.Context, q *request, plan *kql.Plan) (next func() ([]any, error), end func()) {
	var rows *engine.Rows
	end = func() {
		if rows != nil {
			rows.Close()
		}
	}
	next = func() ([]any, error) {
		if rows == nil {
			started, err := h.config.Query.Query(ctx, plan, q.maxRows(h.config.MaxResultRows))
			if err != nil {
				return nil, err
			}
			rows = started
		}
		if rows.Next() {
			return rows.Values(), nil
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		rows.Close()
		return nil, context.Cause(ctx)
	}
	return next, end
}

func fixedRows(rows [][]any) func() ([]any, error) {
	return func() ([]any, error) {
		if len(rows) == 0 {
			return nil, nil
		}
		row := rows[0]
		rows = rows[1:]
		return row, nil
	}
}

func startingWith(first []any, next func() ([]any, error)) func() ([]any, error) {
	started := false
	return func() ([]any, error) {
		if !started {
			started = true
			return first, nil
		}
		if first == nil {
			return nil, nil
		}
		return next()
	}
}

// management answers a command.
func (h *Handler) management(x *exchange) {
	q, err := readRequest(x.Request)
	if err != nil {
		h.fail(x, err)
		return
	}
	ctx, cancel := context.WithTimeout(x.Context(), q.timeout(commandTimeout))
	defer cancel()
	answer, err := h.config.Commands.Run(ctx, command.Request{
		Database: q.Database, Statement: q.Statement, StorageURL: h.config.StorageURL(x.Request),
		ClientID: x.clientID, User: x.user(),
	})
	if err != nil {
		h.fail(x, err)
		return
	}
	w := h.begin(x)
	w.WriteString(`{"Tables":[`)
	writeV1Table(w, "Table_0", answer.Columns, fixedRows(answer.Rows))
	w.WriteString(`]}`)
	h.end(x, w)
}

// begin starts a successful answer; end ends it.
func (h *Handler) begin(x *exchange) *bufio.Writer {
	x.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	x.body = newBody(x.w, x.Request)
	return bufio.NewWriterSize(x.body, 64<<10)
}

func (h *Handler) end(x *exchange, w *bufio.Writer) {
	err := w.Flush()
	if err == nil {
		err = x.body.Close()
	}
	if err != nil {
		h.config.Log.Debug("send an answer", "client_request_id", x.clientID, "err", err)
	}
}
