package spec

import (
	"time"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// Spec is a connector's configuration as typed values.
type Spec struct {
	Connection pgrepl.Config
	// QueryTimeout bounds queries of the catalog; 0 for no limit.
	QueryTimeout time.Duration
	// Prefix is that of topics: the connector's logical name.
	Prefix string
	Tables *Tables
	// MostTables is how many tables may be captured, 0 for any number; Guardrail is what to do if
	// there are more.
	MostTables int
	Guardrail  Guardrail

	Output      Output
	Slot        Slot
	Publication pgrepl.Publication // without tables
	Identities  []Identity

	Snapshot      Snapshot
	Signals       Signals
	Notifications Notifications

	// Events shape the bytes. A task adds to its own copy what only a task knows.
	Events    debezium.Config
	Delivery  deliver.Settings
	Oversized Oversized
	// Unprocessable is what to do with a change that no event can be made of.
	Unprocessable Unprocessable
	Retry         Retry
	Heartbeat     Heartbeat
}

// Guardrail is what to do when the filters match too many tables.
type Guardrail int

const (
	WarnOfTables Guardrail = iota
	FailOnTables
)

// Unprocessable is event.processing.failure.handling.mode.
type Unprocessable string

const (
	FailUnprocessable Unprocessable = "fail"
	WarnUnprocessable Unprocessable = "warn"
	SkipUnprocessable Unprocessable = "skip"
)

// Oversized says what to do with records that are too large for their topic.
type Oversized struct {
	Mode OversizedMode
	// Topic is where dead letters go.
	Topic string
}

// OversizedMode is oversized.records.mode.
type OversizedMode string

const (
	StopOversized     OversizedMode = "stop"
	SetOversizedAside OversizedMode = "dead.letter"
	CutOversized      OversizedMode = "truncate"
)

// Retry says how often, and after how long, a failure that waiting can end is retried.
type Retry struct {
	// Times is how often in a row; -1 for ever.
	Times int
	// Delay is the longest time between two attempts.
	Delay time.Duration
}

// Heartbeat says how often heartbeats are written, and what runs with each.
type Heartbeat struct {
	// Interval is the time between two heartbeats; 0 for none.
	Interval time.Duration
	// Query runs with each; it may be empty.
	Query string
}
