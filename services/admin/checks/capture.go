package checks

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/shell"
)

// judgeCapture looks at what capture is doing; known is false if no worker needs to run it.
func judgeCapture(p *adminv1.Pipeline) (f finding, known bool) {
	c := p.Capture
	if c == nil {
		running := p.SourceStatus.GetState() == connectorv1.State_STATE_RUNNING
		return finding{notice, "no worker says yet what it does for connector " + p.Source,
			"calypsoctl get services"}, running
	}
	describe := "calypsoctl describe " + shell.Quote(p.Source)
	switch c.Phase {
	case capturev1.Phase_PHASE_UNSPECIFIED: // only its slot is watched
		if c.Slot != nil {
			return finding{}, false
		}
		return finding{warning, Sentence(c.Reason), cmp.Or(remedyOf(c.Reason, "database.sslrootcert"), remedyWithin(c.Reason),
			"see that the worker can reach the server")}, true
	case capturev1.Phase_PHASE_CONNECTING:
		return finding{warning, "capture connects: " + Sentence(c.Reason), describe}, true
	case capturev1.Phase_PHASE_RETRYING:
		remedy := cmp.Or(remedyOf(c.Reason, "database.sslrootcert (or the worker's CALYPSO_KAFKA_TLS_CA for the brokers)"),
			remedyWithin(c.Reason), "see that the server and the brokers can be reached from the worker")
		const byItself = "it goes on by itself"
		if !strings.Contains(remedy, byItself) {
			remedy = strings.TrimRight(remedy, ".;") + "; " + byItself
		}
		return finding{warning, "capture tries again: " + Sentence(c.Reason), remedy}, true
	case capturev1.Phase_PHASE_FAILED:
		return judgeState(p.Source, "capture", connectorv1.State_STATE_FAILED, c.Reason), true
	}
	return fine(fmt.Sprintf("capture reads changes; it has reconnected %s", count(int(c.Reconnects), "time"))), true
}

// judgeSnapshot looks at the snapshot before streaming.
func judgeSnapshot(c *capturev1.Capture) finding {
	if c.GetPhase() != capturev1.Phase_PHASE_SNAPSHOTTING {
		return fine("no snapshot holds the stream up")
	}
	done := 0
	for _, t := range c.Snapshots {
		if !t.Completed {
			return finding{notice, fmt.Sprintf("snapshot of %s: %s", t.Table, rows(t.RowsDone, t.RowsEstimated)),
				"calypsoctl snapshot progress " + shell.Quote(c.Connector)}
		}
		done++
	}
	return finding{notice, fmt.Sprintf("snapshot: %d of %s", done, count(len(c.Snapshots), "table")), ""}
}

func rows(done, estimated int64) string {
	if estimated >= 0 {
		return fmt.Sprintf("%d of about %d rows", done, estimated)
	}
	return fmt.Sprintf("%d rows", done)
}

// judgeIncremental looks at snapshots that run alongside the stream; any is false if there is none.
func judgeIncremental(source string, s *capturev1.IncrementalSnapshot) (f finding, any bool) {
	waiting := 0
	var reading string
	for _, t := range s.GetTables() {
		switch t.State {
		case capturev1.IncrementalTable_STATE_FAILED:
			return finding{warning, fmt.Sprintf("the incremental snapshot of %s failed: %s", t.Table, Sentence(t.Reason)),
				fmt.Sprintf("fix it, then: calypsoctl snapshot start %s --table %s", shell.Quote(source), shell.Quote(t.Table))}, true
		case capturev1.IncrementalTable_STATE_READING:
			reading = fmt.Sprintf("incremental snapshot of %s: %s", t.Table, rows(t.RowsDone, t.RowsEstimated))
		case capturev1.IncrementalTable_STATE_WAITING:
			waiting++
		}
	}
	switch {
	case reading == "" && waiting == 0:
		return finding{}, false
	case s.Paused:
		return finding{notice, "the incremental snapshot is paused",
			"calypsoctl snapshot resume " + shell.Quote(source)}, true
	case waiting > 0:
		return finding{notice, strings.TrimPrefix(fmt.Sprintf("%s; %s more", reading,
			Plural(waiting, "table waits", "tables wait")), "; "), ""}, true
	}
	return finding{notice, reading, ""}, true
}

// unmade is the confirmed position of a slot whose creation has not finished.
const unmade = "0/0"

// judgeSlot looks at the replication slot itself. PostgreSQL manual, view pg_replication_slots:
// unreserved is about to be removed at the next checkpoint.
func judgeSlot(p *adminv1.Pipeline) finding {
	slot := p.Capture.Slot
	again := fmt.Sprintf("calypsoctl offsets reset %s, which says what comes twice and takes a new snapshot", shell.Quote(p.Source))
	switch {
	case slot.Missing && p.Capture.DurableLsn == "":
		return fine(fmt.Sprintf("slot %s does not exist yet: the first start makes it", slot.Name))
	case slot.Missing:
		return finding{failure,
			fmt.Sprintf(
				"the server no longer has the slot %s: changes since it went are missing (somebody dropped it, or the server by itself: Azure does when nobody reads it and storage gets tight)", slot.Name), again}
	case slot.ConfirmedFlushLsn == unmade && p.Capture.DurableLsn == "":
		return fine(fmt.Sprintf("slot %s is being made", slot.Name))
	case slot.Conflicting, slot.WalStatus == "lost":
		return finding{failure, fmt.Sprintf("slot %s lost WAL that was not captured yet: changes are missing", slot.Name),
			fmt.Sprintf("SELECT pg_drop_replication_slot('%s'); then %s", slot.Name, again)}
	case slot.WalStatus == "unreserved":
		return finding{warning,
			fmt.Sprintf("slot %s is about to be lost: %s of WAL wait for it, more than max_slot_wal_keep_size", slot.Name,
				Size(slot.RetainedBytes)),
			"before the next checkpoint: ALTER SYSTEM SET max_slot_wal_keep_size = '-1'; SELECT pg_reload_conf(); and " +
				confirming(p)}
	case !slot.Active && p.Capture.Phase == capturev1.Phase_PHASE_STREAMING:
		return finding{warning, fmt.Sprintf("nobody reads slot %s although capture streams", slot.Name),
			"calypsoctl restart " + shell.Quote(p.Source)}
	}
	return fine(fmt.Sprintf("slot %s has all the log that capture needs", slot.Name))
}

// judgeBackground looks at failures of work that capture does besides reading rows: what the work
// is for does not happen meanwhile.
func judgeBackground(failed *capturev1.BackgroundFailure) finding {
	summary := failed.Work + " failed"
	if failed.Failures > 1 {
		summary = fmt.Sprintf("%s has failed %d times", failed.Work, failed.Failures)
	}
	if failed.BeginTime != nil {
		summary += " since " + failed.BeginTime.AsTime().Format(time.RFC3339)
	}
	return finding{warning, summary + ": " + Sentence(failed.Reason), failed.Remedy}
}

// judgePlugin looks ahead to an update of the server that refuses plugins unless they are allowed.
// A plugin that is refused already makes the connector fail with an error of its own.
func judgePlugin(source string, slot *capturev1.Slot) finding {
	return finding{notice,
		fmt.Sprintf(
			"an update of PostgreSQL to a minor release from August 2026 on refuses %s, the plugin of slot %s, unless output_plugin_libraries names it", slot.Plugin, slot.Name),
		fmt.Sprintf(
			"with the update: ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, %s; SELECT pg_reload_conf(); calypsoctl restart %s; or before it plugin.name=pgoutput, see \"A server refuses an output plugin\" in docs/operations.md", slot.Plugin, shell.Quote(source))}
}

// longOpen is how long a transaction may hold up a slot before somebody should look.
const longOpen = 10 * time.Minute

// judgeHolder looks at a transaction that is still open: the server keeps all log since it began,
// whatever capture confirms. A transaction of unknown age only matters if much log is kept.
func judgeHolder(now time.Time, slot *capturev1.Slot, h *capturev1.SlotHolder) (f finding, any bool) {
	if h.BeginTime == nil && slot.RetainedBytes < much {
		return finding{}, false
	}
	held := "for a time that only a role with pg_read_all_stats may see"
	f = finding{notice, "", h.Remedy}
	if h.BeginTime != nil {
		age := now.Sub(h.BeginTime.AsTime())
		held = fmt.Sprintf("since %s", h.BeginTime.AsTime().UTC().Format(time.RFC3339))
		if age >= longOpen {
			f.state = warning
		}
	}
	f.summary = fmt.Sprintf("a %s is open %s; slot %s keeps all log since it began, now %s", h.What, held, slot.Name,
		Size(slot.RetainedBytes))
	return f, true
}

// judgeIdleSlots looks at slots of the same server that are no connector's and that nobody reads, such as
// that of a connector which was deleted: the server keeps log for them without end.
func judgeIdleSlots(v View) (f finding, any bool) {
	var nobodys []*capturev1.IdleSlot
	for _, idle := range v.Pipeline.Capture.Slot.IdleSlots {
		if !v.Slots[idle.Name] {
			nobodys = append(nobodys, idle)
		}
	}
	if len(nobodys) == 0 {
		return finding{}, false
	}
	worst := nobodys[0]
	f = finding{notice, fmt.Sprintf("slot %s of the same server keeps %s of log; nobody reads it, and it is no connector's here",
		worst.Name, Size(worst.RetainedBytes)),
		fmt.Sprintf("unless its reader comes back: SELECT pg_drop_replication_slot(%s);", pgrepl.QuoteLiteral(worst.Name))}
	if more := len(nobodys) - 1; more > 0 {
		f.summary += fmt.Sprintf(", like %s more", count(more, "slot"))
		f.remedy += " The others: SELECT slot_name FROM pg_replication_slots WHERE NOT active;"
	}
	if worst.RetainedBytes >= much {
		f.state = warning
	}
	return f, true
}

// Bounds of the check of a slot's space.
const (
	// scarce is the share of the allowed log below which a slot is in danger.
	scarce = .2
	// soon is the time to full that is a danger.
	soon = 24 * time.Hour
	// much and tooMuch is log behind a slot without a limit.
	much    = 1 << 30
	tooMuch = 10 << 30
)

// confirming says how to have the log that a slot keeps confirmed again.
func confirming(p *adminv1.Pipeline) string {
	switch p.SourceStatus.GetState() {
	case connectorv1.State_STATE_PAUSED, connectorv1.State_STATE_STOPPED:
		return fmt.Sprintf(
			"calypsoctl resume %s; or, if it is no longer needed, delete it and then: SELECT pg_drop_replication_slot('%s')",
			shell.Quote(p.Source), p.Capture.GetSlot().GetName())
	}
	return "see why capture does not confirm: calypsoctl describe " + shell.Quote(p.Source)
}

// judgeSpace looks at how much log the server keeps, and may keep, for the slot. The time until it
// is full is computed from the growth of what is kept: log that is confirmed again does not matter.
func judgeSpace(v View) finding {
	slot, growth := v.Pipeline.Capture.Slot, v.Pipeline.SlotForecast.GetGrowthBytesPerSecond()
	server, azure := strings.CutSuffix(v.Source["database.hostname"], ".postgres.database.azure.com")
	remedy := "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf(); and " + confirming(v.Pipeline)
	if azure {
		remedy = fmt.Sprintf(
			"az postgres flexible-server update --resource-group <group> --name %s --storage-size <GiB>; and %s", server,
			confirming(v.Pipeline))
	}
	keeps := fmt.Sprintf("slot %s keeps %s", slot.Name, Size(slot.RetainedBytes))
	if slot.SafeWalBytes < 0 {
		danger := "; nothing limits it but the disk"
		if azure {
			danger = "; Azure drops the slot when the storage gets tight"
		}
		switch {
		case slot.RetainedBytes >= tooMuch:
			return finding{warning, keeps + danger, remedy}
		case slot.RetainedBytes >= much:
			return finding{notice, keeps + danger, remedy}
		}
		return fine(keeps)
	}
	full := "it is lost"
	if slot.LimitedBy != "" {
		full = "the server's storage is full"
	}
	limit := cmp.Or(slot.LimitedBy, "max_slot_wal_keep_size")
	if allowed := slot.SafeWalBytes + slot.RetainedBytes; float64(slot.SafeWalBytes) < scarce*float64(allowed) {
		return finding{warning, fmt.Sprintf("%s; %s after another %s (%s)", keeps, full, Size(slot.SafeWalBytes), limit),
			remedy}
	}
	if left := float64(slot.SafeWalBytes) / growth; growth > 0 && left < soon.Seconds() && v.Trends.Over >= time.Minute {
		return finding{warning, fmt.Sprintf("%s and grows; %s in %v at this rate (%s)", keeps, full,
			(time.Duration(left) * time.Second).Round(time.Second), limit), remedy}
	}
	return fine(fmt.Sprintf("%s of %s", keeps, Size(slot.SafeWalBytes+slot.RetainedBytes)))
}

// How long a standstill lasts before it is a warning, and an error.
const (
	stands  = 5 * time.Minute
	stopped = 15 * time.Minute
)

// judgeProgress looks at whether log is confirmed while it is written.
func judgeProgress(v View) finding {
	slot, t := v.Pipeline.Capture.Slot, v.Trends
	switch phase := v.Pipeline.Capture.Phase; {
	case phase == capturev1.Phase_PHASE_SNAPSHOTTING:
		return fine(fmt.Sprintf("slot %s keeps the log that is written until the snapshot has ended", slot.Name))
	case slot.ConfirmedFlushLsn == unmade:
		return fine("nothing is to be confirmed before the slot is made")
	case t.Standstill == 0:
		return fine("log is confirmed as it is written")
	case t.Standstill < stands:
		return fine(fmt.Sprintf("slot %s has confirmed nothing for %v while %s of log were written", slot.Name,
			t.Standstill.Round(time.Second), Size(t.StandstillBytes)))
	case phase == capturev1.Phase_PHASE_UNSPECIFIED:
		return finding{notice, fmt.Sprintf("nobody reads slot %s, and the server keeps all log for it", slot.Name),
			confirming(v.Pipeline)}
	default:
		f := finding{warning, fmt.Sprintf("slot %s has confirmed nothing for %v while %s of log were written", slot.Name,
			t.Standstill.Round(time.Second), Size(t.StandstillBytes)),
			fmt.Sprintf("see what holds capture up (calypsoctl describe %[1]s), or: calypsoctl restart %[1]s",
				shell.Quote(v.Pipeline.Source))}
		if t.Standstill >= stopped {
			f.state = failure
		}
		return f
	}
}

// judgeDecoding looks at whether transactions are too large for the server's memory.
func judgeDecoding(s *capturev1.SlotStatistics) finding {
	if s.SpilledBytes == 0 {
		return fine(fmt.Sprintf("the server has decoded %s in memory", Size(s.TotalBytes)))
	}
	return finding{notice,
		fmt.Sprintf("%s of %s of decoded transactions went to the server's disk, since logical_decoding_work_mem was full",
			Size(s.SpilledBytes), Size(s.TotalBytes)),
		"ALTER SYSTEM SET logical_decoding_work_mem = '256MB'; SELECT pg_reload_conf()"}
}

// judgeSourceDelivery looks at whether a change can be written to Kafka twice; known is false
// before anything was delivered.
func judgeSourceDelivery(c *capturev1.Capture) (f finding, known bool) {
	if c.GetRowsDelivered() == 0 && c.GetTransactionsDelivered() == 0 {
		return finding{}, false
	}
	if c.ExactlyOnce {
		return fine("exactly once into Kafka: events and position are written in one Kafka transaction"), true
	}
	return finding{notice, "at least once into Kafka: a crash of the worker may repeat its last batch",
		"use brokers with transactions, and set exactly.once.support=required"}, true
}

// Size formats a number of bytes for people.
func Size(bytes int64) string {
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < 4 {
		value /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", value, []string{"", "KiB", "MiB", "GiB", "TiB"}[unit])
}
