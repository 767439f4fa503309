package pgrepl

import (
	"slices"
	"strings"
	"testing"
)

func TestASlotIsComparedWithThePositionBeforeItIsRead(t *testing.T) {
	want := SlotName{Name: "s", Plugin: "pgoutput", Database: "d"}
	system := System{ID: "1", Timeline: 3, WAL: 200}
	// The server's history left timeline 1 at 90 and timeline 2 at 120.
	history := Timelines{{1, 90}, {2, 120}}
	at := Position{SystemID: "1", Timeline: 3, Commit: 100}
	slot := func(change func(*SlotState)) *SlotState {
		s := &SlotState{Name: "s", Plugin: "pgoutput", Database: "d", ConfirmedFlush: 80, WALStatus: "reserved"}
		change(s)
		return s
	}
	as := func(*SlotState) {}
	confirmed := func(at LSN) func(*SlotState) { return func(s *SlotState) { s.ConfirmedFlush = at } }
	for _, c := range []struct {
		name   string
		slot   *SlotState
		at     Position
		reason Reason
		says   string
		next   Position
	}{
		{"as it should be", slot(confirmed(100)), at, "", "", at},
		{"behind the position", slot(confirmed(1)), at, "", "", at},
		{"no position yet", slot(confirmed(0)), Position{}, "", "", Position{}},
		{"missing", nil, at, ReasonSlotMissing, "snapshot", at},
		{"lost", slot(func(s *SlotState) { s.WALStatus = "lost" }), at, ReasonSlotLost, "max_slot_wal_keep_size", at},
		{"ahead", slot(confirmed(101)), at, ReasonSlotAhead, "offset.mismatch.strategy=trust_greater_lsn", at},
		{"another server", slot(as), Position{SystemID: "9", Timeline: 3, Commit: 100}, ReasonSystemID,
			"another server", Position{}},
		{"another server without the slot", nil, Position{SystemID: "9", Timeline: 3, Commit: 100}, ReasonSystemID,
			"another server", Position{}},
		{"another database", slot(func(s *SlotState) { s.Database = "e" }), at, ReasonSlotDatabase, "slot.name", at},
		{"another plugin", slot(func(s *SlotState) { s.Plugin = "wal2json" }), at, ReasonSlotPlugin,
			"plugin.name=wal2json", at},

		{"at the end of the log", slot(as), Position{SystemID: "1", Timeline: 3, Commit: 200}, "", "",
			Position{SystemID: "1", Timeline: 3, Commit: 200}},
		{"beyond the end of the log", slot(as), Position{SystemID: "1", Timeline: 3, Commit: 201}, ReasonTimeline,
			"the server's log ends at 0/C8", Position{}},
		{"beyond the end of the log, set by hand", slot(as), Position{Commit: 201}, ReasonTimeline, "offset.mismatch.strategy",
			Position{}},

		{"promoted, all before the fork", slot(as), Position{SystemID: "1", Timeline: 2, Commit: 119, Delivered: 119}, "", "",
			Position{SystemID: "1", Timeline: 3, Commit: 119, Delivered: 119}},
		{"promoted, up to the fork", slot(as), Position{SystemID: "1", Timeline: 2, Commit: 120}, "", "",
			Position{SystemID: "1", Timeline: 3, Commit: 120}},
		{"promoted twice", slot(as), Position{SystemID: "1", Timeline: 1, Commit: 89, Delivered: 85}, "", "",
			Position{SystemID: "1", Timeline: 3, Commit: 89, Delivered: 85}},
		{"promoted twice, beyond the first fork", slot(as), Position{SystemID: "1", Timeline: 1, Commit: 100}, ReasonTimeline,
			"trust_greater_lsn", Position{}},
		{"promoted, beyond the fork with nothing delivered of it", slot(as),
			Position{SystemID: "1", Timeline: 1, Commit: 110, Delivered: 90}, "", "",
			Position{SystemID: "1", Timeline: 3, Commit: 90, Delivered: 90}},
		{"promoted, beyond the fork with something delivered of it", slot(as),
			Position{SystemID: "1", Timeline: 1, Commit: 110, Delivered: 91}, ReasonTimeline, "up to 0/5A only", Position{}},
		{"promoted in the middle of a transaction before the fork", slot(as),
			Position{SystemID: "1", Timeline: 1, Commit: 89, Ordinal: 7, Delivered: 90}, "", "",
			Position{SystemID: "1", Timeline: 3, Commit: 89, Ordinal: 7, Delivered: 90}},
		{"promoted in the middle of a transaction beyond the fork", slot(as),
			Position{SystemID: "1", Timeline: 1, Commit: 90, Ordinal: 7, Delivered: 91}, ReasonTimeline,
			"trust_greater_lsn", Position{}},
		{"promoted in the middle of a transaction whose end is not known", slot(as),
			Position{SystemID: "1", Timeline: 1, Commit: 85, Ordinal: 7, Delivered: UnknownEnd}, ReasonTimeline,
			"in part", Position{}},
		{"promoted in the middle of a transaction of an older version's position", slot(as),
			Position{SystemID: "1", Timeline: 1, Commit: 85, Ordinal: 7}, ReasonTimeline, "in part", Position{}},
		{"promoted, with a slot that was advanced since", slot(confirmed(121)),
			Position{SystemID: "1", Timeline: 2, Commit: 119}, ReasonSlotAhead, "trust_greater_lsn", Position{}},
		{"promoted without the slot", nil, Position{SystemID: "1", Timeline: 2, Commit: 119}, ReasonSlotMissing,
			"sync_replication_slots", Position{}},
		{"captured from a standby before", slot(as), Position{SystemID: "1", Commit: 119, Delivered: 119}, "", "",
			Position{SystemID: "1", Commit: 119, Delivered: 119}},
		{"on a timeline that is no part of the history", slot(as), Position{SystemID: "1", Timeline: 4, Commit: 100},
			ReasonTimeline, "no timeline 4", Position{}},
	} {
		next, err := Resume(want, c.slot, system, history, c.at)
		if ReasonOf(err) != c.reason || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want reason %q and a word about %s", c.name, err, c.reason, c.says)
		}
		if err != nil && (c.reason == "" || Transient(err)) {
			t.Errorf("%s: %v is retried", c.name, err)
		}
		if err == nil && next != c.next {
			t.Errorf("%s: goes on at %+v, want %+v", c.name, next, c.next)
		}
	}
}

func TestAHistoryOfTimelinesIsReadAsPostgreSQLWritesIt(t *testing.T) {
	got, err := parseTimelines(
		[]byte("# comment\n\n1\t0/3000148\tno recovery target specified\n\n2\t1/A0000028\tbefore 2000-01-01 00:00:00+00\n"))
	if want := (Timelines{{1, 0x3000148}, {2, 0x1A0000028}}); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, wrong := range []string{"1", "x 0/1 y", "1 here", "2 0/1\n1 0/2", "1 0/2\n2 0/1", "1 0/1\n1 0/1",
		"99999999999 0/1"} {
		if got, err := parseTimelines([]byte(wrong)); err == nil {
			t.Errorf("%q is read as %v", wrong, got)
		}
	}
}
