package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/engine/geo"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
)

// ErrTooManyRows is returned by Rows.Err when a result exceeds Limits.Rows.
type ErrTooManyRows struct{ Limit int64 }

// Error words it as Kusto does (E_QUERY_RESULT_SET_TOO_LARGE).
func (e *ErrTooManyRows) Error() string {
	return fmt.Sprintf("Query result set has exceeded the internal record count limit %d (E_QUERY_RESULT_SET_TOO_LARGE; 0x80DA0003)", e.Limit)
}

// wrap makes an error of the database one of a query. What a function refuses becomes a *kql.Error; the name of the
// driver, which means nothing to the user, is taken out of the text.
func wrap(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("run query: %w", ctx.Err())
	}
	text := err.Error()
	if i := strings.Index(text, "database/sql/driver: API error: "); i >= 0 {
		text = text[i+len("database/sql/driver: API error: "):]
		if strings.Contains(text, geo.ErrUnsupported.Error()) {
			return &kql.Error{Code: "SEM0001", Message: text, Permanent: true}
		}
	}
	return &Error{Message: withoutSQL(text), cause: err}
}

// Error is a query that failed while it ran: an overflow, too little memory, a failed assert().
type Error struct {
	Message string
	cause   error
}

// Error returns the message of the database without the SQL that it shows for context.
func (e *Error) Error() string { return "run query: " + e.Message }

// Unwrap returns the driver's error.
func (e *Error) Unwrap() error { return e.cause }

// withoutSQL cuts off the part of a DuckDB message that quotes the statement: the user wrote KQL, not this.
func withoutSQL(text string) string {
	if i := strings.Index(text, "\n\nLINE "); i >= 0 {
		text = text[:i]
	}
	return strings.TrimSpace(text)
}
