package pgrepl

import (
	"strings"
	"testing"
)

func TestASlotIsComparedWithThePositionBeforeItIsRead(t *testing.T) {
	want := SlotName{Name: "s", Plugin: "pgoutput", Database: "d"}
	system := System{ID: "1", Timeline: 2}
	at := Position{SystemID: "1", Timeline: 2, Commit: 100}
	slot := func(change func(*SlotState)) *SlotState {
		s := &SlotState{Name: "s", Plugin: "pgoutput", Database: "d", ConfirmedFlush: 100, WALStatus: "reserved"}
		change(s)
		return s
	}
	for _, c := range []struct {
		name   string
		slot   *SlotState
		at     Position
		reason Reason
		says   string
	}{
		{"as it should be", slot(func(*SlotState) {}), at, "", ""},
		{"behind the position", slot(func(s *SlotState) { s.ConfirmedFlush = 1 }), at, "", ""},
		{"no position yet", slot(func(s *SlotState) { s.ConfirmedFlush = 0 }), Position{}, "", ""},
		{"missing", nil, at, ReasonSlotMissing, "snapshot"},
		{"lost", slot(func(s *SlotState) { s.WALStatus = "lost" }), at, ReasonSlotLost, "max_slot_wal_keep_size"},
		{"ahead", slot(func(s *SlotState) { s.ConfirmedFlush = 101 }), at, ReasonSlotAhead, "offset.mismatch.strategy=trust_slot"},
		{"another server", slot(func(*SlotState) {}), Position{SystemID: "9", Timeline: 2, Commit: 100}, ReasonSystemID, "another server"},
		{"another server without the slot", nil, Position{SystemID: "9", Timeline: 2, Commit: 100}, ReasonSystemID, "another server"},
		{"a promoted standby", slot(func(*SlotState) {}), Position{SystemID: "1", Timeline: 1, Commit: 100}, ReasonTimeline, "slot.failover"},
		{"a promoted standby with a failover slot", slot(func(s *SlotState) { s.Failover = true }), Position{SystemID: "1", Timeline: 1, Commit: 100}, "", ""},
		{"another database", slot(func(s *SlotState) { s.Database = "e" }), at, ReasonSlotDatabase, "slot.name"},
		{"another plugin", slot(func(s *SlotState) { s.Plugin = "wal2json" }), at, ReasonSlotPlugin, "plugin.name=wal2json"},
	} {
		err := CheckSlot(want, c.slot, system, c.at)
		if ReasonOf(err) != c.reason || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want reason %q and a word about %s", c.name, err, c.reason, c.says)
		}
		if err != nil && (c.reason == "" || Transient(err)) {
			t.Errorf("%s: %v is retried", c.name, err)
		}
	}
}
