package pgrepl

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// endless lifts the limits that roles, databases and servers set for other sessions' sake: a
// snapshot may take days and hold one transaction open meanwhile, and a session may wait for long.
// Only settings that the server has are named in its view.
const endless = `SELECT set_config(name, '0', false) FROM pg_settings
	WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout') AND setting <> '0'`

// liftLimits runs endless on a connection, ordinary or of replication.
func liftLimits(ctx context.Context, conn *pgconn.PgConn) error {
	if _, err := conn.Exec(ctx, endless).ReadAll(); err != nil {
		return fmt.Errorf("lift the session's timeouts: %w", err)
	}
	return nil
}
