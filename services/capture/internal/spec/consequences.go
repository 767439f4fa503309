package spec

import "github.com/calypso-cdc/calypso/libs/pgrepl"

// The conditions below compare what a connector did before a change of its configuration with what
// it does after it.

func stopsConfirming(before, after *Spec) bool { return before.Slot.Confirms && !after.Slot.Confirms }

// keepsPgoutput: a slot that was created for pgoutput is read with pgoutput, whatever the
// configuration says.
func keepsPgoutput(before, after *Spec) bool {
	return before.Output.Plugin == Pgoutput && after.Output.Plugin != Pgoutput
}

func changesPlugin(before, after *Spec) bool {
	return before.Output.Plugin != after.Output.Plugin && !keepsPgoutput(before, after)
}

func keepsSlotAsItIs(_, after *Spec) bool { return !after.Slot.Failover }

func readsPublication(_, after *Spec) bool {
	return after.Output.Plugin == Pgoutput && after.Snapshot.Streams
}

func becomesFiltered(before, after *Spec) bool {
	return before.Publication.Mode != pgrepl.PublishFiltered && after.Publication.Mode == pgrepl.PublishFiltered
}

func leavesPublication(before, after *Spec) bool { return !becomesFiltered(before, after) }

func dropsSlot(_, after *Spec) bool { return after.Slot.DropOnStop }

func stopsStreaming(before, after *Spec) bool {
	return before.Snapshot.Streams && !after.Snapshot.Streams
}

func startsStreaming(before, after *Spec) bool {
	return !before.Snapshot.Streams && after.Snapshot.Streams
}

func readsAlways(_, after *Spec) bool { return after.Snapshot.Reads == ReadAlways }

func countsLater(before, after *Spec) bool {
	return before.Snapshot.Streams == after.Snapshot.Streams && !readsAlways(before, after)
}
