package ctl

import (
	"fmt"
	"strings"
	"time"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// describeSlot shows the replication slot; nothing if it is nil.
func describeSlot(t *table, slot *capturev1.Slot) {
	if slot == nil {
		return
	}
	if slot.Missing {
		t.row("Slot", slot.Name, "the server has no such slot")
		return
	}
	t.row("Slot", slot.Name, slotState(slot))
	t.row("Slot confirmed", slot.ConfirmedFlushLsn, "restarts at "+slot.RestartLsn,
		"keeps "+checks.Size(slot.RetainedBytes), slot.WalStatus)
	if c := slot.Statistics; c != nil {
		t.row("Slot decoded", fmt.Sprintf("%d transactions", c.TotalTransactions), checks.Size(c.TotalBytes))
		t.row("Slot spilled", fmt.Sprintf("%d transactions", c.SpilledTransactions), checks.Size(c.SpilledBytes))
		t.row("Slot streamed", fmt.Sprintf("%d transactions", c.StreamedTransactions), checks.Size(c.StreamedBytes))
	}
}

// slotState names the reader of the slot, and what is unusual about the slot.
func slotState(slot *capturev1.Slot) string {
	said := []string{"nobody reads it"}
	switch {
	case slot.Active && slot.WaitEvent != "":
		said[0] = fmt.Sprintf("read by process %d, which waits for %s", slot.ActivePid, slot.WaitEvent)
	case slot.Active:
		said[0] = fmt.Sprintf("read by process %d", slot.ActivePid)
	case slot.InactiveSince != nil:
		said[0] = "nobody reads it since " + slot.InactiveSince.AsTime().Local().Format(time.DateTime)
	}
	if slot.Failover {
		said = append(said, "kept on standbys")
	}
	if slot.Conflicting {
		said = append(said, "lost to a conflict with recovery")
	}
	return strings.Join(said, ", ")
}

// kept is how much log the server keeps for the slot; a dash if that is not known yet, or there is
// no slot.
func kept(slot *capturev1.Slot) string {
	if slot == nil || slot.Missing {
		return "-"
	}
	return checks.Size(slot.RetainedBytes)
}
