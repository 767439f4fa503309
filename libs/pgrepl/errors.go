package pgrepl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// Reason names what stops a capture, for callers that branch on it and users who search for it.
type Reason string

// The reasons. Each Error carries its own remedy.
const (
	ReasonWALLevel        Reason = "WAL_LEVEL_NOT_LOGICAL"
	ReasonSlotInUse       Reason = "SLOT_IN_USE"
	ReasonSlotLost        Reason = "SLOT_LOST"
	ReasonSlotMissing     Reason = "SLOT_MISSING"
	ReasonSlotAhead       Reason = "SLOT_AHEAD"
	ReasonSlotPlugin      Reason = "SLOT_PLUGIN_DIFFERS"
	ReasonSlotDatabase    Reason = "SLOT_OF_OTHER_DATABASE"
	ReasonSystemID        Reason = "SYSTEM_ID_CHANGED"
	ReasonTimeline        Reason = "TIMELINE_CHANGED"
	ReasonReplication     Reason = "REPLICATION_RIGHT_MISSING"
	ReasonAuthentication  Reason = "AUTHENTICATION_FAILED"
	ReasonDatabaseMissing Reason = "DATABASE_MISSING"
	ReasonTableMissing    Reason = "TABLE_MISSING"
	ReasonEncoding        Reason = "ENCODING"
	ReasonNotATable       Reason = "NOT_A_TABLE"
	ReasonTableRight      Reason = "TABLE_RIGHT_MISSING"
	ReasonPublication     Reason = "PUBLICATION_MISSING"
	ReasonPublicationMake Reason = "PUBLICATION_RIGHT_MISSING"
	ReasonIdentity        Reason = "REPLICA_IDENTITY_INSUFFICIENT"
	ReasonPluginMissing   Reason = "PLUGIN_MISSING"
	ReasonPluginRefused   Reason = "PLUGIN_REFUSED"
	ReasonPooler          Reason = "POOLER_REFUSES"
	ReasonStandby         Reason = "SERVER_IS_STANDBY"
	ReasonAnswer          Reason = "ANSWER_TOO_LARGE"
	ReasonUnreachable     Reason = "SERVER_UNREACHABLE"
	ReasonTLS             Reason = "TLS_FAILED"
)

// Error is a failure that the user can fix or wait out: what was being done, why it failed, and the
// remedy.
type Error struct {
	Reason Reason
	Op     string
	Err    error
	Remedy string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	fmt.Fprintf(&b, " (%s)", e.Reason)
	if e.Remedy != "" {
		b.WriteString(". ")
		b.WriteString(e.Remedy)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the Reason of the *Error in err's chain; empty if there is none.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}

// Passing is implemented by errors that know whether waiting can fix them, such as those of a token
// service.
type Passing interface {
	error
	Passing() bool
}

// Transient reports whether waiting can fix err: the server is unreachable, restarting or out of
// connections, memory or disk, or another process still holds the slot. Everything else stays wrong
// until somebody changes something.
func Transient(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason == ReasonUnreachable || e.Reason == ReasonSlotInUse
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case strings.HasPrefix(pg.Code, "08"), // connection exception
			strings.HasPrefix(pg.Code, "57P"), // admin shutdown, crash shutdown, cannot connect now
			pg.Code == "53100",                // disk full
			pg.Code == "53200",                // out of memory
			pg.Code == "53300",                // too many connections
			pg.Code == "55006",                // slot is active
			pg.Code == "58030",                // I/O error, such as of storage behind a network (neondatabase/neon#7689)
			pg.Code == "40001",                // serialization failure
			raised(pg, "25006", "PreventCommandIfReadOnly"):
			// a standby about to be promoted, or storage that is full
			return true
		}
		return false
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, context.DeadlineExceeded) ||
		pgconn.SafeToRetry(err)
}

// UnknownOption reports whether the server refused to start a stream because its output plugin is older than an option.
func UnknownOption(err error, option string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.Contains(pg.Message, option) && strings.Contains(pg.Message, "unknown")
}

// raised reports whether an error has a SQLSTATE and was raised in one of the functions of the
// server's source. The functions tell errors with the same SQLSTATE apart: messages do not, since they
// are in the server's language.
func raised(e *pgconn.PgError, code string, functions ...string) bool {
	return e.Code == code && slices.Contains(functions, e.Routine)
}

// serverError returns the server's message, detail and code, without the severity.
func serverError(e *pgconn.PgError) error {
	if e.Detail != "" {
		return fmt.Errorf("%s: %s (SQLSTATE %s)", e.Message, e.Detail, e.Code)
	}
	return fmt.Errorf("%s (SQLSTATE %s)", e.Message, e.Code)
}

// tenantMissing matches what two versions of Supabase's pooler answer for a role or project that
// they do not know.
var tenantMissing = regexp.MustCompile(`(?i)tenant.*not found`)

func replicationRemedy(user string) string {
	return fmt.Sprintf(
		"Run ALTER ROLE %s REPLICATION; as a role that may (on Azure the server's administrator, who needs it too; on Amazon RDS GRANT rds_replication TO %[1]s; on Google Cloud SQL the same ALTER ROLE as cloudsqlsuperuser).", QuoteIdent(user))
}

// QuoteIdent quotes an SQL identifier.
func QuoteIdent(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// QuoteTable quotes a schema-qualified name.
func QuoteTable(schema, name string) string { return QuoteIdent(schema) + "." + QuoteIdent(name) }

// QuoteLiteral quotes an SQL string literal; it does not depend on standard_conforming_strings.
func QuoteLiteral(s string) string {
	q := `'` + strings.ReplaceAll(s, `'`, `''`) + `'`
	if strings.ContainsRune(s, '\\') {
		return "E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

// TypedLiteral is a value as a literal of a type as format_type writes it, since PostgreSQL could
// not infer a composite type from an operator. Without a type it is a plain literal.
func TypedLiteral(value, typ string) string {
	if typ == "" {
		return QuoteLiteral(value)
	}
	return QuoteLiteral(value) + "::" + typ
}
