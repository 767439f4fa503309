package pgrepl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/calypso-cdc/calypso/libs/config"
)

// Config says how to reach a server. Its fields are named like libpq's parameters and Debezium's
// database.* keys.
type Config struct {
	// Host is one host, or several separated by commas, each with an optional :port; of several, the
	// first that accepts writes is used. A host that starts with / is a directory of Unix sockets.
	Host     string
	Port     uint16
	User     string
	Password string
	Database string
	// SSLMode is disable, allow, prefer, require, verify-ca or verify-full; empty means prefer.
	SSLMode     string
	SSLCert     string
	SSLKey      string
	SSLPassword string
	SSLRootCert string
	// ConnectTimeout bounds one attempt to connect, and each request that a healthy server answers at
	// once. It is cut to whole seconds, at least 1; 0 means 30 s.
	ConnectTimeout time.Duration
	// KeepAlive turns on TCP keep-alive.
	KeepAlive bool
	// InitialStatements run on each connection that is not a replication connection.
	InitialStatements []string
	// Token returns the password for each new connection where passwords expire (Microsoft Entra ID);
	// nil otherwise. Its errors may implement Passing to tell that waiting can fix them.
	Token func(context.Context) (string, error)
	// ApplicationName is shown in pg_stat_activity.
	ApplicationName string
}

// Addresses returns the host:port pairs as given, for messages.
func (c Config) Addresses() string {
	var out []string
	for host, port := range c.endpoints() {
		out = append(out, net.JoinHostPort(host, port))
	}
	return strings.Join(out, ",")
}

// Hosts returns the hosts as given, without their ports.
func (c Config) Hosts() []string {
	var out []string
	for host := range c.endpoints() {
		out = append(out, host)
	}
	return out
}

// endpoints yields the hosts with their ports, in order.
func (c Config) endpoints() func(func(host, port string) bool) {
	return func(yield func(string, string) bool) {
		for h := range strings.SplitSeq(c.Host, ",") {
			h = strings.TrimSpace(h)
			port := strconv.Itoa(int(c.Port))
			if c.Port == 0 {
				port = "5432"
			}
			if host, p, err := net.SplitHostPort(h); err == nil && !strings.HasPrefix(h, "/") {
				h, port = host, p
			}
			if !yield(h, port) {
				return
			}
		}
	}
}

// dsn returns c as a libpq keyword/value string, with one more setting and without the password.
func (c Config) dsn(key, value string) string {
	hosts := c.Hosts()
	var ports []string
	for _, p := range c.endpoints() {
		ports = append(ports, p)
	}
	mode := c.SSLMode
	if mode == "" {
		mode = "prefer"
	}
	set := [][2]string{
		{"host", strings.Join(hosts, ",")}, {"port", strings.Join(ports, ",")}, {"user", c.User}, {"dbname", c.Database},
		{"sslmode", mode}, {"sslcert", c.SSLCert}, {"sslkey", c.SSLKey}, {"sslpassword", c.SSLPassword},
		{"sslrootcert", c.SSLRootCert},
		{"connect_timeout", strconv.Itoa(int(c.connectTime().Seconds()))}, {"application_name", c.ApplicationName},
		// Poolers accept these too: they keep track of them for each client.
		{"client_encoding", "UTF8"}, {"DateStyle", "ISO, MDY"}, {"TimeZone", "UTC"}, {"standard_conforming_strings", "on"},
	}
	if len(hosts) > 1 {
		set = append(set, [2]string{"target_session_attrs", "read-write"})
	}
	var b strings.Builder
	for _, kv := range append(set, [2]string{key, value}) {
		if kv[1] == "" {
			continue
		}
		fmt.Fprintf(&b, "%s='%s' ", kv[0], strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(kv[1]))
	}
	return b.String()
}

// checkFiles reads the TLS files as the driver will, but limits their size.
func (c Config) checkFiles() error {
	for _, f := range []struct{ key, path string }{{"database.sslrootcert", c.SSLRootCert},
		{"database.sslcert", c.SSLCert}, {"database.sslkey", c.SSLKey}} {
		if f.path == "" || f.path == "system" && f.key == "database.sslrootcert" {
			continue
		}
		if _, err := config.ReadFile(f.path); err != nil {
			return &Error{ReasonTLS, "read the file that " + f.key + " names", err,
				"Set " + f.key + " to a readable file (PEM) of at most 1 MB."}
		}
	}
	return nil
}

func (c Config) password(ctx context.Context) (string, error) {
	if c.Token == nil {
		return c.Password, nil
	}
	p, err := c.Token(ctx)
	if passes, ok := errors.AsType[Passing](err); ok && passes.Passing() {
		return "", &Error{ReasonUnreachable, "get an access token for PostgreSQL user " + c.User, err,
			"The service that issues tokens does not answer; the connector keeps trying."}
	}
	if err != nil {
		return "", &Error{ReasonAuthentication, "get an access token for PostgreSQL user " + c.User, err,
			"Check the credentials that the worker runs with."}
	}
	return p, nil
}

// connectTime returns the time for one attempt to connect, in whole seconds, since libpq's
// connect_timeout has no fractions.
func (c Config) connectTime() time.Duration {
	if c.ConnectTimeout <= 0 {
		return 30 * time.Second
	}
	return max(time.Second, c.ConnectTimeout.Truncate(time.Second))
}

// prompt runs a request that a healthy server answers at once, and waits no longer for it than for
// a connection.
func (c Config) prompt(ctx context.Context, op string, ask func(context.Context) error) error {
	asked, cancel := context.WithTimeout(ctx, c.connectTime())
	defer cancel()
	err := ask(asked)
	if err == nil || asked.Err() == nil || ctx.Err() != nil {
		return err
	}
	return &Error{ReasonUnreachable, op,
		fmt.Errorf("PostgreSQL at %s has not answered for %s (database.connection.timeout.ms)", c.Addresses(),
			c.connectTime()),
		"It is stopped or overloaded, or something on the way drops packets; the connector keeps trying."}
}

// Connect opens an ordinary connection. Statements run with the simple protocol, so that poolers and old servers work.
func (c Config) Connect(ctx context.Context) (*pgx.Conn, error) {
	if err := c.checkFiles(); err != nil {
		return nil, err
	}
	cfg, err := pgx.ParseConfig(c.dsn("default_query_exec_mode", "simple_protocol"))
	if err != nil {
		return nil, fmt.Errorf("read connection settings of database %q: %w", c.Database, err)
	}
	if cfg.Password, err = c.password(ctx); err != nil {
		return nil, err
	}
	attempt, made := c.dialer(ctx, &cfg.Config)
	var guarded *guard
	cfg.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		guarded = newGuard(r)
		return pgproto3.NewFrontend(guarded, w)
	}
	conn, err := pgx.ConnectConfig(attempt, cfg)
	if err != nil {
		return nil, connectError(c, made, err)
	}
	connected(conn.PgConn().Conn())
	if err := c.setUp(ctx, conn, guarded); err != nil {
		Disconnect(conn)
		return nil, err
	}
	return conn, nil
}

// setUp makes a new connection ready for queries. The user's statements may set limits and a
// search_path, and run with the user's own.
func (c Config) setUp(ctx context.Context, conn *pgx.Conn, guarded *guard) error {
	err := c.prompt(ctx, "set up the connection", func(ctx context.Context) error {
		return liftLimits(ctx, conn.PgConn())
	})
	if err != nil {
		return err
	}
	guarded.most = maxAnswer
	for _, s := range c.InitialStatements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("run %q of database.initial.statements: %w; correct the statement, or take it out", s, err)
		}
	}
	return c.prompt(ctx, "set up the connection", func(ctx context.Context) error {
		return catalogFirst(ctx, conn.PgConn())
	})
}

// Disconnect closes a connection that Connect opened; a nil one is ignored. It waits up to one
// second for a server that does not answer.
func Disconnect(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn.Close(ctx)
}

// connectReplication opens a replication connection. It also returns the reader underneath pgconn's
// protocol reader.
func (c Config) connectReplication(ctx context.Context) (*pgconn.PgConn, *frameReader, error) {
	if err := c.checkFiles(); err != nil {
		return nil, nil, err
	}
	cfg, err := pgconn.ParseConfig(c.dsn("replication", "database"))
	if err != nil {
		return nil, nil, fmt.Errorf("read connection settings of database %q: %w", c.Database, err)
	}
	if cfg.Password, err = c.password(ctx); err != nil {
		return nil, nil, err
	}
	attempt, made := c.dialer(ctx, cfg)
	var frames *frameReader
	cfg.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		frames = &frameReader{r: r}
		return pgproto3.NewFrontend(newGuard(frames), w)
	}
	conn, err := pgconn.ConnectConfig(attempt, cfg)
	if err != nil {
		return nil, nil, connectError(c, made, err)
	}
	connected(conn.Conn())
	err = c.prompt(ctx, "set up the replication connection", func(ctx context.Context) error {
		if err := liftLimits(ctx, conn); err != nil {
			return err
		}
		if err := catalogFirst(ctx, conn); err != nil {
			return err
		}
		if err := setText(ctx, conn); err != nil {
			return err
		}
		return sendRaw(ctx, conn)
	})
	if err != nil {
		conn.Close(context.WithoutCancel(ctx))
		return nil, nil, err
	}
	return conn, frames, nil
}
