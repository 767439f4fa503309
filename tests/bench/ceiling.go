package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// ceiling measures how fast pg_recvlogical, which does nothing with what it reads, takes the same
// changes from a slot of its own: PostgreSQL's side of the work, and so the most that any client of
// one slot can do.
type ceiling struct {
	pg *testenv.Postgres
	// publication must exist.
	publication string
}

// slot makes a slot at the present end of the WAL, to be read later.
func (c ceiling) slot(ctx context.Context, conn *pgx.Conn, name string) error {
	if _, err := conn.Exec(ctx, "select pg_create_logical_replication_slot($1, 'pgoutput')", name); err != nil {
		return fmt.Errorf("make slot %s: %w", name, err)
	}
	return nil
}

// read reads a slot up to the present end of the WAL, drops it and returns how long the reading took.
func (c ceiling) read(ctx context.Context, conn *pgx.Conn, slot string) (time.Duration, error) {
	// A record behind the last commit gives pg_recvlogical a message at or after endpos, without which it waits for one.
	var end string
	if err := conn.QueryRow(ctx, "select pg_logical_emit_message(true, 'end', '')::text").Scan(&end); err != nil {
		return 0, fmt.Errorf("mark the end of the WAL: %w", err)
	}
	if err := conn.QueryRow(ctx, "select pg_current_wal_flush_lsn()::text").Scan(&end); err != nil {
		return 0, fmt.Errorf("find the end of the WAL: %w", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.pg.Bin, "pg_recvlogical"), "-h", c.pg.Host, "-p",
		strconv.Itoa(c.pg.Port), "-U", testenv.PostgresUser,
		"-d", "postgres", "--slot", slot, "--start", "--no-loop", "-f", os.DevNull, "--endpos", end,
		"-o", "proto_version=1", "-o", "publication_names="+c.publication)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+testenv.PostgresPassword)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("pg_recvlogical: %w\n%s", err, out)
	}
	took := time.Since(start)
	if _, err := conn.Exec(ctx, "select pg_drop_replication_slot($1)", slot); err != nil {
		return 0, fmt.Errorf("drop slot %s: %w", slot, err)
	}
	return took, nil
}
