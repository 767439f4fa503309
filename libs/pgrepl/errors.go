package pgrepl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// Reason names what stops a capture, for callers that branch and for users who search.
type Reason string

// The reasons. Each Error carries the sentence that mends it.
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
	ReasonUnreachable     Reason = "SERVER_UNREACHABLE"
	ReasonTLS             Reason = "TLS_FAILED"
)

// Error is a failure that the user can mend: what was being done, why it failed, and the remedy.
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

// Passing is an error that knows whether waiting can mend it, as of who gives tokens.
type Passing interface {
	error
	Passing() bool
}

// Transient says whether waiting can mend err: the server is unreachable, restarting or out of
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
			pg.Code == "58030",                // I/O error, as of storage behind a network (neondatabase/neon#7689)
			pg.Code == "40001",                // serialization failure
			pg.Code == "25006" && strings.Contains(pg.Message, "read-only"):
			// a standby that is about to be promoted, or storage that is full
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

// UnknownOption says whether the server refused to start a stream because its output plugin is older than an option.
func UnknownOption(err error, option string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.Contains(pg.Message, option) && strings.Contains(pg.Message, "unknown")
}

// serverError is what the server said, without its severity.
func serverError(e *pgconn.PgError) error {
	if e.Detail != "" {
		return fmt.Errorf("%s: %s (SQLSTATE %s)", e.Message, e.Detail, e.Code)
	}
	return fmt.Errorf("%s (SQLSTATE %s)", e.Message, e.Code)
}

// tenantMissing are the words of Supabase's pooler, in two of its versions, to a role or project that it does not know.
var tenantMissing = regexp.MustCompile(`(?i)tenant.*not found`)

// attempts is an error of pgconn, which has a line for each attempt to connect, in one line:
// sslmode=prefer fails twice alike at an address.
type attempts struct{ error }

func (a attempts) Error() string {
	first, lines, _ := strings.Cut(a.error.Error(), "\n")
	said := map[string]bool{}
	var each []string
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line != "" && !said[line] {
			said[line] = true
			each = append(each, line)
		}
	}
	return strings.TrimSpace(first + " " + strings.Join(each, "; "))
}

func (a attempts) Unwrap() error { return a.error }

// connectError gives a failed connection attempt its reason.
func connectError(c Config, err error) error {
	op := fmt.Sprintf("connect to PostgreSQL at %s, database %q, as user %q", c.Addresses(), c.Database, c.User)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		cause := serverError(pg)
		if refused := encodingRefused(op, pg); refused != nil {
			return refused
		}
		switch {
		case strings.HasPrefix(pg.Code, "28") && c.Token == nil && namesSingleServer(c):
			user, _, _ := strings.Cut(c.User, "@")
			return &Error{ReasonAuthentication, op, cause,
				fmt.Sprintf(
					"Set database.user=%s: leave out @server, a form of Azure's single servers, which are gone; a flexible server takes it for a part of the name.", user)}
		case pg.Code == "28000" && strings.Contains(pg.Message, "pg_hba.conf"):
			return &Error{ReasonAuthentication, op, cause,
				"Add a line for this host, user and database to pg_hba.conf (or a firewall rule and database.sslmode=require on a managed server) and reload the server."}
		case pg.Code == "28000" && strings.Contains(pg.Message, "certificate"):
			return &Error{ReasonAuthentication, op, cause, clientCertificateRemedy}
		case strings.HasPrefix(pg.Code, "28"):
			return &Error{ReasonAuthentication, op, cause,
				"Check database.user and database.password; the password of a role is set with ALTER ROLE … PASSWORD …."}
		case pg.Code == "08P01" && (strings.HasPrefix(pg.Message, "unsupported startup parameter") ||
			strings.Contains(pg.Message, "replication")):
			return &Error{ReasonPooler, op, cause, poolerRemedy}
		case pg.Code == "08P01" && (strings.Contains(pg.Message, "no such user") || strings.Contains(pg.Message, "auth") ||
			strings.Contains(pg.Message, "not allowed")):
			return &Error{ReasonAuthentication, op, cause,
				"Check database.user and database.password, and the pooler's list of users (auth_file, auth_query)."}
		case pg.Code == "3D000", pg.Code == "08P01" && strings.Contains(pg.Message, "no such database"):
			return &Error{ReasonDatabaseMissing, op, cause, "Check database.dbname; CREATE DATABASE makes one."}
		case pg.Code == "42501" && pg.Routine == "CheckMyDatabase":
			return &Error{ReasonAuthentication, op, cause, fmt.Sprintf("Run GRANT CONNECT ON DATABASE %s TO %s;",
				QuoteIdent(c.Database), QuoteIdent(c.User))}
		case pg.Code == "42501" && (pg.Routine == "InitPostgres" || strings.Contains(pg.Message, "replication")):
			return &Error{ReasonReplication, op, cause, replicationRemedy(c.User)}
		case strings.HasPrefix(pg.Code, "XX") && tenantMissing.MatchString(pg.Message):
			return &Error{ReasonAuthentication, op, cause,
				"The pooler knows no such project or role: its database.user is <role>.<project>. A connector that reads the log needs the server's own address."}
		case strings.HasPrefix(pg.Code, "XX"):
			// Providers' proxies answer so while they cannot reach the server behind them, such as
			// Neon's "Couldn't connect to compute node".
			return &Error{ReasonUnreachable, op, cause,
				"What answers at this address could not reach the server, or the server failed; the connector keeps trying. See the provider's console if it stays so."}
		}
		return fmt.Errorf("%s: %w", op, err)
	}
	err = attempts{err}
	if errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL) {
		return &Error{ReasonUnreachable, op, err,
			"This machine has no way to the address, as where a host has only an IPv6 address (Supabase's direct connections without its IPv4 add-on) and containers have none: " +
				"give the worker IPv6, or the server an IPv4 address; the connector keeps trying."}
	}
	if remedy := tlsRemedy(err); remedy != "" {
		return &Error{ReasonTLS, op, err, remedy}
	}
	// pgconn's text names host, port and user, and masks the password.
	return &Error{ReasonUnreachable, op, err,
		"Check database.hostname, database.port and database.sslmode and that the server runs; the connector keeps trying."}
}

// namesSingleServer says whether the user is given as user@server to a server of Azure's. What
// follows the @ in a name of Microsoft Entra ID is a domain.
func namesSingleServer(c Config) bool {
	_, server, found := strings.Cut(c.User, "@")
	return found && !strings.Contains(server, ".") && strings.Contains(c.Host, ".postgres.database.")
}

// poolerRemedy mends what a pooler does not take, which no waiting does: PgBouncer before 1.23 has
// no replication connections.
const poolerRemedy = "A pooler stands between. Replication needs the server itself: set database.hostname and database.port to PostgreSQL's own address (PgBouncer takes replication connections from 1.23 on). " +
	"Other connections may go through it: let it take or ignore the parameter (ignore_startup_parameters in pgbouncer.ini)."

const clientCertificateRemedy = "Set database.sslcert and database.sslkey to a certificate for the user that an authority of the server's ssl_ca_file signed."

// tlsRemedy says what to do about an error of TLS that no waiting mends; empty for other errors.
func tlsRemedy(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "The server's certificate is for another host: connect by a name that it has (database.hostname), or set database.sslmode=verify-ca, which does not compare names."
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "Renew the server's certificate (or that of the authority which signed it), and see that the clocks of both machines are right."
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "Set database.sslrootcert to the file (PEM) with the certificate of the authority that signed the server's, or database.sslmode=require, which does not check it."
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "Set database.sslrootcert to the file (PEM) with the certificate of the authority that signed the server's, or database.sslmode=require, which does not check it."
	}
	// The server's alert about this side's certificate; other alerts may pass.
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" &&
		strings.Contains(alert.Err.Error(), "certificate") {
		return clientCertificateRemedy
	}
	if strings.Contains(err.Error(), "server refused TLS connection") {
		return "The server has TLS switched off: switch it on (ssl = on), or set database.sslmode=prefer or disable."
	}
	return ""
}

func replicationRemedy(user string) string {
	return fmt.Sprintf(
		"Run ALTER ROLE %s REPLICATION; as a role that may (on Azure the server's administrator, who needs it too; on Amazon RDS GRANT rds_replication TO %[1]s; on Google Cloud SQL the same ALTER ROLE as cloudsqlsuperuser).", QuoteIdent(user))
}

// QuoteIdent quotes an SQL identifier.
func QuoteIdent(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// QuoteTable quotes a schema-qualified name.
func QuoteTable(schema, name string) string { return QuoteIdent(schema) + "." + QuoteIdent(name) }

// QuoteLiteral quotes an SQL string literal, whatever standard_conforming_strings says.
func QuoteLiteral(s string) string {
	q := `'` + strings.ReplaceAll(s, `'`, `''`) + `'`
	if strings.ContainsRune(s, '\\') {
		return "E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}
