package status

import (
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
)

// Observer is told what happens to a capture. It is safe for concurrent use and does not wait.
type Observer interface{ Observe(Event) }

// Observers passes events on to several observers, one after the other.
type Observers []Observer

// Observe implements Observer.
func (all Observers) Observe(e Event) {
	for _, o := range all {
		o.Observe(e)
	}
}

// Event is one of the types of this file.
type Event interface{ event() }

// Connected reports that a session begins, and connects to source and broker.
type Connected struct{}

// Waits reports what the session waits for while it connects.
type Waits struct{ Why string }

// TakenUp reports the durable position from which a session goes on.
type TakenUp struct{ At pgrepl.Position }

// Found reports which tables a session captures.
type Found struct{ Tables []Table }

// SnapshotBegan reports that tables are being read; Why says what is unusual about it and may be
// empty.
type SnapshotBegan struct {
	Tables []TableSnapshot
	Why    string
}

// SnapshotEnded reports that all tables are read, and that this is durable.
type SnapshotEnded struct{}

// StreamBegan reports that changes are streamed from a position on.
type StreamBegan struct {
	At   pgrepl.Position
	Slot string
	// Incremental is the durable progress of incremental snapshots.
	Incremental *progress.Incremental
	// Counters reads the counters of the stream, even after it has ended. It is called under a lock
	// that observers wait for, and so must not wait for anything itself.
	Counters func() Counters
}

// Counters are the counters of a stream.
type Counters struct {
	// Received is the end of the server's log as last heard, Confirmed what was confirmed to the server.
	Received, Confirmed pgrepl.LSN
	// WALBytes is how many bytes came from the server.
	WALBytes int64
	// Bytes and Transactions are read and not durable yet.
	Bytes, Transactions int
	// Waited is how long the stream was not read because Kafka had not yet taken what was read before.
	Waited time.Duration
}

// Completed reports that everything is read and that nothing will be streamed.
type Completed struct{}

// PollBegan reports that a session polls, and what.
type PollBegan struct{ What string }

// Polled reports that rows of a poll are durable.
type Polled struct {
	Rows        int
	ExactlyOnce bool
}

// Delivered reports that records are durable.
type Delivered struct {
	Summary *buffer.Summary
	// Tables are new tables, and tables that look different from now on.
	Tables      []Table
	At          time.Time
	ExactlyOnce bool
}

// Held reports what the capture waits for without leaving its phase, while the server answers
// others; a nil Err ends it.
type Held struct{ Err error }

// Slow reports trouble with server or broker that passes by waiting, while the session continues; a
// nil Err ends it.
type Slow struct{ Err error }

// Unconverted reports a value, change or record that could not be sent as it is. Kind is event,
// unidentified, conversion, truncated or oversized.
type Unconverted struct{ Kind string }

// Worked reports the outcome of background work: work besides reading rows that may fail without
// ending the session. A nil Err is success. Remedy is a sentence.
type Worked struct {
	Work   Work
	Err    error
	Remedy string
}

// Work names background work as users know it.
type Work string

const (
	HeartbeatQuery     Work = "heartbeat.action.query"
	SignalTopic        Work = "signal.kafka.topic"
	SignalTable        Work = "signal.data.collection"
	VersionLog         Work = "topic of tables' versions"
	StandbyPublication Work = "publication to fall back on if the server refuses the output plugin"
	SlotView           Work = "view of the slot"
)

// SessionFailed reports that a session failed and that another one follows.
type SessionFailed struct{ Err error }

// TaskFailed reports that the task failed.
type TaskFailed struct{ Err error }

func (Connected) event()     {}
func (Waits) event()         {}
func (TakenUp) event()       {}
func (Found) event()         {}
func (SnapshotBegan) event() {}
func (SnapshotEnded) event() {}
func (StreamBegan) event()   {}
func (Completed) event()     {}
func (PollBegan) event()     {}
func (Polled) event()        {}
func (*Delivered) event()    {}
func (Held) event()          {}
func (Slow) event()          {}
func (Unconverted) event()   {}
func (Worked) event()        {}
func (SessionFailed) event() {}
func (TaskFailed) event()    {}
