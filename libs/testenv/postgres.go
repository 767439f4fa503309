package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgserver"
)

// PostgresConfig says how to run a PostgreSQL cluster. The zero value is a cluster ready for
// logical replication with any plugin.
type PostgresConfig struct {
	// Settings are added to postgresql.conf, one "name = value" each; the last of a name wins.
	Settings []string
	// Bin is the directory of the server's binaries; found by PostgresBin if empty.
	Bin string
	// Keep is a data directory to use and to keep at Close; if empty, a temporary one that Close
	// removes.
	Keep string
}

// Postgres is a private PostgreSQL cluster.
//
// Over TCP every role needs its password (scram-sha-256); over the unix socket in Dir none does. The superuser is
// postgres with password postgres.
type Postgres struct {
	Host string
	Port int
	// Dir is the data directory, which also holds the socket and the server's log.
	Dir string
	// Bin is the directory of the server's binaries.
	Bin string

	uid, gid int
	keep     bool
	process  *Process
}

// Superuser and its password.
const (
	PostgresUser     = "postgres"
	PostgresPassword = "postgres"
)

// PostgresBin returns the directory of the server's binaries: CALYPSO_TEST_PG_BIN, or else what
// pgserver.FindBinaries finds.
func PostgresBin() (string, error) {
	if dir := os.Getenv("CALYPSO_TEST_PG_BIN"); dir != "" {
		return dir, nil
	}
	return pgserver.FindBinaries()
}

// StartPostgres creates and starts a cluster, as the user that pgserver.AccountToRunAs returns.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (_ *Postgres, err error) {
	p := &Postgres{Host: "127.0.0.1", Bin: cfg.Bin, Dir: cfg.Keep, keep: cfg.Keep != ""}
	if p.Bin == "" {
		if p.Bin, err = PostgresBin(); err != nil {
			return nil, err
		}
	}
	account, err := pgserver.AccountToRunAs()
	if err != nil {
		return nil, err
	}
	p.uid, p.gid = account.UID, account.GID
	if p.Port, err = FreePort(); err != nil {
		return nil, err
	}
	if p.Dir == "" {
		if p.Dir, err = os.MkdirTemp("", "calypso-pg-"); err != nil {
			return nil, fmt.Errorf("make a data directory: %w", err)
		}
	}
	defer func() {
		if err != nil {
			_ = p.Close()
		}
	}()
	if p.uid != 0 {
		if err := os.Chown(p.Dir, p.uid, p.gid); err != nil {
			return nil, fmt.Errorf("give %s to the user that runs PostgreSQL: %w", p.Dir, err)
		}
	}
	if _, err := os.Stat(filepath.Join(p.Dir, "PG_VERSION")); err != nil {
		if err := p.init(ctx, cfg); err != nil {
			return nil, err
		}
	}
	return p, p.Start(ctx)
}

func (p *Postgres) init(ctx context.Context, cfg PostgresConfig) error {
	pw := filepath.Join(os.TempDir(), filepath.Base(p.Dir)+".pw")
	if err := os.WriteFile(pw, []byte(PostgresPassword), 0o644); err != nil {
		return fmt.Errorf("write the superuser's password: %w", err)
	}
	defer os.Remove(pw)
	cmd := exec.CommandContext(ctx, filepath.Join(p.Bin, "initdb"), "-D", p.Dir, "-U", PostgresUser, "--pwfile", pw,
		"--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.Dir = p.Dir
	cmd.SysProcAttr = childAttributes(p.credential())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	list, allowed, err := pgserver.AllowPlugins(ctx, p.Bin, p.Dir)
	if err != nil {
		return err
	}
	var plugins []string
	if list != "" {
		plugins = []string{fmt.Sprintf("%s = '%s'", list, allowed)}
	}
	settings := append([]string{
		"listen_addresses = '127.0.0.1'",
		"unix_socket_directories = '.'",
		"wal_level = logical",
		"max_wal_senders = 30",
		"max_replication_slots = 30",
		"max_connections = 100",
		// these tests are not about crashes of the machine, and kill -9 of the server loses nothing
		// without fsync
		"fsync = off",
		"full_page_writes = off",
		"timezone = 'UTC'",
		"log_timezone = 'UTC'",
	}, plugins...)
	settings = append(settings, cfg.Settings...)
	f, err := os.OpenFile(filepath.Join(p.Dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open postgresql.conf: %w", err)
	}
	_, err = f.WriteString("\n" + strings.Join(settings, "\n") + "\n")
	return errors.Join(err, f.Close())
}

// credential returns the user as which the server runs and the signal that it gets when this
// process dies (immediate shutdown).
func (p *Postgres) credential() (uid, gid int, sig syscall.Signal) {
	if p.uid == 0 {
		return -1, 0, syscall.SIGQUIT
	}
	return p.uid, p.gid, syscall.SIGQUIT
}

// Start starts a stopped cluster on its port and returns when it accepts connections.
func (p *Postgres) Start(ctx context.Context) (err error) {
	_ = os.Remove(filepath.Join(p.Dir, "postmaster.pid")) // a killed server leaves it behind
	log := filepath.Join(p.Dir, "server.log")
	p.process, err = StartProcess(Command{
		Path: filepath.Join(p.Bin, "postgres"), Args: []string{"-D", p.Dir, "-p", strconv.Itoa(p.Port)},
		Dir: p.Dir, Log: log, UID: p.uid, GID: p.gid, DeathSignal: syscall.SIGQUIT,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("PostgreSQL was given a minute to start"))
	defer cancel()
	var ended error
	err = WaitFor(ctx, "PostgreSQL", func(ctx context.Context) error {
		if ended = p.process.Running(); ended != nil {
			return nil
		}
		c, err := pgx.Connect(ctx, p.URL("postgres"))
		if err != nil {
			return err
		}
		return c.Close(ctx)
	})
	if ended != nil {
		return ended
	}
	return err
}

// Stop shuts the cluster down: fast (SIGINT) ends sessions in an orderly way, immediate (SIGQUIT)
// as after a crash.
func (p *Postgres) Stop(mode os.Signal) error { return p.process.Stop(mode, 30*time.Second) }

// Shutdown modes of Stop (PostgreSQL manual, Shutting Down the Server).
const (
	Fast      = syscall.SIGINT
	Immediate = syscall.SIGQUIT
)

// Close stops the cluster and removes its data.
func (p *Postgres) Close() error {
	if p.process != nil {
		_ = p.Stop(Immediate) // ends with status 2 by design
	}
	if p.keep {
		return nil
	}
	return os.RemoveAll(p.Dir)
}

// URL returns the superuser's connection string for a database.
func (p *Postgres) URL(database string) string {
	return p.URLFor(PostgresUser, PostgresPassword, database)
}

// URLFor returns a role's connection string for a database, over TCP.
func (p *Postgres) URLFor(role, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: fmt.Sprintf("%s:%d", p.Host, p.Port),
		Path: database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Exec runs SQL statements, which may be many, in a database as superuser, outside any transaction of its own.
func (p *Postgres) Exec(ctx context.Context, database, sql string) error {
	c, err := pgx.Connect(ctx, p.URL(database))
	if err != nil {
		return fmt.Errorf("connect to database %s: %w", database, err)
	}
	defer c.Close(ctx)
	if _, err := c.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("run SQL in database %s: %w", database, err)
	}
	return nil
}

// Streaming returns why nobody streams from a slot; nil if somebody does. An active slot is not
// enough: it is active also while it is being created, before a connector's snapshot, and rows
// committed then are part of the snapshot instead of coming as changes.
func (p *Postgres) Streaming(ctx context.Context, slot string) error {
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	var streams bool
	err = c.QueryRow(ctx,
		`SELECT EXISTS (SELECT FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
		WHERE s.slot_name = $1 AND r.state IN ('catchup', 'streaming'))`, slot).Scan(&streams)
	if err == nil && !streams {
		err = errors.New("nobody streams from it")
	}
	if err != nil {
		return fmt.Errorf("look for the stream of slot %s: %w", slot, err)
	}
	return nil
}

// RunPostgres is StartPostgres for a test.
func RunPostgres(t testing.TB, cfg PostgresConfig) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), cfg)
	if errors.Is(err, pgserver.ErrNoBinaries) {
		missing(t, "postgres", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && p.process != nil {
			t.Logf("PostgreSQL's log ends:\n%s", p.process.Tail(30))
		}
		if err := p.Close(); err != nil {
			t.Errorf("remove the cluster: %v", err)
		}
	})
	return p
}
