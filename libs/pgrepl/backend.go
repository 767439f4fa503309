package pgrepl

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Backend is the server's process that serves a connection.
type Backend struct {
	PID int32
	// server identifies the server and its run, since it was last started.
	server string
	// pooled is true if a pooler is in between, which may have another process serve the connection at
	// any time.
	pooled bool
}

const thisServer = "pg_catalog.concat_ws(' ', inet_server_addr(), inet_server_port(), pg_postmaster_start_time())"

// BackendOf asks the server which of its processes serves a connection.
func (c Config) BackendOf(ctx context.Context, conn *pgx.Conn) (b Backend, err error) {
	const op = "ask which process of the server serves the connection"
	err = c.prompt(ctx, op, func(ctx context.Context) error {
		if err := conn.QueryRow(ctx, "SELECT pg_backend_pid(), "+thisServer).Scan(&b.PID, &b.server); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	b.pooled = conn.PgConn().PID() != uint32(b.PID) // poolers make up process ids
	return b, nil
}

// ErrBackendGone means that the process that served a connection has ended: nothing more will come
// over the connection.
var ErrBackendGone = errors.New("the server's process has ended")

// Doing asks the server, over another connection, what the process is doing. It returns part of a
// sentence and a remedy; both are empty if the other connection reached another server.
func (b Backend) Doing(ctx context.Context, conn *pgx.Conn) (what, remedy string, err error) {
	var server, event string
	var state *string
	var there bool
	var blockers []int32
	err = conn.QueryRow(ctx,
		"SELECT "+thisServer+
			", a.pid IS NOT NULL, a.state, coalesce(a.wait_event_type || ' ' || a.wait_event, ''), pg_blocking_pids(p.pid) FROM (SELECT $1::int AS pid) p LEFT JOIN pg_stat_activity a ON a.pid = p.pid", b.PID).
		Scan(&server, &there, &state, &event, &blockers)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("ask what process %d of the server does: %w", b.PID, err)
	case server != b.server || b.pooled && !there:
		return "", "", nil
	case !there:
		return "", "", fmt.Errorf("process %d: %w", b.PID, ErrBackendGone)
	}
	what, ends := fmt.Sprintf("its process %d is ", b.PID), b.PID
	switch {
	case len(blockers) > 0 && blockers[0] == 0:
		return what + "held up by a lock of a prepared transaction",
			"Find it with SELECT * FROM pg_prepared_xacts; and COMMIT PREPARED or ROLLBACK PREPARED it, as its coordinator decides.", nil
	case len(blockers) > 0:
		what, ends = what+fmt.Sprintf("held up by a lock of process %d", blockers[0]), blockers[0]
	case event != "":
		what += "waiting for " + event
	case state == nil:
		what += "there"
	default:
		what += *state
	}
	return what, fmt.Sprintf("If it does not go on: SELECT pg_terminate_backend(%d);", ends), nil
}
