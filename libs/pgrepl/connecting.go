package pgrepl

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/banner"
)

// wordless is the error of a connection that the server closed without sending anything.
type wordless struct{ error }

func (w *wordless) Error() string {
	return "the server closed the connection without a word: " + w.error.Error()
}

func (w *wordless) Unwrap() error { return w.error }

// attempts returns the errors of the single attempts to connect from an error of pgconn: one for
// each host, each of its addresses, and each of the two ways of sslmode=prefer and allow.
func attempts(err error) []error {
	switch e := err.(type) { //nolint:errorlint // each layer is unwrapped separately
	case *pgconn.ConnectError:
		return attempts(e.Unwrap())
	case interface{ Unwrap() []error }:
		var all []error
		for _, each := range e.Unwrap() {
			all = append(all, attempts(each)...)
		}
		return all
	}
	return []error{err}
}

// refusesTLS reports whether an attempt failed because TLS is turned off on the server.
func refusesTLS(err error) bool {
	return strings.Contains(err.Error(), "server refused TLS connection")
}

// unmet joins the errors of all attempts to connect in one line, each cause once.
type unmet []error

func (u unmet) Error() string {
	var each []string
	for _, err := range u {
		for text := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
			if !slices.ContainsFunc(each, func(said string) bool { return strings.HasSuffix(said, text) }) {
				each = append(each, text)
			}
		}
	}
	return strings.Join(each, "; ")
}

func (u unmet) Unwrap() []error { return u }

// telling ranks an attempt's error by how well it tells what to change, best first: the server's
// answer about user or database; a failure of TLS; pg_hba.conf's refusal of this way to connect,
// since the other way may be allowed; another server at the address; anything else.
func telling(err error) int {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		if pg.Code == "28000" && strings.Contains(pg.Message, "pg_hba.conf") { // which no language translates
			return 2
		}
		return 0
	}
	if tlsRemedy(err) != "" {
		return 1
	}
	if _, ok := errors.AsType[*banner.OtherServerError](err); ok {
		return 3
	}
	return 4
}

// connectError turns a failed attempt to connect into an error with its reason. With sslmode=prefer
// or allow, a server without TLS is not the reason, since the attempt without TLS failed too.
func connectError(c Config, made *dialled, err error) error {
	op := fmt.Sprintf("connect to PostgreSQL at %s, database %q, as user %q", c.Addresses(), c.Database, c.User)
	tried := attempts(err)
	if mode := cmp.Or(c.SSLMode, "prefer"); mode == "prefer" || mode == "allow" {
		if other := slices.DeleteFunc(slices.Clone(tried), refusesTLS); len(other) > 0 {
			tried = other
		}
	}
	decisive := slices.MinFunc(tried, func(a, b error) int { return telling(a) - telling(b) })
	if pg, ok := errors.AsType[*pgconn.PgError](decisive); ok {
		return refusal(c, op, pg)
	}
	if errors.Is(decisive, context.DeadlineExceeded) && made.silent() {
		return &Error{ReasonUnreachable, op,
			fmt.Errorf("the server accepts the connection and says nothing for %s", c.connectTime()),
			wordlessRemedy}
	}
	return unreachable(op, decisive, unmet(tried))
}

// wordlessRemedy is for servers that accept connections and send nothing.
const wordlessRemedy = "Check that database.hostname and database.port are PostgreSQL's own and that the server runs: a proxy or Docker accepts connections while the server behind it is down, " +
	"a Kafka broker or a server that expects TLS from the first byte on closes them, an HTTP server waits for more. The connector keeps trying, each time for database.connection.timeout.ms."

// refusal gives the error with which a server refuses a client its reason and remedy.
func refusal(c Config, op string, pg *pgconn.PgError) error {
	cause := serverError(pg)
	if refused := encodingRefused(op, pg); refused != nil {
		return refused
	}
	switch {
	case strings.HasPrefix(pg.Code, "28") && c.Token == nil && namesSingleServer(c):
		user, _, _ := strings.Cut(c.User, "@")
		return &Error{ReasonAuthentication, op, cause,
			fmt.Sprintf(
				"Set database.user=%s: leave out @server, a form for Azure's single servers, which no longer exist; a flexible server takes it as part of the name.", user)}
	case pg.Code == "28000" && strings.Contains(pg.Message, "pg_hba.conf"):
		return &Error{ReasonAuthentication, op, cause,
			"Add a line for this host, user and database to pg_hba.conf (or a firewall rule and database.sslmode=require on a managed server) and reload the server."}
	case raised(pg, "28000", "ClientAuthentication"):
		return &Error{ReasonAuthentication, op, cause, clientCertificateRemedy}
	case raised(pg, "28000", "InitializeSessionUserId"):
		return &Error{ReasonAuthentication, op, cause, fmt.Sprintf(
			"Correct database.user if the server has no such role. Run ALTER ROLE %s LOGIN;", QuoteIdent(c.User))}
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
		return &Error{ReasonDatabaseMissing, op, cause, "Check database.dbname; CREATE DATABASE creates one."}
	case raised(pg, "42501", "CheckMyDatabase"):
		return &Error{ReasonAuthentication, op, cause, fmt.Sprintf("Run GRANT CONNECT ON DATABASE %s TO %s;",
			QuoteIdent(c.Database), QuoteIdent(c.User))}
	case raised(pg, "42501", "InitPostgres"):
		return &Error{ReasonReplication, op, cause, replicationRemedy(c.User)}
	case strings.HasPrefix(pg.Code, "XX") && tenantMissing.MatchString(pg.Message):
		return &Error{ReasonAuthentication, op, cause,
			"The pooler knows no such project or role: its database.user is <role>.<project>. A connector that reads the log needs the server's own address."}
	case strings.HasPrefix(pg.Code, "XX"):
		// Providers' proxies answer like this while they cannot reach the server behind them, such as
		// Neon's "Couldn't connect to compute node".
		return &Error{ReasonUnreachable, op, cause,
			"The proxy at this address could not reach the server, or the server failed; the connector keeps trying. If this lasts, look at the provider's console."}
	}
	return fmt.Errorf("%s: %w", op, pg)
}

// unreachable is the error for a server that could not be reached; decisive is the most telling
// error of the attempts.
func unreachable(op string, decisive error, met unmet) error {
	if stranger, ok := errors.AsType[*banner.OtherServerError](decisive); ok {
		return answeredByOther(op, stranger)
	}
	if bound, ok := errors.AsType[*Error](decisive); ok {
		return &Error{bound.Reason, op, bound.Err, bound.Remedy}
	}
	if errors.Is(decisive, syscall.ENETUNREACH) || errors.Is(decisive, syscall.EADDRNOTAVAIL) {
		return &Error{ReasonUnreachable, op, met,
			"This machine has no route to the address. That happens if a host has only an IPv6 address (Supabase's direct connections without its IPv4 add-on) and containers have none: " +
				"give the worker IPv6, or the server an IPv4 address; the connector keeps trying."}
	}
	if remedy := tlsRemedy(decisive); remedy != "" {
		return &Error{ReasonTLS, op, met, remedy}
	}
	if _, ok := errors.AsType[*wordless](decisive); ok {
		return &Error{ReasonUnreachable, op, met, wordlessRemedy}
	}
	if asksOtherwise(decisive) {
		return &Error{ReasonAuthentication, op, met, otherwiseRemedy}
	}
	return &Error{ReasonUnreachable, op, met,
		"Check database.hostname, database.port and database.sslmode and that the server runs; the connector keeps trying."}
}

// asksOtherwise reports whether the server asks for a way to log in that the client does not
// support: GSSAPI, SSPI, or one newer than this client. pgconn has no types for these errors.
func asksOtherwise(err error) bool {
	text := err.Error()
	return slices.ContainsFunc([]string{"failed GSS auth", "AuthTypeSSPI", "unknown authentication type",
		"server does not support SCRAM-SHA-256", "OAuth authentication required"},
		func(words string) bool { return strings.Contains(text, words) })
}

const otherwiseRemedy = "The server asks this user for a way to log in that Calypso does not support (GSSAPI, which is Kerberos, SSPI or OAuth): add a line for this user and the worker's address with scram-sha-256, ldap or cert to pg_hba.conf, before the one that matches now, and reload the server."

// answeredByOther is the error when another server answered, or PostgreSQL with the line of text
// that it sends if it cannot start a process for a client.
func answeredByOther(op string, stranger *banner.OtherServerError) error {
	if text, ok := bytes.CutSuffix(stranger.Said, []byte("\n\x00")); ok && bytes.HasPrefix(text, []byte("E")) {
		return &Error{ReasonUnreachable, op,
			fmt.Errorf("%s cannot serve another connection: %q", stranger.Address, text[1:]),
			"The server is out of processes or memory; the connector keeps trying."}
	}
	return &Error{ReasonUnreachable, op, stranger,
		"Set database.hostname and database.port to PostgreSQL's own; the connector keeps trying."}
}

// namesSingleServer reports whether the user is given as user@server for a server of Azure's. In a
// name of Microsoft Entra ID a domain follows the @.
func namesSingleServer(c Config) bool {
	_, server, found := strings.Cut(c.User, "@")
	return found && !strings.Contains(server, ".") && strings.Contains(c.Host, ".postgres.database.")
}

// poolerRemedy is for connections that a pooler refuses, which waiting does not fix: PgBouncer
// before 1.23 has no replication connections.
const poolerRemedy = "There is a pooler in between. Replication needs the server itself: set database.hostname and database.port to PostgreSQL's own address (PgBouncer accepts replication connections from 1.23 on). " +
	"Other connections may go through it: let it accept or ignore the parameter (ignore_startup_parameters in pgbouncer.ini)."

// statementsRemedy is for a pooler that runs each statement separately.
const statementsRemedy = "There is a pooler in between that does not keep transactions together: set its pool_mode to transaction or session (pgbouncer.ini), or set the address to PostgreSQL's own."

const clientCertificateRemedy = "Set database.sslcert and database.sslkey to a certificate for the user, signed by an authority in the server's ssl_ca_file."

// tlsRemedy says what to do about a TLS error that waiting does not fix; empty for other errors.
func tlsRemedy(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "The server's certificate is for another host: set database.hostname to a name in the certificate, or set database.sslmode=verify-ca, which does not compare names."
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "Renew the server's certificate (or that of the authority that signed it), and check that the clocks of both machines are right."
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "Set database.sslrootcert to the file (PEM) with the certificate of the authority that signed the server's, or database.sslmode=require, which does not check it."
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "Set database.sslrootcert to the file (PEM) with the certificate of the authority that signed the server's, or database.sslmode=require, which does not check it."
	}
	// The server's alert about the client's certificate; other alerts may be temporary.
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" &&
		strings.Contains(alert.Err.Error(), "certificate") {
		return clientCertificateRemedy
	}
	if refusesTLS(err) {
		return "TLS is switched off on the server: switch it on (ssl = on), or set database.sslmode=prefer or disable."
	}
	return ""
}
