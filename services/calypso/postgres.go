package calypso

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/pgserver"
)

// source is the PostgreSQL database from which changes are captured.
type source struct {
	Host     string
	Port     uint16
	User     string
	Password config.Secret
	Database string
	SSLMode  string
	// Version is the server's, such as 15.18.
	Version string
	// Wal2json is true if the server has that output plugin and lets it be used; every server has
	// pgoutput.
	Wal2json bool
	// Remark is a note for the user about that; empty if there is none.
	Remark string

	// server and dir are set if it is ours.
	server *pgserver.Server
	dir    string
}

// openSource starts the embedded PostgreSQL, or connects to the given one, and checks that changes
// can be captured from it.
func openSource(ctx context.Context, s *Settings, log *os.File, note func(string)) (_ *source, err error) {
	var src *source
	if s.PostgresURL != "" {
		src, err = givenSource(s.PostgresURL)
	} else {
		src, err = startSource(ctx, s, log, note)
	}
	if err != nil {
		return nil, err
	}
	if err := src.inspect(ctx); err != nil {
		return nil, errors.Join(err, src.stop())
	}
	return src, nil
}

func givenSource(url string) (*source, error) {
	cfg, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("--pg-url: %w", err) // pgconn's error does not contain the password
	}
	// pgconn turns the mode into a list of TLS settings, from which its name is derived here.
	mode := "disable"
	switch {
	case cfg.TLSConfig != nil && cfg.TLSConfig.InsecureSkipVerify:
		mode = "require"
	case cfg.TLSConfig != nil:
		mode = "verify-full"
	}
	if len(cfg.Fallbacks) > 0 && cfg.TLSConfig != nil && cfg.Fallbacks[0].TLSConfig == nil {
		mode = "prefer"
	}
	return &source{Host: cfg.Host, Port: cfg.Port, User: cfg.User, Password: config.Secret(cfg.Password),
		Database: cfg.Database, SSLMode: mode}, nil
}

func startSource(ctx context.Context, s *Settings, log *os.File, note func(string)) (*source, error) {
	dir, err := sourceDir(s.Data)
	if err != nil {
		return nil, err
	}
	bin, err := pgserver.FindBinaries()
	if errors.Is(err, pgserver.ErrNoBinaries) {
		note("downloading its binaries")
		bin, err = downloadPostgres(filepath.Join(filepath.Dir(dir), "postgres-binaries"))
	}
	if err != nil {
		return nil, err
	}
	server, err := pgserver.Start(ctx, pgserver.Config{
		Dir: dir, Bin: bin, Port: s.PostgresPort, Password: s.PostgresPassword, Log: log,
		Settings: map[string]string{"max_wal_senders": "20", "max_replication_slots": "20", "shared_buffers": "64MB"},
	})
	if err != nil {
		return nil, err
	}
	return &source{Host: "127.0.0.1", Port: uint16(s.PostgresPort), User: pgserver.User, Password: s.PostgresPassword,
		Database: "postgres",
		SSLMode:  "disable", server: server, dir: dir}, nil
}

// sourceDir returns where the embedded PostgreSQL keeps its data: below the data directory or, for
// root, whose directories the server's user often cannot enter, in /var/lib/calypso.
func sourceDir(data string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(data, "postgres"))
	if err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	if pgserver.Reachable(dir) {
		return dir, nil
	}
	name := fnv.New32a()
	_, _ = name.Write([]byte(dir))
	return filepath.Join("/var/lib/calypso", fmt.Sprintf("postgres-%08x", name.Sum32()), "data"), nil
}

// inspect finds out what the connectors need to know, and refuses a server from which nothing can
// be captured.
func (s *source) inspect(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var level string
	if err := conn.QueryRow(ctx,
		"SELECT split_part(current_setting('server_version'), ' ', 1), current_setting('wal_level')").Scan(&s.Version,
		&level); err != nil {
		return fmt.Errorf("ask PostgreSQL for its settings: %w", err)
	}
	if level != "logical" {
		return fmt.Errorf(
			"PostgreSQL at %s:%d has wal_level=%s: set wal_level=logical (ALTER SYSTEM SET wal_level = logical) and restart it",
			s.Host, s.Port, level)
	}
	var taken bool
	if err := conn.QueryRow(ctx, "SELECT count(*) >= current_setting('max_replication_slots')::int, "+
		"coalesce(bool_or(plugin = 'wal2json'), false) FROM pg_replication_slots").Scan(&taken, &s.Wal2json); err != nil {
		return fmt.Errorf("ask PostgreSQL for its replication slots: %w", err)
	}
	if taken { // The connectors that have the slots continue; a new one reports that none is left.
		s.Remark = "all its replication slots are in use, so wal2json was not tried; " +
			"SELECT pg_drop_replication_slot(…) drops one that nobody uses"
		return nil
	}
	err = pgrepl.TryPlugin(ctx, conn, "wal2json", s.User)
	s.Wal2json = err == nil
	switch pgrepl.ReasonOf(err) {
	case pgrepl.ReasonPluginRefused:
		s.Remark = "it refuses wal2json (" + pgrepl.PluginList + "), so pgoutput is used, with the same events"
		return nil
	case pgrepl.ReasonPluginMissing:
		s.Remark = "it has no wal2json, so pgoutput is used, with the same events"
		return nil
	}
	return err
}

func (s *source) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgrepl.Config{Host: s.Host, Port: s.Port, User: s.User, Password: s.Password.Reveal(),
		Database: s.Database, SSLMode: s.SSLMode}.Connect(ctx)
	if e, ok := errors.AsType[*pgrepl.Error](err); ok && s.server == nil {
		// The remedy names keys of a connector's configuration, which there is none of yet.
		return nil, fmt.Errorf("%s: %w (%s). See that --pg-url is right and that the server runs", e.Op, e.Err, e.Reason)
	}
	return conn, err
}

// run runs statements in one transaction.
func (s *source) run(ctx context.Context, statements string) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statements, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("run SQL: %w", err)
	}
	return nil
}

func (s *source) stop() error {
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}
