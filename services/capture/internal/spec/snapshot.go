package spec

import (
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// Snapshot says when and how tables are read.
type Snapshot struct {
	Mode
	Threads int
	// Overrides are the SELECTs that tables are read with, by schema.table.
	Overrides map[string]string
	// Lock takes a shared lock of each table, waiting LockTimeout for it.
	Lock        bool
	LockTimeout time.Duration
	// Delay is waited for before tables are read, StreamDelay before streaming.
	Delay, StreamDelay time.Duration
	Order              Order
}

// ModeName is snapshot.mode, as it is now called.
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
	// Lost is what follows where the slot, or the log it needs, is gone.
	Lost Lost
	// Streams is whether changes are streamed, or tables are only read.
	Streams bool
}

// Reads is when tables are read.
type Reads int

const (
	// ReadNever leaves the rows that are there alone.
	ReadNever Reads = iota
	// ReadOnce reads tables at the first start, and what is left of them after an interruption.
	ReadOnce
	// ReadAlways reads them at each start.
	ReadAlways
)

// Lost is what is done about changes that the slot does not have any more.
type Lost int

const (
	// StopIfLost stops the connector with the reason.
	StopIfLost Lost = iota
	// ReadAgainIfLost begins again with a new slot, as if there were no position.
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

func parseSnapshot(v catalogue.Values) (Snapshot, error) {
	s := Snapshot{
		Mode: parseMode(v), Threads: v.Int("snapshot.max.threads"), Overrides: make(map[string]string),
		Lock: word(v, "snapshot.locking.mode") == "shared", LockTimeout: v.Duration("snapshot.lock.timeout.ms"),
		Delay: v.Duration("snapshot.delay.ms"), StreamDelay: v.Duration("streaming.delay.ms"),
		Order: Order(word(v, "snapshot.tables.order.by.row.count")),
	}
	const key = "snapshot.select.statement.overrides"
	for _, table := range v.List(key) {
		sql := v.String(key + "." + table)
		if sql == "" {
			return s, catalogue.Problemf(key, "%s names %s: set its SELECT in %[1]s.%[2]s", key, table)
		}
		s.Overrides[table] = strings.TrimRight(strings.TrimSpace(sql), "; \n\t")
	}
	return s, nil
}

// parseMode gives older names their present meaning.
func parseMode(v catalogue.Values) Mode {
	switch name := ModeName(word(v, "snapshot.mode")); name {
	case "exported":
		return Mode{Name: Initial, Reads: ReadOnce, Streams: true}
	case InitialOnly:
		return Mode{Name: name, Reads: ReadOnce}
	case Always:
		return Mode{Name: name, Reads: ReadAlways, Streams: true}
	case NoData, "never":
		return Mode{Name: NoData, Streams: true}
	case WhenNeeded:
		return Mode{Name: name, Reads: ReadOnce, Lost: ReadAgainIfLost, Streams: true}
	case ConfigurationBased:
		return configuredMode(v)
	default:
		return Mode{Name: name, Reads: ReadOnce, Streams: true}
	}
}

func configuredMode(v catalogue.Values) Mode {
	const prefix = "snapshot.mode.configuration.based."
	m := Mode{Name: ConfigurationBased, Streams: v.Bool(prefix + "start.stream")}
	if v.Bool(prefix + "snapshot.data") {
		m.Reads = ReadAlways
	}
	if v.Bool(prefix + "snapshot.on.data.error") {
		m.Lost = ReadAgainIfLost
	}
	return m
}
