package spec

import (
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// rowsChange is what keys lead to that decide which records there are and which fields they have.
func rowsChange() []catalogue.Consequence {
	return []catalogue.Consequence{{Effect: catalogue.RowsChange,
		Doc: "Other records are written from now on, or records with other fields: sinks, ADX mappings and columns must take both. Records written before stay as they are."}}
}

// valuesChange is what keys lead to that decide the form of values.
func valuesChange() []catalogue.Consequence {
	return []catalogue.Consequence{{Effect: catalogue.RowsChange,
		Doc: "Values come in another form from now on, and with another type in the schema: consumers, ADX mappings and column types must take both. Records written before stay as they are."}}
}

// The conditions below ask the functions that Parse reads the same keys with.

func stopsConfirming(before, after catalogue.Values) bool {
	return confirms(before) && !confirms(after)
}

// keepsPgoutput: an existing slot is read with what it was made with, if that is pgoutput.
func keepsPgoutput(before, after catalogue.Values) bool {
	return plugin(before) == Pgoutput && plugin(after) != Pgoutput
}

func changesPlugin(before, after catalogue.Values) bool {
	return plugin(before) != plugin(after) && !keepsPgoutput(before, after)
}

func keepsSlotAsItIs(_, after catalogue.Values) bool { return !failover(after) }

func readsPublication(_, after catalogue.Values) bool {
	return plugin(after) == Pgoutput && streams(after)
}

func becomesFiltered(before, after catalogue.Values) bool {
	return publicationMode(before) != pgrepl.PublishFiltered && publicationMode(after) == pgrepl.PublishFiltered
}

func leavesPublication(before, after catalogue.Values) bool { return !becomesFiltered(before, after) }

func dropsSlot(_, after catalogue.Values) bool { return after.Bool("slot.drop.on.stop") }

func streams(v catalogue.Values) bool { return parseMode(v).Streams }

func stopsStreaming(before, after catalogue.Values) bool {
	return streams(before) && !streams(after)
}

func startsStreaming(before, after catalogue.Values) bool {
	return !streams(before) && streams(after)
}

func readsAlways(_, after catalogue.Values) bool { return parseMode(after).Reads == ReadAlways }

func countsLater(before, after catalogue.Values) bool {
	return streams(before) == streams(after) && !readsAlways(before, after)
}
