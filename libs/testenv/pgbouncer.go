package testenv

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PgBouncerConfig says how to run PgBouncer before a PostgreSQL cluster.
type PgBouncerConfig struct {
	// PoolMode is session or transaction.
	PoolMode string
	// Role and Password are those with which it connects, whatever user the client gives; the client
	// needs no password.
	Role, Password string
	// Settings are added to its configuration, one "name = value" each.
	Settings []string
}

// RunPgBouncer runs a PgBouncer in front of the cluster until the test's end, and returns its port
// on 127.0.0.1. It skips the test if the machine has no PgBouncer.
func (p *Postgres) RunPgBouncer(t testing.TB, cfg PgBouncerConfig) int {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil {
		missing(t, "pgbouncer", err)
	}
	port := Port(t)
	dir, err := os.MkdirTemp("", "calypso-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	lines := append([]string{
		"[databases]", fmt.Sprintf("* = host=%s port=%d user=%s password=%s", p.Host, p.Port, cfg.Role, cfg.Password),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprintf("listen_port = %d", port), "unix_socket_dir =",
		"auth_type = any", "pool_mode = " + cfg.PoolMode,
	}, cfg.Settings...)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if p.uid != 0 { // it does not run as root
		if err := os.Chown(dir, p.uid, p.gid); err != nil {
			t.Fatal(err)
		}
	}
	process, err := StartProcess(Command{Path: path, Args: []string{file}, Dir: dir, Log: filepath.Join(dir, "log"),
		UID: p.uid, GID: p.gid})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	u := url.URL{Scheme: "postgres", User: url.User("u"), Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "postgres",
		RawQuery: "sslmode=disable"}
	Eventually(t, time.Minute, "PgBouncer answers", func(ctx context.Context) error {
		if err := process.Running(); err != nil {
			return fmt.Errorf("%w: %s", err, process.Tail(5))
		}
		c, err := pgx.Connect(ctx, u.String())
		if err != nil {
			return err
		}
		return c.Close(ctx)
	})
	return port
}
