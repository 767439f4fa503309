package start

import (
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// Facts are everything that a start depends on.
type Facts struct {
	// Mode and Mismatch are the configuration's policy.
	Mode     spec.Mode
	Mismatch spec.Mismatch
	// Want is the slot that the session is to stream from; Slot is what the server has under that
	// name, nil if nothing.
	Want pgrepl.SlotName
	Slot *pgrepl.SlotState
	// System is the server, its log as it ends after Saved was read if NeedsLog asks for that.
	System pgrepl.System
	// Timelines are the earlier timelines of the server's history; they are only needed if
	// NeedsTimelines says so.
	Timelines pgrepl.Timelines
	// Saved is how far the connector has come; nil if it has not begun.
	Saved *Saved
}

// Saved is what the checkpoint says about a start.
type Saved struct {
	At pgrepl.Position
	// Reading says that a snapshot is unfinished.
	Reading bool
}

// Begun returns what a capture's progress says about a start; nil if the capture has not begun.
func Begun(p *progress.Progress) *Saved {
	if !p.Begun() {
		return nil
	}
	c := p.Checkpoint()
	return &Saved{At: c.At, Reading: c.Snapshot != nil}
}

// NeedsTimelines reports whether the position is of another timeline than the server, so that the
// caller has to ask for the server's history.
func (f Facts) NeedsTimelines() bool {
	return f.Mode.Streams && f.Saved != nil && (f.Slot == nil || f.Slot.CheckFree() == nil) &&
		pgrepl.Promoted(f.System, f.Saved.At)
}

// NeedsLog reports whether the position, or the slot, lies beyond the end of the log as System has
// it, so that the caller has to ask for it anew: the connector may have gone on since, on another
// worker. The log of a standby does not matter, which may be behind its primary.
func (f Facts) NeedsLog() bool {
	return f.Mode.Streams && f.System.Timeline != 0 &&
		(f.Saved != nil && f.Saved.At.Commit > f.System.WAL || f.Slot != nil && f.Slot.ConfirmedFlush > f.System.WAL)
}

// Plan says what a session does first.
type Plan struct {
	// Refusal is why the session may not begin; nil if it may. With a refusal, only KeepOnStandbys
	// still counts.
	Refusal error
	// Slot is the slot that it uses, Read what it reads before it streams. Without a slot it does not
	// stream.
	Slot Slot
	Read Extent
	// At is where the stream goes on. If the slot is new, or all tables are read first, that is only
	// known once the snapshot is exported.
	At pgrepl.Position
	// Fresh is true if the connector has no position yet, or none that counts: progress begins with
	// this start.
	Fresh bool
	// KeepOnStandbys is true if standbys do not keep the slot yet, so that they have to be told.
	KeepOnStandbys bool
	// DropSlot is true if a slot whose log is lost must be dropped to make room for the new one.
	DropSlot bool
	// Lost is why the changes after the position will never come, so that the connector starts over;
	// nil if none are lost.
	Lost error
	// Gap is the mismatch of slot and position that the policy accepts; nil if there is none.
	Gap error
	// Promotion is true if the stream goes on after the promotion of a standby, with nothing lost or
	// repeated.
	Promotion bool
}

// Slot is the slot that a session uses.
type Slot int

const (
	// NoSlot is for connectors that do not stream.
	NoSlot Slot = iota
	// NewSlot is created; it exports the snapshot that its stream follows.
	NewSlot
	// OldSlot is there already.
	OldSlot
)

// Extent is what a session reads of the tables.
type Extent int

const (
	// Nothing is read.
	Nothing Extent = iota
	// All tables are read.
	All
	// Rest is what an unfinished snapshot left. With a slot it is read once the stream has been
	// delivered up to the new snapshot.
	Rest
	// Instead is all tables, in place of the changes since the position.
	Instead
)

// Decide makes the plan.
func Decide(f Facts) Plan {
	if f.Slot != nil {
		if err := f.Slot.CheckFree(); err != nil {
			return Plan{Refusal: err}
		}
		if err := f.Slot.CheckLog(f.System); err != nil && f.Mode.Streams {
			return Plan{Refusal: err}
		}
	}
	var p Plan
	switch {
	case !f.Mode.Streams:
		p = readOnly(f)
	case f.Saved == nil:
		p = begin(f)
	default:
		p = goOn(f)
	}
	p.KeepOnStandbys = f.Mode.Streams && f.Slot != nil && !f.Slot.Failover && f.Slot.CheckUsable(f.Want) == nil
	return p
}

// readOnly plans for a connector that reads tables and does not stream. If a slot of its name
// exists, it must still be the connector's own.
func readOnly(f Facts) Plan {
	if err := unusable(f); err != nil {
		return Plan{Refusal: err}
	}
	reads := f.Mode.Reads
	switch {
	case reads == spec.ReadNever:
		return Plan{}
	case f.Saved == nil:
		return Plan{Read: All, Fresh: true}
	case f.Saved.Reading:
		return Plan{Read: Rest, Fresh: true}
	case reads == spec.ReadAlways:
		return Plan{Read: All, Fresh: true}
	}
	return Plan{}
}

func unusable(f Facts) error {
	if f.Slot == nil {
		return nil
	}
	return f.Slot.CheckUsable(f.Want)
}

// begin plans the first start.
func begin(f Facts) Plan {
	if err := unusable(f); err != nil {
		return Plan{Refusal: err}
	}
	p := Plan{Fresh: true, Slot: NewSlot}
	if f.Mode.Reads != spec.ReadNever {
		p.Read = All
	}
	if f.Slot == nil {
		return p
	}
	p.Slot = OldSlot
	if p.Read == Nothing {
		p.At = Beginning(f.System, f.Slot.ConfirmedFlush)
	}
	return p
}

// Beginning is the position of a connector that has delivered nothing and begins at a point of the server's log.
func Beginning(system pgrepl.System, at pgrepl.LSN) pgrepl.Position {
	return pgrepl.Position{SystemID: system.ID, Timeline: system.Timeline, Commit: at, Delivered: at}
}

// goOn plans for a connector that has a position.
func goOn(f Facts) Plan {
	p, err := reconcile(f)
	if err != nil {
		return renew(f, err)
	}
	p.Slot = OldSlot
	switch {
	case f.Mode.Reads == spec.ReadNever:
	case f.Saved.Reading:
		p.Read = Rest
	case f.Mode.Reads == spec.ReadAlways:
		p.Read = Instead
	}
	return p
}

// renew starts over if the slot's changes are lost and the policy allows it; otherwise it refuses.
func renew(f Facts, lost error) Plan {
	reason := pgrepl.ReasonOf(lost)
	if f.Mode.Lost != spec.ReadAgainIfLost || reason != pgrepl.ReasonSlotMissing && reason != pgrepl.ReasonSlotLost {
		return Plan{Refusal: lost}
	}
	again := f
	again.Saved, again.Slot = nil, nil
	p := begin(again)
	p.Lost, p.DropSlot = lost, f.Slot != nil
	return p
}

// reconcile compares the position with slot and server.
func reconcile(f Facts) (Plan, error) {
	at, trust := f.Saved.At, f.Mismatch
	next, err := pgrepl.Resume(f.Want, f.Slot, f.System, f.Timelines, at)
	if err != nil {
		if trust != spec.TrustSlot && trust != spec.TrustGreater || !acceptable(err) {
			return Plan{}, err
		}
		return Plan{At: acrossGap(f, err), Gap: err}, nil
	}
	if trust == spec.TrustSlot && f.Slot.ConfirmedFlush < next.Commit {
		next = pgrepl.Position{SystemID: next.SystemID, Timeline: next.Timeline, Commit: f.Slot.ConfirmedFlush}
		return Plan{At: located(f, next)}, nil
	}
	return Plan{At: located(f, next), Promotion: pgrepl.Promoted(f.System, at)}, nil
}

// located makes sure that a position names its server and timeline, which one that was set by hand
// may not.
func located(f Facts, at pgrepl.Position) pgrepl.Position {
	if at.SystemID == "" {
		at.SystemID, at.Timeline = f.System.ID, f.System.Timeline
	}
	return at
}

// acceptable reports whether a strategy can accept a mismatch: the slot exists and its changes can
// be read.
func acceptable(err error) bool {
	reason := pgrepl.ReasonOf(err)
	return reason == pgrepl.ReasonSlotAhead || reason == pgrepl.ReasonTimeline
}

// acrossGap returns where the stream goes on despite a mismatch.
func acrossGap(f Facts, mismatch error) pgrepl.Position {
	next := f.Saved.At
	if pgrepl.ReasonOf(mismatch) == pgrepl.ReasonTimeline {
		// A position of another history says nothing about this one beyond where they part.
		var known bool
		if next, known = f.Timelines.Common(next); !known {
			next = pgrepl.Position{}
		}
	}
	if f.Mismatch == spec.TrustSlot || f.Slot.ConfirmedFlush > next.Commit {
		next = pgrepl.Position{Commit: f.Slot.ConfirmedFlush}
	}
	next.SystemID, next.Timeline, next.Delivered = f.System.ID, f.System.Timeline, 0
	return next
}
