package pgrepl

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// maxCounted bounds how many tables' changes are counted.
	maxCounted = 20_000
	// countTime bounds how long the server may take to count: statistics are not worth a long wait.
	countTime = time.Second
)

// Changed is how many rows of a table were inserted, updated and deleted since its statistics
// began, including those of transactions that were rolled back.
type Changed struct {
	Table Table
	// Root is the outermost partitioned table that it belongs to; zero if it is not a partition.
	Root Table
	Rows int64
}

// Changes returns the changes of the database's ordinary tables, without those that had none, by
// the server's statistics (those of pg_stat_all_tables, which every role may see), and the end of
// its log, which is not before the last change counted. A session's changes are counted at the end
// of its transaction, or up to some seconds later; a standby counts none. Changes runs one query in
// a transaction of its own, which the server aborts after a second.
func Changes(ctx context.Context, conn *pgx.Conn) (all []Changed, end LSN, err error) {
	fail := func(err error) ([]Changed, LSN, error) {
		return nil, 0, fmt.Errorf("count the changes of tables: %w", err)
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return fail(err)
	}
	// A server that hangs does not answer a rollback either; when ctx ends, the connection is closed,
	// which ends the transaction too.
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", countTime.Milliseconds())); err != nil {
		return fail(err)
	}
	// Each row also asks for the log's end, after the row's changes were counted. It is the position
	// of inserts, since a commit that nobody waited for (synchronous_commit=off) is counted before it
	// is written.
	rows, err := tx.Query(ctx, `WITH counted AS MATERIALIZED (
			SELECT oid, relnamespace, relname, relispartition, pg_stat_get_tuples_inserted(oid) +
				pg_stat_get_tuples_updated(oid) + pg_stat_get_tuples_deleted(oid) AS changes
			FROM pg_class WHERE relkind = 'r' AND relpersistence = 'p' AND oid >= '16384')
		SELECT n.nspname::text, c.relname::text, coalesce(rn.nspname::text, ''), coalesce(r.relname::text, ''), c.changes,
			(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END)::text
		FROM counted c JOIN pg_namespace n ON n.oid = c.relnamespace
			LEFT JOIN pg_class r ON c.relispartition AND r.oid = pg_catalog.pg_partition_root(c.oid)::oid
			LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
		WHERE c.changes > 0 ORDER BY c.oid LIMIT $1`, maxCounted)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c Changed
		var at string
		if err := rows.Scan(&c.Table.Schema, &c.Table.Name, &c.Root.Schema, &c.Root.Name, &c.Rows, &at); err != nil {
			return fail(err)
		}
		lsn, err := ParseLSN(at)
		if err != nil {
			return fail(err)
		}
		all, end = append(all, c), max(end, lsn)
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return all, end, nil
}
