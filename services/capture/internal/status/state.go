package status

import (
	"slices"
	"time"

	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// State is what a capture does and has done.
type State struct {
	Connector, Worker string
	// Phase and Reason say what it does. While it waits for server or broker, the phase shown is
	// Retrying (see trouble).
	Phase  Phase
	Reason string
	// Durable is the position up to which everything is durable in Kafka; 0 if there is none yet.
	Durable pgrepl.LSN
	// Rows and Transactions count what was delivered, without the rows of snapshots.
	Rows, Transactions int64
	ExactlyOnce        bool
	Reconnects         int64
	// LastCommit is when the last delivered transaction committed, Age how old the last change was
	// when it became durable; zero and nil if there is none.
	LastCommit time.Time
	Age        *time.Duration
	// LastEvent is when events were last durable.
	LastEvent time.Time
	// Snapshots are the tables of the last snapshot of this task.
	Snapshots []TableSnapshot
	// Stream are the counters of the stream; nil without one.
	Stream *Counters
	// WALBytes and Waited sum up those of all streams of the task (see Counters).
	WALBytes int64
	Waited   time.Duration
	// Background are the failures of background work, the oldest first.
	Background []BackgroundFailure
	// Latency is how old the transactions of the last minutes were when they became durable.
	Latency latency.Distribution
}

// BackgroundFailure is background work that failed when it was last done.
type BackgroundFailure struct {
	// Lasts is true if what failed is not tried again, so that the failure is shown as long as the
	// task runs.
	Lasts          bool
	Work           Work
	Reason, Remedy string
	// Since is the first failure after the last success, Failures how many there have been since.
	Since    time.Time
	Failures int64
}

// TableSnapshot is how far the reading of a table is.
type TableSnapshot struct {
	Table string
	// Estimate is how many rows the table may have, Rows how many are delivered.
	Estimate, Rows int64
	// Done of the Ranges are read to the end.
	Ranges, Done int
	Completed    bool
}

// begun reports whether something of a table that is not completed was delivered.
func (t *TableSnapshot) begun() bool { return !t.Completed && (t.Rows > 0 || t.Done > 0) }

func (s *State) tableSnapshot(name string) *TableSnapshot {
	i := slices.IndexFunc(s.Snapshots, func(t TableSnapshot) bool { return t.Table == name })
	if i < 0 {
		return nil
	}
	return &s.Snapshots[i]
}
