package status

import "slices"

// Phase is what a capture does.
type Phase int

const (
	// Idle is the phase of a connector that does not run.
	Idle Phase = iota
	// Connecting lasts from the beginning of a session until something is read.
	Connecting
	// Snapshotting reads tables.
	Snapshotting
	// Streaming reads the slot's changes.
	Streaming
	// Complete is the phase of a connector that has read its tables and does not stream.
	Complete
	// Polling queries for new rows again and again, without a slot.
	Polling
	// Retrying waits after a session that failed, for the next one.
	Retrying
	// Failed is the end of a task.
	Failed
)

func (p Phase) String() string {
	return [...]string{"idle", "connecting", "snapshotting", "streaming", "complete", "polling", "retrying", "failed"}[p]
}

// transitions are the phases that may follow each. Every session begins with Connecting, and may fail at any time.
var transitions = map[Phase][]Phase{
	Idle:         {Connecting, Retrying, Failed},
	Connecting:   {Connecting, Snapshotting, Streaming, Complete, Polling, Retrying, Failed},
	Snapshotting: {Streaming, Complete, Connecting, Retrying, Failed},
	// A stream may be delivered up to the point at which the rest of a snapshot is read.
	Streaming: {Snapshotting, Connecting, Retrying, Failed},
	Complete:  {Connecting, Retrying, Failed},
	Polling:   {Polling, Connecting, Retrying, Failed},
	Retrying:  {Connecting, Retrying, Failed},
	Failed:    nil,
}

// leadsTo reports whether another phase may follow.
func (p Phase) leadsTo(next Phase) bool { return slices.Contains(transitions[p], next) }
