package pgrepl

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server holds what a capture needs to know about a server before it starts.
type Server struct {
	// VersionNum is server_version_num, for instance 150018.
	VersionNum int
	WALLevel   string
	// SenderTimeout is wal_sender_timeout; 0 if the server never drops a silent client.
	SenderTimeout time.Duration
	InRecovery    bool
	// Encoding is the database's encoding, for instance UTF8.
	Encoding string
}

// KeepsSlots reports whether the server can create slots that standbys keep too.
func (s Server) KeepsSlots() bool { return s.Major() >= 17 && !s.InRecovery }

// Major returns the major version, for instance 15.
func (s Server) Major() int { return s.VersionNum / 10000 }

// InspectServer reads version and settings.
func InspectServer(ctx context.Context, conn *pgx.Conn) (Server, error) {
	var s Server
	var num string
	var timeoutMS int64
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num'), current_setting('wal_level'),
		(SELECT setting::bigint FROM pg_settings WHERE name = 'wal_sender_timeout'), pg_is_in_recovery()`).Scan(&num,
		&s.WALLevel, &timeoutMS, &s.InRecovery)
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

// CheckWAL returns the *Error for a server whose log holds too little for logical decoding.
func (s Server) CheckWAL() error {
	if s.WALLevel != "logical" {
		return walLevel("check the server's settings", fmt.Errorf("wal_level is %q, not \"logical\"", s.WALLevel))
	}
	return nil
}

// CheckStandby returns the *Error for a standby from which nothing can be captured; nil for others
// and for a primary. slot may be nil.
func (s Server) CheckStandby(slot *SlotState) error {
	const op = "capture from a standby"
	switch {
	case s.InRecovery && s.Major() < 16:
		return &Error{ReasonStandby, op,
			fmt.Errorf("the server is in recovery, and PostgreSQL %d decodes its log on primaries only (standbys do from 16 on)",
				s.Major()), primaryRemedy}
	case s.InRecovery && slot != nil && slot.Synced:
		return &Error{ReasonStandby, op, fmt.Errorf("slot %q is the primary's, which this standby keeps for its promotion",
			slot.Name), primaryRemedy + " To capture the standby itself, set slot.name to a slot of its own."}
	}
	return nil
}

const primaryRemedy = "Set database.hostname to the primary: a name that follows it, or all servers separated by commas, of which the one that accepts writes is used."

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
	// Failover is true if standbys keep the slot too (PostgreSQL 17).
	Failover bool
	// Synced is true if this is a standby's copy of the primary's slot, or was one before the
	// promotion (PostgreSQL 17).
	Synced bool
	// Conflicting is true if a standby invalidated the slot because it conflicted with recovery
	// (PostgreSQL 16).
	Conflicting bool
	// InactiveSince is since when nobody has read the slot; zero while somebody does, and before
	// PostgreSQL 17.
	InactiveSince time.Time
	// Reader is the application's name and address of the client that reads the slot; empty if there
	// is none, or if the role may not see it.
	Reader string
	// WaitEvent is what the server's process for the slot waits for, as type:event; empty if it does
	// not wait, or if the role may not see it.
	WaitEvent string
}

// SlotStatistics is a row of pg_stat_replication_slots: what decoding cost since the statistics
// were reset.
type SlotStatistics struct {
	// Spilled transactions went to disk because logical_decoding_work_mem was full, streamed ones were
	// sent while they ran. Times counts how often that happened.
	SpilledTransactions, SpillTimes, SpilledBytes    int64
	StreamedTransactions, StreamTimes, StreamedBytes int64
	// TotalTransactions and TotalBytes count everything that was sent.
	TotalTransactions, TotalBytes int64
	// Reset is when the counts began; zero if they were never reset.
	Reset time.Time
}

// InspectSlotStatistics reads a slot's statistics; nil if there are none, as before PostgreSQL 14.
func InspectSlotStatistics(ctx context.Context, conn *pgx.Conn, server Server, name string) (*SlotStatistics, error) {
	if server.Major() < 14 {
		return nil, nil
	}
	var s SlotStatistics
	var reset *time.Time
	err := conn.QueryRow(ctx,
		`SELECT spill_txns, spill_count, spill_bytes, stream_txns, stream_count, stream_bytes, total_txns, total_bytes, stats_reset
		FROM pg_stat_replication_slots WHERE slot_name = $1`, name).Scan(
		&s.SpilledTransactions, &s.SpillTimes, &s.SpilledBytes, &s.StreamedTransactions, &s.StreamTimes, &s.StreamedBytes,
		&s.TotalTransactions, &s.TotalBytes, &reset)
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
	status, safe, failover, synced, conflicting, inactive := "''", "-1", "false", "false", "false", "NULL::timestamptz"
	if server.Major() >= 13 {
		status, safe = "coalesce(wal_status, '')", "coalesce(safe_wal_size, -1)"
	}
	if server.Major() >= 16 {
		conflicting = "coalesce(conflicting, false)"
	}
	if server.Major() >= 17 {
		failover, synced, inactive = "failover", "synced", "inactive_since"
	}
	now := "pg_current_wal_lsn()"
	if server.InRecovery {
		now = "pg_last_wal_receive_lsn()"
	}
	var s SlotState
	var restart, confirmed string
	var since *time.Time
	err := conn.QueryRow(ctx,
		fmt.Sprintf(
			`SELECT slot_name::text, coalesce(plugin::text, ''), coalesce(database::text, ''), active, coalesce(active_pid, 0),
		coalesce(restart_lsn::text, '0/0'), coalesce(confirmed_flush_lsn::text, '0/0'), %s, %s, coalesce(pg_wal_lsn_diff(%s, restart_lsn), 0)::bigint, %s, %s, %s, %s,
		coalesce((SELECT a.wait_event_type || ':' || a.wait_event FROM pg_stat_activity a WHERE a.pid = active_pid), ''),
		coalesce((SELECT pg_catalog.concat_ws(' at ', nullif(a.application_name, ''), host(a.client_addr)) FROM pg_stat_activity a WHERE a.pid = active_pid), '')
		FROM pg_replication_slots WHERE slot_name = $1`, status, safe, now, failover, synced, conflicting, inactive),
		name).Scan(
		&s.Name, &s.Plugin, &s.Database, &s.Active, &s.ActivePID, &restart, &confirmed, &s.WALStatus, &s.SafeWAL, &s.Retained,
		&s.Failover, &s.Synced, &s.Conflicting, &since, &s.WaitEvent, &s.Reader)
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

// SlotName is the slot that a connector wants, to be compared with a slot's state.
type SlotName struct {
	Name     string
	Plugin   string
	Database string
}

// EndOfLog returns where the log of a primary ends.
func EndOfLog(ctx context.Context, conn *pgx.Conn) (LSN, error) {
	var end string
	// What is inserted and not flushed counts: after a switch of segments the stream's position is the
	// beginning of the next one.
	if err := conn.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&end); err != nil {
		return 0, fmt.Errorf("ask where the server's log ends: %w", err)
	}
	return ParseLSN(end)
}

// Resume compares a slot and a server with the position reached before. It returns the position
// from which the stream continues with nothing lost or repeated, or the *Error that says why there
// is none. slot is nil if it does not exist. timelines is the server's history, needed if it is on
// another timeline than the position. A position beyond the end of the system's log counts as one
// of another history, unless that end or the system's timeline is 0.
func Resume(want SlotName, slot *SlotState, system System, timelines Timelines, at Position) (Position, error) {
	op := fmt.Sprintf("resume from slot %q at %s", want.Name, at)
	if at.SystemID != "" && at.SystemID != system.ID {
		return at, &Error{ReasonSystemID, op, fmt.Errorf("the server's system identifier is %s, the position belongs to %s",
			system.ID, at.SystemID),
			"This is another server (restored, upgraded or replaced): point the connector back to the old one, or read all tables of this one: calypsoctl offsets reset <connector>."}
	}
	promoted := Promoted(system, at)
	if slot == nil {
		missing := slotMissing(op, want.Name, errors.New("there is no such slot"))
		if promoted {
			missing.Err = fmt.Errorf("there is no such slot since a standby was promoted (timeline %d, before %d)",
				system.Timeline, at.Timeline)
			missing.Remedy += " To prevent this in future, let standbys keep the slot: " + failoverRemedy
		}
		return at, missing
	}
	if err := slot.check(op, want); err != nil {
		return at, err
	}
	if promoted {
		fork, known := timelines.left(at.Timeline)
		if !known {
			return at, &Error{ReasonTimeline, op,
				fmt.Errorf("the server is on timeline %d, whose history has no timeline %d, which the position belongs to",
					system.Timeline, at.Timeline),
				"The server was restored, or is a primary from before a promotion: point the connector to the present primary. To continue on this server set offset.mismatch.strategy=trust_slot, after which changes since the slot's position may come twice; or read all tables again: calypsoctl offsets reset <connector>, which first says what comes twice."}
		}
		if end := at.delivered(); end > fork {
			cause := fmt.Errorf(
				"a standby was promoted that had the log up to %s only (timeline %d, before %d), and changes up to %s were delivered", fork, system.Timeline, at.Timeline, end)
			if end == UnknownEnd {
				cause = fmt.Errorf(
					"a standby was promoted (timeline %d, before %d), and it is not known whether it had a transaction that was delivered in part", system.Timeline, at.Timeline)
			}
			return at, &Error{ReasonTimeline, op, cause,
				"Changes delivered beyond it never happened on this server. To continue where the histories part, with nothing of this server lost or repeated, set offset.mismatch.strategy=trust_greater_lsn; the changes that the promotion undid stay in the topics (calypsoctl verify names the rows). " +
					"To prevent this in future set synchronized_standby_slots (PostgreSQL 17), which sends no change before the standby has it."}
		}
		at, _ = timelines.Common(at)
	}
	if system.Timeline != 0 && system.WAL != 0 && at.Commit > system.WAL {
		return at, &Error{ReasonTimeline, op, fmt.Errorf("the server's log ends at %s, before the position", system.WAL),
			"The server was restored to an earlier state, or the position was set by hand: the server would leave out all changes up to it. To continue at the slot's position set offset.mismatch.strategy=trust_slot, after which changes since then may come twice; set the right position: calypsoctl offsets set <connector>; or read all tables again: calypsoctl offsets reset <connector>, which first says what comes twice."}
	}
	if slot.ConfirmedFlush > at.Commit {
		return at, &Error{ReasonSlotAhead, op, fmt.Errorf("the slot is confirmed up to %s", slot.ConfirmedFlush),
			"Something else advanced or recreated the slot, so the changes in between can no longer be read. To accept the gap set offset.mismatch.strategy=trust_greater_lsn; to read all tables again: calypsoctl offsets reset <connector>, which first says what comes twice."}
	}
	if at.Timeline != 0 && system.Timeline != 0 {
		at.Timeline = system.Timeline
	}
	return at, nil
}

// Promoted reports whether the server is on another timeline than the position; false if either is
// unknown.
func Promoted(system System, at Position) bool {
	return at.Timeline != 0 && system.Timeline != 0 && at.Timeline != system.Timeline
}

// failoverRemedy says how a slot can survive a promotion.
const failoverRemedy = "from PostgreSQL 17 on with slot.failover=true (the default) and with sync_replication_slots and hot_standby_feedback on the standby, before 17 with the extension pg_failover_slots or Patroni's permanent slots."

// CheckUsable returns the *Error if nobody can stream from the slot as want requires; nil
// otherwise.
func (s *SlotState) CheckUsable(want SlotName) error {
	return s.check(fmt.Sprintf("use replication slot %q", want.Name), want)
}

// CheckLog returns the *Error of a slot that was confirmed beyond the end of the system's log, of
// which nobody can read what is written until the log gets there; nil if it was not, or if that end
// or the timeline is 0.
func (s *SlotState) CheckLog(system System) error {
	if system.Timeline == 0 || system.WAL == 0 || s.ConfirmedFlush <= system.WAL {
		return nil
	}
	return &Error{ReasonSlotAhead, fmt.Sprintf("use replication slot %q", s.Name),
		fmt.Errorf("the slot is confirmed up to %s, and the server's log ends at %s", s.ConfirmedFlush, system.WAL),
		fmt.Sprintf("The slot gives no change until the log gets there. Drop it: SELECT pg_drop_replication_slot(%s); then read all tables again: calypsoctl offsets reset <connector>, which first says what comes twice.", QuoteLiteral(s.Name))}
}

// CheckFree returns the *Error that says who reads the slot; nil if nobody does. A connector checks
// this before it compares positions, since another reader would move the slot's.
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
	if s.Plugin == "" {
		return &Error{ReasonSlotPlugin, op, errors.New("it is a physical slot, like those of standbys, from which no changes can be read"),
			"Set slot.name to a slot of this connector's own."}
	}
	if s.Database != want.Database {
		return &Error{ReasonSlotDatabase, op, fmt.Errorf("the slot belongs to database %q", s.Database),
			"Set slot.name to a slot of this connector's own."}
	}
	if s.Plugin != want.Plugin {
		return &Error{ReasonSlotPlugin, op, fmt.Errorf("the slot's output plugin is %s, the connector wants %s",
			s.Plugin, want.Plugin),
			otherPlugin(s.Plugin)}
	}
	return nil
}

// otherPlugin says what to do about a slot of another plugin than the connector's, which may be one
// that no connector can read.
func otherPlugin(plugin string) string {
	if plugin == "pgoutput" || plugin == "decoderbufs" || strings.HasPrefix(plugin, "wal2json") {
		return fmt.Sprintf("Set plugin.name=%s, or slot.name to a slot of this connector's own.", plugin)
	}
	return "Set slot.name to a slot of this connector's own: no connector reads what " + plugin + " sends."
}
