package pgrepl

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is what a capture needs to know about a server before it starts.
type Server struct {
	// VersionNum is server_version_num, for instance 150018.
	VersionNum int
	WALLevel   string
	// SenderTimeout is wal_sender_timeout; 0 if the server never gives up on a silent client.
	SenderTimeout time.Duration
	InRecovery    bool
	// Encoding is the database's, for instance UTF8.
	Encoding string
	// MayReplicate says whether the role has REPLICATION, or is a superuser, or a member of rds_replication or the like.
	MayReplicate bool
}

// Major is the major version, for instance 15.
func (s Server) Major() int { return s.VersionNum / 10000 }

// InspectServer reads version, settings and rights.
func InspectServer(ctx context.Context, conn *pgx.Conn) (Server, error) {
	var s Server
	var num string
	var timeoutMS int64
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num'), current_setting('wal_level'),
		(SELECT setting::bigint FROM pg_settings WHERE name = 'wal_sender_timeout'), pg_is_in_recovery(),
		(SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user) OR EXISTS (
			SELECT 1 FROM pg_roles WHERE rolname IN ('rds_replication', 'rds_superuser', 'azure_pg_admin', 'cloudsqlsuperuser')
			AND pg_has_role(current_user, oid, 'MEMBER'))`).Scan(&num, &s.WALLevel, &timeoutMS, &s.InRecovery, &s.MayReplicate)
	if err != nil {
		return s, fmt.Errorf("read the server's settings: %w", err)
	}
	s.Encoding = Encoding(conn.PgConn())
	s.SenderTimeout = time.Duration(timeoutMS) * time.Millisecond
	s.VersionNum, err = strconv.Atoi(num)
	if err != nil {
		return s, fmt.Errorf("read the server's version %q: %w", num, err)
	}
	return s, nil
}

// Check returns the *Error that keeps this server from logical replication; nil if nothing does.
func (s Server) Check(user string) error {
	if err := s.CheckWAL(); err != nil {
		return err
	}
	return s.CheckRole(user)
}

// CheckWAL returns the *Error of a server whose log holds too little for logical decoding.
func (s Server) CheckWAL() error {
	if s.WALLevel != "logical" {
		return walLevel("check the server's settings", fmt.Errorf("wal_level is %q, not \"logical\"", s.WALLevel))
	}
	return nil
}

// CheckRole returns the *Error of a role that may not replicate.
func (s Server) CheckRole(user string) error {
	if !s.MayReplicate {
		return &Error{ReasonReplication, "check the rights of role " + QuoteIdent(user), errors.New("the role has no REPLICATION attribute"), replicationRemedy(user)}
	}
	return nil
}

// SlotState is a row of pg_replication_slots.
type SlotState struct {
	Name           string
	Plugin         string
	Database       string
	Active         bool
	ActivePID      int32
	RestartLSN     LSN
	ConfirmedFlush LSN
	// WALStatus is reserved, extended, unreserved or lost; empty before PostgreSQL 13.
	WALStatus string
	// SafeWAL is how many bytes may be written before the slot is lost; -1 if unlimited or unknown.
	SafeWAL int64
	// Retained is how many bytes of WAL the server keeps for the slot.
	Retained int64
	// Failover says that standbys keep the slot too (PostgreSQL 17).
	Failover bool
	// Conflicting says that a standby invalidated the slot since it conflicted with recovery (PostgreSQL 16).
	Conflicting bool
	// InactiveSince is since when nobody reads the slot; zero while somebody does, and before PostgreSQL 17.
	InactiveSince time.Time
	// Reader is who reads the slot, as an application's name and its address; empty if nobody does, or it may not be seen.
	Reader string
	// WaitEvent is what the process that reads the slot waits for, type:event; empty if it works or may not be seen.
	WaitEvent string
}

// SlotStatistics is a row of pg_stat_replication_slots: what decoding has cost since the statistics were reset.
type SlotStatistics struct {
	// Spilled transactions went to disk since logical_decoding_work_mem was full, streamed ones were sent while they ran. Times is how
	// often.
	SpilledTransactions, SpillTimes, SpilledBytes    int64
	StreamedTransactions, StreamTimes, StreamedBytes int64
	// TotalTransactions and TotalBytes are those of everything that was sent.
	TotalTransactions, TotalBytes int64
	// Reset is when the counts began; zero if they were never reset.
	Reset time.Time
}

// InspectSlotStatistics reads a slot's statistics; nil where there are none, as before PostgreSQL 14.
func InspectSlotStatistics(ctx context.Context, conn *pgx.Conn, server Server, name string) (*SlotStatistics, error) {
	if server.Major() < 14 {
		return nil, nil
	}
	var s SlotStatistics
	var reset *time.Time
	err := conn.QueryRow(ctx, `SELECT spill_txns, spill_count, spill_bytes, stream_txns, stream_count, stream_bytes, total_txns, total_bytes, stats_reset
		FROM pg_stat_replication_slots WHERE slot_name = $1`, name).Scan(
		&s.SpilledTransactions, &s.SpillTimes, &s.SpilledBytes, &s.StreamedTransactions, &s.StreamTimes, &s.StreamedBytes, &s.TotalTransactions, &s.TotalBytes, &reset)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the statistics of replication slot %q: %w", name, err)
	}
	if reset != nil {
		s.Reset = *reset
	}
	return &s, nil
}

// InspectSlot reads a slot's state; nil if there is no such slot.
func InspectSlot(ctx context.Context, conn *pgx.Conn, server Server, name string) (*SlotState, error) {
	status, safe, failover, conflicting, inactive := "''", "-1", "false", "false", "NULL::timestamptz"
	if server.Major() >= 13 {
		status, safe = "coalesce(wal_status, '')", "coalesce(safe_wal_size, -1)"
	}
	if server.Major() >= 16 {
		conflicting = "coalesce(conflicting, false)"
	}
	if server.Major() >= 17 {
		failover, inactive = "failover", "inactive_since"
	}
	now := "pg_current_wal_lsn()"
	if server.InRecovery {
		now = "pg_last_wal_receive_lsn()"
	}
	var s SlotState
	var restart, confirmed string
	var since *time.Time
	err := conn.QueryRow(ctx, fmt.Sprintf(`SELECT slot_name::text, coalesce(plugin::text, ''), coalesce(database::text, ''), active, coalesce(active_pid, 0),
		coalesce(restart_lsn::text, '0/0'), coalesce(confirmed_flush_lsn::text, '0/0'), %s, %s, coalesce(pg_wal_lsn_diff(%s, restart_lsn), 0)::bigint, %s, %s, %s,
		coalesce((SELECT a.wait_event_type || ':' || a.wait_event FROM pg_stat_activity a WHERE a.pid = active_pid), ''),
		coalesce((SELECT concat_ws(' at ', nullif(a.application_name, ''), host(a.client_addr)) FROM pg_stat_activity a WHERE a.pid = active_pid), '')
		FROM pg_replication_slots WHERE slot_name = $1`, status, safe, now, failover, conflicting, inactive), name).Scan(
		&s.Name, &s.Plugin, &s.Database, &s.Active, &s.ActivePID, &restart, &confirmed, &s.WALStatus, &s.SafeWAL, &s.Retained, &s.Failover, &s.Conflicting, &since, &s.WaitEvent, &s.Reader)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state of replication slot %q: %w", name, err)
	}
	if since != nil {
		s.InactiveSince = *since
	}
	if s.RestartLSN, err = ParseLSN(restart); err != nil {
		return nil, fmt.Errorf("read the state of replication slot %q: %w", name, err)
	}
	if s.ConfirmedFlush, err = ParseLSN(confirmed); err != nil {
		return nil, fmt.Errorf("read the state of replication slot %q: %w", name, err)
	}
	return &s, nil
}

// SlotName is what CheckSlot compares against a slot's state.
type SlotName struct {
	Name     string
	Plugin   string
	Database string
}

// CheckSlot compares a slot and a server with the position reached before. It returns the *Error that says why streaming
// from the slot would lose or repeat changes; nil if it would not. A nil slot is missing.
func CheckSlot(want SlotName, slot *SlotState, system System, at Position) error {
	op := fmt.Sprintf("resume from slot %q at %s", want.Name, at)
	if at.SystemID != "" && at.SystemID != system.ID {
		return &Error{ReasonSystemID, op, fmt.Errorf("the server's system identifier is %s, the position belongs to %s", system.ID, at.SystemID),
			"This is another server (restored, upgraded or swapped): point the connector back to the old one, or read all tables of this one: calypsoctl offsets reset <connector>."}
	}
	if slot == nil {
		return slotMissing(op, want.Name, errors.New("there is no such slot"))
	}
	if err := slot.check(op, want); err != nil {
		return err
	}
	if slot.ConfirmedFlush > at.Commit {
		return &Error{ReasonSlotAhead, op, fmt.Errorf("the slot is confirmed up to %s", slot.ConfirmedFlush),
			"Something else advanced or recreated the slot, so the changes in between can no longer be read. To accept the gap set offset.mismatch.strategy=trust_slot; to read all tables again: calypsoctl offsets reset <connector>, which says first what comes twice."}
	}
	if at.Timeline != 0 && at.Timeline != system.Timeline && !slot.Failover {
		return &Error{ReasonTimeline, op, fmt.Errorf("the server is on timeline %d, the position belongs to timeline %d", system.Timeline, at.Timeline),
			"A standby was promoted: changes near the switch may differ from what was delivered. Use failover slots (slot.failover=true, PostgreSQL 17), or accept with offset.mismatch.strategy=trust_slot, or read all tables again: calypsoctl offsets reset <connector>, which says first what comes twice."}
	}
	return nil
}

// CheckUsable returns the *Error that keeps anybody from streaming from the slot for want; nil if nothing does.
func (s *SlotState) CheckUsable(want SlotName) error {
	return s.check(fmt.Sprintf("use replication slot %q", want.Name), want)
}

// CheckFree returns the *Error that says who reads the slot; nil if nobody does. A connector asks before it compares positions,
// which the other reader moves on.
func (s *SlotState) CheckFree() error {
	if !s.Active {
		return nil
	}
	by := fmt.Sprintf("the server process %d", s.ActivePID)
	if s.Reader != "" {
		by += ", which serves " + s.Reader
	}
	return slotInUse(fmt.Sprintf("use replication slot %q", s.Name), s.Name, fmt.Errorf("the slot is active for %s", by))
}

func (s *SlotState) check(op string, want SlotName) error {
	if s.WALStatus == "lost" {
		return slotLost(op, want.Name, errors.New("wal_status is \"lost\""))
	}
	if s.Database != want.Database {
		return &Error{ReasonSlotDatabase, op, fmt.Errorf("the slot belongs to database %q", s.Database), "Set slot.name to a slot of this connector's own."}
	}
	if s.Plugin != want.Plugin {
		return &Error{ReasonSlotPlugin, op, fmt.Errorf("the slot's output plugin is %s, the connector wants %s", s.Plugin, want.Plugin),
			fmt.Sprintf("Set plugin.name=%s, or slot.name to a slot of this connector's own.", s.Plugin)}
	}
	return nil
}
