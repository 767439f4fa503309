package pgrepl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

// Session is a replication connection before streaming. It is used by one goroutine.
//
// A snapshot exported by CreateSlot lives until the session's next command or its end.
type Session struct {
	cfg    Config
	conn   *pgconn.PgConn
	frames *frameReader
}

// System identifies the history that LSNs belong to.
type System struct {
	// ID is pg_control's system identifier.
	ID string
	// Timeline is the present one; 0 if it is not to be known.
	Timeline int32
	// WAL is the end of the write-ahead log that the server has flushed.
	WAL LSN
}

// OpenSession connects with the replication protocol.
func OpenSession(ctx context.Context, c Config) (*Session, error) {
	conn, frames, err := c.connectReplication(ctx)
	if err != nil {
		return nil, err
	}
	return &Session{cfg: c, conn: conn, frames: frames}, nil
}

// Close ends the connection; safe after Start.
func (s *Session) Close(ctx context.Context) {
	if s.conn != nil {
		s.conn.Close(ctx)
	}
}

// Identify asks the server who it is (IDENTIFY_SYSTEM).
func (s *Session) Identify(ctx context.Context) (System, error) {
	var r pglogrepl.IdentifySystemResult
	op := "identify the system of " + s.cfg.Addresses()
	err := s.cfg.prompt(ctx, op, func(ctx context.Context) (err error) {
		r, err = pglogrepl.IdentifySystem(ctx, s.conn)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42601" {
			// A pooler that ignores what asks for a replication connection makes an ordinary one, to which this is no SQL.
			return &Error{ReasonPooler, op, serverError(pg), poolerRemedy}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		return nil
	})
	if err != nil {
		return System{}, err
	}
	return System{ID: r.SystemID, Timeline: r.Timeline, WAL: r.XLogPos}, nil
}

// NewSlot is a slot just created: where its stream starts and the snapshot that shows the database at that point.
type NewSlot struct {
	Start LSN
	// Snapshot is the name for SET TRANSACTION SNAPSHOT.
	Snapshot string
}

// SlotOptions say what sort of slot CreateSlot makes.
type SlotOptions struct {
	Plugin string
	// Temporary slots vanish with the session.
	Temporary bool
}

// CreateSlot creates a logical slot with CREATE_REPLICATION_SLOT and exports its snapshot. It waits
// for all transactions that run at the time.
func (s *Session) CreateSlot(ctx context.Context, name string, o SlotOptions) (NewSlot, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE_REPLICATION_SLOT %s", QuoteIdent(name))
	if o.Temporary {
		b.WriteString(" TEMPORARY")
	}
	fmt.Fprintf(&b, " LOGICAL %s EXPORT_SNAPSHOT", QuoteIdent(o.Plugin))
	r, err := pglogrepl.ParseCreateReplicationSlot(s.conn.Exec(ctx, b.String()))
	if err != nil {
		return NewSlot{}, slotError(fmt.Sprintf("create replication slot %q with plugin %s", name, o.Plugin), name, o.Plugin,
			s.cfg.User, err)
	}
	start, err := ParseLSN(r.ConsistentPoint)
	if err != nil {
		return NewSlot{}, fmt.Errorf("create replication slot %q: consistent point %q: %w", name, r.ConsistentPoint, err)
	}
	return NewSlot{Start: start, Snapshot: r.SnapshotName}, nil
}

// DropSlot drops a slot that nobody uses.
func (s *Session) DropSlot(ctx context.Context, name string) error {
	if err := pglogrepl.DropReplicationSlot(ctx, s.conn, QuoteIdent(name),
		pglogrepl.DropReplicationSlotOptions{}); err != nil {
		return fmt.Errorf("drop replication slot %q: %w", name, err)
	}
	return nil
}

// KeepOnStandbys makes a slot that nobody reads one that standbys with sync_replication_slots keep
// as well (PostgreSQL 17).
func (s *Session) KeepOnStandbys(ctx context.Context, slot string) error {
	op := fmt.Sprintf("have standbys keep replication slot %q", slot)
	return s.cfg.prompt(ctx, op, func(ctx context.Context) error {
		if err := s.conn.Exec(ctx, fmt.Sprintf("ALTER_REPLICATION_SLOT %s (FAILOVER true)",
			QuoteIdent(slot))).Close(); err != nil {
			return slotError(op, slot, "", s.cfg.User, err)
		}
		return nil
	})
}

// Start begins streaming from a slot at an LSN and turns the session into a Stream. The server starts at the slot's
// confirmed position if that is later: compare before (Resume).
func (s *Session) Start(ctx context.Context, slot string, at LSN, pluginArgs []string) (*Stream, error) {
	op := fmt.Sprintf("start replication from slot %q at %s", slot, at)
	err := s.cfg.prompt(ctx, op, func(ctx context.Context) error {
		err := pglogrepl.StartReplication(ctx, s.conn, QuoteIdent(slot), at,
			pglogrepl.StartReplicationOptions{Mode: pglogrepl.LogicalReplication, PluginArgs: pluginArgs})
		if err != nil {
			return slotError(op, slot, "", s.cfg.User, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	h, err := s.conn.Hijack()
	if err != nil {
		return nil, fmt.Errorf("take over the replication connection: %w", err)
	}
	s.conn = nil
	return newStream(h.Conn, s.frames.r, at), nil
}

func slotInUse(op, slot string, cause error) error {
	return &Error{ReasonSlotInUse, op, cause,
		fmt.Sprintf(
			"If that is another connector, stop it, or set slot.name to a slot of this connector's own. If it is this connector's last connection, as of a worker that is frozen or whose machine is gone, "+
				"the server lets it go by itself after wal_sender_timeout; at once: SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s;", QuoteLiteral(slot))}
}

// StreamError gives what ends a stream from a slot its reason.
func StreamError(slot string, err error) error {
	return slotError(fmt.Sprintf("stream from slot %q", slot), slot, "", "", err)
}

// slotError gives a failed slot command its reason. PostgreSQL has one SQLSTATE for many refusals:
// where no text or place of origin tells which one it is, no reason is made up.
func slotError(op, slot, plugin, user string, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fmt.Errorf("%s: %w", op, err)
	}
	cause := serverError(pg)
	switch {
	case pg.Code == "55006":
		return slotInUse(op, slot, cause)
	case pg.Code == "42704" && strings.Contains(pg.Message, "replication slot"):
		return slotMissing(op, slot, cause)
	case pg.Code == "42704" && strings.Contains(pg.Message, "publication"):
		return &Error{ReasonPublication, op, cause,
			fmt.Sprintf(
				"The server looks for the publication in its catalog as of each change: one that was dropped, or was made later than the first change that the slot still holds, stays missing for these changes, even once it is made again. "+
					"To go on without them: calypsoctl stop <connector>; SELECT pg_drop_replication_slot(%s); calypsoctl offsets reset <connector>, which says first what comes twice; calypsoctl resume <connector>, which makes publication and slot and reads all tables again.", QuoteLiteral(slot))}
	case pg.Code == "58P01" || (pg.Code == "XX000" && strings.Contains(pg.Message, "could not access file")):
		return &Error{ReasonPluginMissing, op, cause,
			fmt.Sprintf("The server has no output plugin %q: set plugin.name=pgoutput, which every server has.", plugin)}
	case pg.Code == "55000" && (strings.Contains(pg.Message, "can no longer get changes") ||
		strings.Contains(pg.Message, "invalidated")):
		return slotLost(op, slot, cause)
	case pg.Code == "55000" && strings.Contains(pg.Message, "requested WAL segment"),
		strings.Contains(pg.Message, "has already been removed"):
		return slotLost(op, slot, cause)
	case pg.Code == "55000" && (strings.Contains(pg.Message, "wal_level") ||
		strings.Contains(pg.Message, "effective_wal_level")):
		return walLevel(op, cause)
	case refusesPlugin(pg):
		return pluginRefused(op, plugin, user, cause)
	case pg.Code == "42501" && (pg.Routine == "CheckSlotPermissions" || strings.Contains(pg.Message, "replication")):
		return &Error{ReasonReplication, op, cause, replicationRemedy(user)}
	case pg.Code == "53400" || (pg.Code == "55000" && strings.Contains(pg.Message, "max_replication_slots")):
		return fmt.Errorf(
			"%s: %w. Raise max_replication_slots or drop a slot that nobody uses (SELECT pg_drop_replication_slot(…))", op,
			cause)
	}
	return fmt.Errorf("%s: %w", op, err)
}

func slotMissing(op, slot string, cause error) *Error {
	return &Error{ReasonSlotMissing, op, cause,
		fmt.Sprintf("The slot %q is gone and with it the record of which changes were not read yet. "+
			"To accept the gap and read all tables again: calypsoctl offsets reset <connector> (DELETE /connectors/<name>/offsets of a stopped one), which says first what comes twice; snapshot.mode=when_needed does that by itself.", slot)}
}

func slotLost(op, slot string, cause error) error {
	return &Error{ReasonSlotLost, op, cause,
		fmt.Sprintf("The server removed write-ahead log that slot %q still needed (max_slot_wal_keep_size). "+
			"Drop it with SELECT pg_drop_replication_slot(%s);, then calypsoctl offsets reset <connector> to read all tables again, which says first what comes twice; raise max_slot_wal_keep_size against a repetition.", slot, QuoteLiteral(slot))}
}

func walLevel(op string, cause error) error {
	return &Error{ReasonWALLevel, op, cause,
		"Run ALTER SYSTEM SET wal_level = logical; and restart the server (on Azure Database for PostgreSQL set the server parameter wal_level, on Amazon RDS rds.logical_replication = 1)."}
}
