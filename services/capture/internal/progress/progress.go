package progress

import (
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// Checkpoint says what a connector has delivered. It is the value of the source offset, written in
// the same Kafka transaction as the events that lead to it.
type Checkpoint struct {
	// At is the first change of the stream that is not delivered.
	At pgrepl.Position
	// TxID and CommitTime (microseconds since the Unix epoch) are those of the last delivered transaction.
	TxID       uint32
	CommitTime int64
	// Snapshot is the snapshot that is unfinished; nil if none is.
	Snapshot *Snapshot
	// Incremental is the progress of the last incremental snapshot; nil if there never was one.
	Incremental *Incremental
	// SignalOffset is the next offset of the signal topic; nil if none was ever followed.
	SignalOffset *int64
}

// Step is how far the records of a batch advance the capture. What is nil stays as it was.
type Step struct {
	// At is the position after the last record.
	At pgrepl.Position
	// Committed is the last transaction that ends in the batch.
	Committed *Commit
	// Incremental is what has been read of tables while the stream goes on.
	Incremental *Incremental
	// SignalOffset is the offset after the last record of the signal topic that the batch obeys.
	SignalOffset *int64
}

// Commit is a transaction that ended.
type Commit struct {
	TxID       uint32
	CommitTime int64
}

// Progress is how far a capture is: what was taken, and what is durable (doc.go).
type Progress struct {
	// taken is the checkpoint of the last step; durable is the position up to which everything is
	// in Kafka, not after taken's.
	taken   Checkpoint
	durable pgrepl.LSN
	// begun says that there is a position at all.
	begun bool
}

// Since makes the progress of a capture that goes on from a durable checkpoint; nil stands for a
// capture that has not begun.
func Since(saved *Checkpoint) *Progress {
	if saved == nil {
		return new(Progress)
	}
	return &Progress{taken: *saved, durable: saved.At.Commit, begun: true}
}

// Begun reports whether there is a position.
func (p *Progress) Begun() bool { return p.begun }

// Checkpoint is where the last step led.
func (p *Progress) Checkpoint() Checkpoint { return p.taken }

// Begin starts over at a point of the stream and forgets what was read or followed before. It is
// for a capture without a position, or whose position no longer counts.
func (p *Progress) Begin(at pgrepl.Position) { *p = Progress{taken: Checkpoint{At: at}, begun: true} }

// Resume sets the position at which the stream goes on, whatever was delivered: it may lie before
// the last one, or beyond changes that a snapshot stands in for.
func (p *Progress) Resume(at pgrepl.Position) {
	p.taken.At, p.durable = at, min(p.durable, at.Commit)
}

// Reads notes that a snapshot is unfinished. It is durable with the next step.
func (p *Progress) Reads(s *Snapshot) { p.taken.Snapshot = s }

// Take notes how far a batch advances the capture and returns the checkpoint to write with it. A
// position before the last one is a fault of the caller: records between the two would come twice.
func (p *Progress) Take(s Step) Checkpoint {
	if s.At.Before(p.taken.At) {
		panic(fmt.Sprintf("progress: a step to %s after one to %s", s.At, p.taken.At))
	}
	p.taken.At, p.begun = s.At, true
	if s.Committed != nil {
		p.taken.TxID, p.taken.CommitTime = s.Committed.TxID, s.Committed.CommitTime
	}
	if s.Incremental != nil {
		p.taken.Incremental = s.Incremental
	}
	if s.SignalOffset != nil {
		p.taken.SignalOffset = s.SignalOffset
	}
	return p.taken
}

// Rows notes how far a batch advances the unfinished snapshot, and returns the checkpoint to write
// with it. The position stays: the rows are as of it.
func (p *Progress) Rows(s *Snapshot) Checkpoint {
	p.taken.Snapshot = s
	return p.taken
}

// Finish ends the snapshot, after which the stream goes on at a position, and returns the checkpoint to write.
func (p *Progress) Finish(at pgrepl.Position) Checkpoint {
	p.taken.At, p.taken.Snapshot = at, nil
	return p.taken
}

// Delivered notes that everything taken is durable in Kafka.
func (p *Progress) Delivered() { p.durable = p.taken.At.Commit }

// Durable is the position to confirm to PostgreSQL: everything that committed before it is durable
// in Kafka, and so is the checkpoint that says so.
func (p *Progress) Durable() pgrepl.LSN { return p.durable }
