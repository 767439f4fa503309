package spec

import (
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// Snapshot says when and how tables are read.
type Snapshot struct {
	Mode
	Threads int
	// Overrides are the SELECTs that tables are read with, by schema.table.
	Overrides map[string]string
	// Lock takes a lock of each table (ACCESS SHARE), for which it waits LockTimeout at most.
	Lock        bool
	LockTimeout time.Duration
	// Delay is the pause before tables are read, StreamDelay the one before streaming.
	Delay, StreamDelay time.Duration
	Order              Order
}

// ModeName is snapshot.mode under its present name: older names are read as these.
type ModeName string

const (
	Initial            ModeName = "initial"
	InitialOnly        ModeName = "initial_only"
	Always             ModeName = "always"
	NoData             ModeName = "no_data"
	WhenNeeded         ModeName = "when_needed"
	ConfigurationBased ModeName = "configuration_based"
)

// Mode is what snapshot.mode means; configuration_based is put together from keys of its own.
type Mode struct {
	Name  ModeName
	Reads Reads
	// Lost is what to do when the slot, or the log that it needs, is gone.
	Lost Lost
	// Streams is true if changes are streamed, false if tables are only read.
	Streams bool
}

// Reads is when tables are read.
type Reads int

const (
	// ReadNever does not read the rows that exist already.
	ReadNever Reads = iota
	// ReadOnce reads tables at the first start, and what is left of them after an interruption.
	ReadOnce
	// ReadAlways reads them at each start.
	ReadAlways
)

// Lost is what to do about changes that the slot no longer has.
type Lost int

const (
	// StopIfLost stops the connector with the reason.
	StopIfLost Lost = iota
	// ReadAgainIfLost starts over with a new slot, as if there were no position.
	ReadAgainIfLost
)

// Order is the order in which tables are read.
type Order string

const (
	// ByName is the order of table.include.list, or that of the names.
	ByName Order = "disabled"
	// Ascending and Descending go by the estimated rows.
	Ascending  Order = "ascending"
	Descending Order = "descending"
)

// modes are the words of snapshot.mode, older ones among them, with what they mean. The parts of configuration_based
// are keys of their own.
var modes = []catalogue.Word[Mode]{
	{Text: "always", Means: Mode{Name: Always, Reads: ReadAlways, Streams: true}},
	{Text: "initial", Means: Mode{Name: Initial, Reads: ReadOnce, Streams: true}},
	{Text: "initial_only", Means: Mode{Name: InitialOnly, Reads: ReadOnce}},
	{Text: "no_data", Means: Mode{Name: NoData, Streams: true}},
	{Text: "never", Means: Mode{Name: NoData, Streams: true}},
	{Text: "exported", Means: Mode{Name: Initial, Reads: ReadOnce, Streams: true}},
	{Text: "when_needed", Means: Mode{Name: WhenNeeded, Reads: ReadOnce, Lost: ReadAgainIfLost, Streams: true}},
	{Text: "configuration_based", Means: Mode{Name: ConfigurationBased}},
	{Text: "custom", Means: Mode{Name: "custom", Reads: ReadOnce, Streams: true}},
}
