package pgrepl

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// endless lifts the time limits that roles, databases and servers have for ordinary sessions: a
// snapshot may take days in one open transaction, and a session may wait long. It selects from
// pg_settings since a server may lack some of these settings. Everything is named with its schema
// since the search_path is still the user's.
const endless = `SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
	WHERE name OPERATOR(pg_catalog.=) ANY (ARRAY['statement_timeout', 'lock_timeout',
		'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout'])
	AND setting OPERATOR(pg_catalog.<>) '0'`

// liftLimits runs endless on an ordinary or a replication connection.
func liftLimits(ctx context.Context, conn *pgconn.PgConn) error {
	if _, err := conn.Exec(ctx, endless).ReadAll(); err != nil {
		return fmt.Errorf("lift the session's timeouts: %w", err)
	}
	return nil
}
