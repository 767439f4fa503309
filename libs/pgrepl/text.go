package pgrepl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// How values and defaults look as text depends on settings, which roles, databases and earlier
// users of a pooler's connection may have changed. Poolers accept few of them when a connection
// starts; and if each transaction may run on another server connection, settings made for the
// session are lost, or left to another client. So they are set in the transaction that reads text.
var textSettings = [][2]string{
	{"DateStyle", "ISO, MDY"}, {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"}, {"extra_float_digits", "3"},
	{"bytea_output", "hex"}, {"quote_all_identifiers", "off"},
}

// TextSettings are statements that fix how values are written as text until the transaction ends.
// They go before the statement that reads; outside a transaction, in the same message, which makes
// it all one transaction.
var TextSettings = func() string {
	var b strings.Builder
	for _, s := range textSettings {
		fmt.Fprintf(&b, "SET LOCAL %s = %s; ", s[0], QuoteLiteral(s[1]))
	}
	return b.String()
}()

// setText fixes how values are written as text for a whole session, as a replication connection
// needs it, and verifies that.
func setText(ctx context.Context, conn *pgconn.PgConn) error {
	var list []string
	for _, s := range textSettings {
		list = append(list, fmt.Sprintf("set_config(%s, %s, false)", QuoteLiteral(s[0]), QuoteLiteral(s[1])))
	}
	results, err := conn.Exec(ctx, "SELECT "+strings.Join(list, ", ")).ReadAll()
	if err != nil {
		return fmt.Errorf("fix how values are written as text: %w", err)
	}
	for i, s := range textSettings {
		if len(results) != 1 || len(results[0].Rows) != 1 || string(results[0].Rows[0][i]) != s[1] {
			return fmt.Errorf("fix how values are written as text: the server does not set %s to %s", s[0], s[1])
		}
	}
	return nil
}

// Query returns conn.Query with TextSettings. Outside a transaction, each query runs in one of its
// own, which ends with its rows.
func Query(conn *pgx.Conn) func(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return func(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
		begin := ""
		if conn.PgConn().TxStatus() == 'I' {
			begin = "BEGIN READ ONLY; "
		}
		if _, err := conn.Exec(ctx, begin+TextSettings); err != nil {
			const op = "fix how values are written as text"
			if pg, ok := errors.AsType[*pgconn.PgError](err); ok && strings.Contains(pg.Message, "statement pooling") {
				return nil, &Error{ReasonPooler, op, serverError(pg), statementsRemedy}
			}
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		rows, err := conn.Query(ctx, sql, args...)
		if begin == "" {
			return rows, err
		}
		own := &transactionRows{Rows: rows, end: func() error { _, err := conn.Exec(ctx, "ROLLBACK"); return err }}
		if err != nil {
			return nil, errors.Join(err, own.end())
		}
		return own, nil
	}
}

// transactionRows are rows that end their transaction when they are closed.
type transactionRows struct {
	pgx.Rows
	end   func() error
	ended bool
	err   error
}

// Next implements pgx.Rows.
func (r *transactionRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

// Close implements pgx.Rows.
func (r *transactionRows) Close() {
	r.Rows.Close()
	if !r.ended {
		r.ended = true
		r.err = r.end()
	}
}

// Err implements pgx.Rows.
func (r *transactionRows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return err
	}
	return r.err
}
