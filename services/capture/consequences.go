package capture

import (
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// rowsChange is what keys lead to that decide which records there are and which fields they have.
func rowsChange() []catalogue.Consequence {
	return []catalogue.Consequence{{Effect: catalogue.RowsChange, Doc: "Other records are written from now on, or records with other fields: sinks, ADX mappings and columns must take both. Records written before stay as they are."}}
}

// valuesChange is what keys lead to that decide the form of values.
func valuesChange() []catalogue.Consequence {
	return []catalogue.Consequence{{Effect: catalogue.RowsChange, Doc: "Values come in another form from now on, and with another type in the schema: consumers, ADX mappings and column types must take both. Records written before stay as they are."}}
}

// The conditions below are those of the code that acts on the keys; see session.go and settings.go.

func stopsConfirming(before, after catalogue.Values) bool {
	return confirms(before) && !confirms(after)
}

// keepsPgoutput: choosePlugin takes what an existing slot was made with, if that is pgoutput.
func keepsPgoutput(before, after catalogue.Values) bool {
	return outputPlugin(before) == "pgoutput" && outputPlugin(after) != "pgoutput"
}

func changesPlugin(before, after catalogue.Values) bool {
	return outputPlugin(before) != outputPlugin(after) && !keepsPgoutput(before, after)
}

func keepsSlotAsItIs(_, after catalogue.Values) bool { return !failover(after) }

func readsPublication(_, after catalogue.Values) bool {
	return outputPlugin(after) == "pgoutput" && streaming(after)
}

func becomesFiltered(before, after catalogue.Values) bool {
	const key = "publication.autocreate.mode"
	return !strings.EqualFold(before.String(key), "filtered") && strings.EqualFold(after.String(key), "filtered")
}

func leavesPublication(before, after catalogue.Values) bool { return !becomesFiltered(before, after) }

func dropsSlot(_, after catalogue.Values) bool { return after.Bool("slot.drop.on.stop") }

// modeOf is what a configuration says of when tables are read.
func modeOf(v catalogue.Values) snapshotSettings {
	const based = "snapshot.mode.configuration.based."
	return snapshotSettings{mode: snapshotMode(v.String("snapshot.mode")), data: v.Bool(based + "snapshot.data"), stream: v.Bool(based + "start.stream")}
}

// streaming says whether a configuration streams changes.
func streaming(v catalogue.Values) bool { return modeOf(v).streams() }

func stopsStreaming(before, after catalogue.Values) bool {
	return streaming(before) && !streaming(after)
}

func startsStreaming(before, after catalogue.Values) bool {
	return !streaming(before) && streaming(after)
}

func readsAlways(_, after catalogue.Values) bool {
	return modeOf(after).readsAlways()
}

func countsLater(before, after catalogue.Values) bool {
	return streaming(before) == streaming(after) && !readsAlways(before, after)
}
