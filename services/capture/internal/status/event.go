package status

import (
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
)

// Observer is told what happens to a capture. It is safe for concurrent use and does not wait.
type Observer interface{ Observe(Event) }

// Observers are told one after the other.
type Observers []Observer

// Observe tells all of them.
func (all Observers) Observe(e Event) {
	for _, o := range all {
		o.Observe(e)
	}
}

// Event is one of the types of this file.
type Event interface{ event() }

// Connected tells that a session begins, and connects to source and broker.
type Connected struct{}

// Waits tells what the connecting waits for.
type Waits struct{ Why string }

// TakenUp tells from which durable position a session goes on.
type TakenUp struct{ At pgrepl.Position }

// Found tells which tables a session captures.
type Found struct{ Tables []Table }

// SnapshotBegan tells that tables are read; Why is what is unusual about it and may be empty.
type SnapshotBegan struct {
	Tables []TableSnapshot
	Why    string
}

// SnapshotEnded tells that all tables are read, and that this is durable.
type SnapshotEnded struct{}

// StreamBegan tells that changes are streamed from a position on.
type StreamBegan struct {
	At   pgrepl.Position
	Slot string
	// Incremental is how far incremental snapshots are.
	Incremental *progress.Incremental
	// Counters reads those of the stream, even after it has ended.
	Counters func() Counters
}

// Counters are those of a stream.
type Counters struct {
	// Received is the end of the server's log as last heard, Confirmed what was confirmed to the server.
	Received, Confirmed pgrepl.LSN
	// WALBytes came from the server.
	WALBytes int64
	// Bytes and Transactions are read and not durable yet.
	Bytes, Transactions int
	// Waited is for how long the stream was not read since Kafka had not taken what was read before.
	Waited time.Duration
}

// Completed tells that all that is to be read is read, and nothing is streamed.
type Completed struct{}

// PollBegan tells that rows are asked for, and of what.
type PollBegan struct{ What string }

// Polled tells that rows of a poll are durable.
type Polled struct {
	Rows        int
	ExactlyOnce bool
}

// Delivered tells that records are durable.
type Delivered struct {
	*buffer.Summary
	// Tables are those that look different from now on, or were not there before.
	Tables      []Table
	At          time.Time
	ExactlyOnce bool
}

// Held tells what the capture waits for while its phase goes on; a nil Err ends it.
type Held struct{ Err error }

// Slow reports trouble with server or broker that passes by waiting, while the session continues; a
// nil Err ends it.
type Slow struct{ Err error }

// Unconverted reports a value, change or record that could not be sent as it is, and its kind.
type Unconverted struct {
	Kind string
	// Lost is what was lost by it; its Work is empty where nothing was.
	Lost Worked
}

// Worked tells how background work came out, which is done besides reading rows and may fail without ending the
// session; a nil Err is success. Remedy is a sentence.
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
	StandbyPublication Work = "publication for the day when the server refuses the output plugin"
	SlotView           Work = "view of the slot"
)

// SessionFailed tells that a session failed and that another one follows.
type SessionFailed struct{ Err error }

// TaskFailed tells that the task failed.
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
