package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/calypso-cdc/calypso/services/localadx/engine/geo"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// ErrTooManyRows is returned by Rows.Err when a result exceeds Limits.Rows.
type ErrTooManyRows struct{ Limit int64 }

// Error words it as Kusto does: clients look for the code.
func (e *ErrTooManyRows) Error() string {
	return fmt.Sprintf("Query execution has exceeded the allowed limits (80DA0003): The results of this query exceed "+
		"the set limit of %d records, so not all records were returned (E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003). "+
		"See https://aka.ms/kustoquerylimits for more information and possible solutions.", e.Limit)
}

// wrap makes an error of the database one of a query. What a function refuses becomes a *kql.Error; the name of the
// driver, which means nothing to the user, is taken out of the text.
func wrap(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); errors.Is(cause, errMemory) {
		return &Error{Message: cause.Error(), cause: cause}
	} else if cause != nil {
		return fmt.Errorf("run query: %w", cause)
	}
	text := err.Error()
	if strings.Contains(text, "Max expression depth limit") {
		return &syntax.Error{Code: "SEM0001",
			Message: "The query is nested too deeply: write it with fewer operators, or shorter expressions", Permanent: true}
	}
	if strings.Contains(text, "LIMIT/OFFSET cannot be negative") {
		return &syntax.Error{Code: "SEM0219", Message: "The number of rows must not be negative", Permanent: true}
	}
	var duck *duckdb.Error
	if errors.As(err, &duck) && duck.Type == duckdb.ErrorTypeNotImplemented {
		return &syntax.Error{Code: "SEM0001", Message: "The query has a combination of operators that is not supported: " +
			withoutSQL(strings.TrimPrefix(duck.Msg, "Not implemented Error: ")), Permanent: true}
	}
	if i := strings.Index(text, "database/sql/driver: API error: "); i >= 0 {
		text = text[i+len("database/sql/driver: API error: "):]
		if strings.Contains(text, geo.ErrUnsupported.Error()) {
			return &syntax.Error{Code: "SEM0001", Message: text, Permanent: true}
		}
	}
	return &Error{Message: withoutSQL(text), OfQuery: ofQuery(err), cause: err}
}

// IsLowMemory reports whether a query failed since there was too little memory, which may pass.
func IsLowMemory(err error) bool {
	var duck *duckdb.Error
	return errors.Is(err, errMemory) ||
		errors.As(err, &duck) && (duck.Type == duckdb.ErrorTypeOutOfMemory || strings.Contains(duck.Msg, errMemory.Error()))
}

// ofQuery reports whether the query or its data are at fault: a value out of range, what a function
// refuses. A function that panicked is a mistake of this server.
func ofQuery(err error) bool {
	var duck *duckdb.Error
	if !errors.As(err, &duck) || strings.Contains(duck.Msg, panicked) || strings.Contains(duck.Msg, errMemory.Error()) {
		return false
	}
	switch duck.Type {
	case duckdb.ErrorTypeOutOfRange, duckdb.ErrorTypeConversion, duckdb.ErrorTypeDecimal, duckdb.ErrorTypeMismatchType,
		duckdb.ErrorTypeDivideByZero, duckdb.ErrorTypeInvalidInput, duckdb.ErrorTypeInvalidType:
		return true
	}
	return false
}

// Error is a query that failed while it ran: an overflow, too little memory, a failed assert().
type Error struct {
	Message string
	// OfQuery is set when the query or its data are at fault and not the server.
	OfQuery bool
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
