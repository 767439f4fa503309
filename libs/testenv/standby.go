package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// StartStandby makes and starts a physical standby of p, which is stopped for that moment, since
// its directory is copied. The standby streams from the slot StandbySlot, and keeps the logical slots
// that are synchronised to standbys where its version does that.
func (p *Postgres) StartStandby(ctx context.Context, settings ...string) (_ *Postgres, err error) {
	if err := p.Exec(ctx, "postgres", "SELECT pg_create_physical_replication_slot('"+StandbySlot+"', true)"); err != nil {
		return nil, err
	}
	if err := p.Stop(Fast); err != nil {
		return nil, fmt.Errorf("stop the primary to copy it: %w", err)
	}
	s := &Postgres{Host: p.Host, Bin: p.Bin, uid: p.uid, gid: p.gid}
	if s.Port, err = FreePort(); err != nil {
		return nil, err
	}
	if s.Dir, err = os.MkdirTemp("", "calypso-standby-"); err != nil {
		return nil, fmt.Errorf("make a data directory: %w", err)
	}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	// The copy has the modes and owners that the server demands.
	if out, err := exec.CommandContext(ctx, "cp", "-a", p.Dir+"/.", s.Dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy %s: %w\n%s", p.Dir, err, out)
	}
	if err := os.RemoveAll(filepath.Join(s.Dir, "pg_replslot", StandbySlot)); err != nil {
		return nil, err
	}
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	var version int
	if version, err = p.version(ctx); err != nil {
		return nil, err
	}
	conf := append([]string{
		fmt.Sprintf("primary_conninfo = 'host=%s port=%d user=%s password=%s dbname=postgres application_name=standby'",
			p.Host, p.Port, PostgresUser, PostgresPassword),
		"primary_slot_name = '" + StandbySlot + "'", "hot_standby_feedback = on", "wal_receiver_status_interval = 1s",
		"wal_retrieve_retry_interval = 100ms",
	}, settings...)
	if version >= 170000 {
		conf = append(conf, "sync_replication_slots = on")
	}
	f, err := os.OpenFile(filepath.Join(s.Dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open postgresql.conf: %w", err)
	}
	_, err = f.WriteString("\n" + strings.Join(conf, "\n") + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	signal := filepath.Join(s.Dir, "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return nil, err
	}
	if s.uid != 0 {
		if err := os.Chown(signal, s.uid, s.gid); err != nil {
			return nil, err
		}
	}
	return s, s.Start(ctx)
}

// StandbySlot is the physical slot that a standby streams from.
const StandbySlot = "standby"

func (p *Postgres) version(ctx context.Context) (n int, err error) {
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return 0, err
	}
	defer c.Close(ctx)
	return n, c.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&n)
}

// Promote makes a standby a primary and returns when it takes writes.
func (p *Postgres) Promote(ctx context.Context) error {
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	var done bool
	if err := c.QueryRow(ctx, "SELECT pg_promote(true, 60)").Scan(&done); err != nil {
		return fmt.Errorf("promote the standby: %w", err)
	}
	if !done {
		return errors.New("the standby was not promoted within a minute")
	}
	return nil
}

// CaughtUp says why a standby has not replayed what the primary has flushed; nil if it has.
func (p *Postgres) CaughtUp(ctx context.Context, primary *Postgres) error {
	// The primary may itself be a standby, from which this one cascades.
	end, err := primary.lsn(ctx,
		"(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END)")
	if err != nil {
		return err
	}
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	var there bool
	var at string
	if err := c.QueryRow(ctx,
		"SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn, coalesce(pg_last_wal_replay_lsn()::text, '')", end).Scan(&there,
		&at); err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("the standby is at %s, the primary at %s", at, end)
	}
	return nil
}

func (p *Postgres) lsn(ctx context.Context, function string) (at string, err error) {
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	return at, c.QueryRow(ctx, "SELECT "+function+"::text").Scan(&at)
}

// RunStandby is StartStandby for a test.
func (p *Postgres) RunStandby(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	s, err := p.StartStandby(t.Context(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && s.process != nil {
			t.Logf("the standby's log ends:\n%s", s.process.Tail(40))
		}
		if err := s.Close(); err != nil {
			t.Errorf("remove the standby: %v", err)
		}
	})
	Eventually(t, time.Minute, "the standby follows", func(ctx context.Context) error { return s.CaughtUp(ctx, p) })
	return s
}
