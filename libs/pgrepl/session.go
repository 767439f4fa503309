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

// System identifies the history to which LSNs belong.
type System struct {
	// ID is pg_control's system identifier.
	ID string
	// Timeline is the present timeline; 0 if it cannot be known.
	Timeline int32
	// WAL is the end of the flushed write-ahead log.
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

// Close ends the connection. After Start it does nothing, since the Stream owns the connection.
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
			// A pooler that ignores the replication parameter opens an ordinary connection, for which this
			// command is not SQL.
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

// NewSlot is a slot that was just created: the position where its stream starts, and the snapshot
// that shows the database at that position.
type NewSlot struct {
	Start LSN
	// Snapshot is the name for SET TRANSACTION SNAPSHOT.
	Snapshot string
}

// SlotOptions say what kind of slot CreateSlot creates.
type SlotOptions struct {
	Plugin string
	// Temporary makes a slot that vanishes with the session.
	Temporary bool
}

// CreateSlot creates a logical slot with CREATE_REPLICATION_SLOT and exports its snapshot. It waits
// for all transactions that are running at that time.
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

// DropSlot drops a slot that nobody reads.
func (s *Session) DropSlot(ctx context.Context, name string) error {
	if err := pglogrepl.DropReplicationSlot(ctx, s.conn, QuoteIdent(name),
		pglogrepl.DropReplicationSlotOptions{}); err != nil {
		return fmt.Errorf("drop replication slot %q: %w", name, err)
	}
	return nil
}

// KeepOnStandbys makes standbys with sync_replication_slots keep a slot too, which nobody may be
// reading (PostgreSQL 17).
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

// Start begins streaming from a slot at an LSN and turns the session into a Stream. The server
// starts at the slot's confirmed position if that is later: compare the two first (Resume).
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
			"If that is another connector, stop it, or set slot.name to a slot of this connector's own. If it is this connector's previous connection, for instance from a worker that is frozen or whose machine is gone, "+
				"the server drops it by itself after wal_sender_timeout; to do that at once: SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s;", QuoteLiteral(slot))}
}

// StreamError adds the reason to an error that ended a stream from a slot.
func StreamError(slot string, err error) error {
	return slotError(fmt.Sprintf("stream from slot %q", slot), slot, "", "", err)
}

// slotError adds the reason to the error of a slot command. PostgreSQL uses one SQLSTATE for many
// refusals; if the place in its source does not tell which one it is, the error gets no reason.
func slotError(op, slot, plugin, user string, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fmt.Errorf("%s: %w", op, err)
	}
	cause := serverError(pg)
	switch {
	case pg.Code == "55006":
		return slotInUse(op, slot, cause)
	case raised(pg, "42704", "ReplicationSlotAcquire", "ReplicationSlotAcquireInternal"):
		return slotMissing(op, slot, cause)
	case raised(pg, "42704", "get_publication_oid", "GetPublicationByName"):
		return &Error{ReasonPublication, op, cause,
			fmt.Sprintf(
				"The server looks up the publication in its catalog as of each change: one that was dropped, or was created later than the first change that the slot still holds, stays missing for these changes, even once it is created again. "+
					"To continue without them: calypsoctl stop <connector>; SELECT pg_drop_replication_slot(%s); calypsoctl offsets reset <connector>, which first says what comes twice; calypsoctl resume <connector>, which creates publication and slot and reads all tables again.", QuoteLiteral(slot))}
	case raised(pg, "58P01", "internal_load_library", "find_in_dynamic_libpath", "find_in_path"):
		return &Error{ReasonPluginMissing, op, cause,
			fmt.Sprintf("The server has no output plugin %q: set plugin.name=pgoutput, which every server has.", plugin)}
	case raised(pg, "55000", "StartLogicalReplication", "CreateDecodingContext", "ReplicationSlotAcquire",
		"RaiseSlotInvalidationError", "pg_logical_slot_get_changes_guts"),
		raised(pg, "58P01", "WalSndSegmentOpen", "wal_segment_open"):
		return slotLost(op, slot, cause)
	case pg.Code == "55000" && strings.Contains(pg.Message, "wal_level"): // which no language translates
		return walLevel(op, cause)
	case refusesPlugin(pg):
		return pluginRefused(op, plugin, user, cause)
	case raised(pg, "42501", "CheckSlotPermissions", "check_permissions"):
		return &Error{ReasonReplication, op, cause, replicationRemedy(user)}
	case pg.Code == "53400" || (pg.Code == "55000" && strings.Contains(pg.Message, "max_replication_slots")):
		return fmt.Errorf(
			"%s: %w. Raise max_replication_slots, or drop a slot that nobody uses (SELECT pg_drop_replication_slot(…))", op,
			cause)
	}
	return fmt.Errorf("%s: %w", op, err)
}

func slotMissing(op, slot string, cause error) *Error {
	return &Error{ReasonSlotMissing, op, cause,
		fmt.Sprintf("The slot %q is gone, and with it the record of which changes were not read yet. "+
			"To accept the gap and read all tables again: calypsoctl offsets reset <connector> (DELETE /connectors/<name>/offsets of a stopped one), which first says what comes twice; snapshot.mode=when_needed does that by itself.", slot)}
}

func slotLost(op, slot string, cause error) error {
	return &Error{ReasonSlotLost, op, cause,
		fmt.Sprintf("The server removed write-ahead log that slot %q still needed (max_slot_wal_keep_size). "+
			"Drop it with SELECT pg_drop_replication_slot(%s);, then calypsoctl offsets reset <connector> to read all tables again, which first says what comes twice; to prevent this in future raise max_slot_wal_keep_size.", slot, QuoteLiteral(slot))}
}

func walLevel(op string, cause error) error {
	return &Error{ReasonWALLevel, op, cause,
		"Run ALTER SYSTEM SET wal_level = logical; and restart the server (on Azure Database for PostgreSQL set the server parameter wal_level, on Amazon RDS rds.logical_replication = 1)."}
}
