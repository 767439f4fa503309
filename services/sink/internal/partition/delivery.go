package partition

import (
	"context"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"
)

// delivery is a closed batch on its way into its table, in a goroutine of its own.
type delivery struct {
	of     *Member
	source batch.Source
	// ctx ends with the partition.
	ctx   context.Context
	to    *target.Table
	batch *batch.Batch
	// recorded tells when the batch's cut is recorded.
	recorded <-chan error
	splits   chan<- splitRequest
}

// splitRequest asks for a cut to be split before middle. The answer is when that is recorded; nil if it cannot be.
type splitRequest struct {
	cut    ledger.Cut
	middle int64
	answer chan (<-chan error)
}

// run sends the batch and returns when its rows are in the table and its refused records are set aside.
func (d *delivery) run() error {
	d.of.Failpoints.Pass("before_record")
	if err := d.await(d.recorded); err != nil {
		return err
	}
	d.of.Failpoints.Pass("after_record")
	if err := d.of.Task.Reporter.SetAside(d.ctx, d.batch.Refused); err != nil {
		return err
	}
	if d.batch.Rows == 0 {
		return nil
	}
	divide := d.divide
	if !d.of.Task.Spec.Exact || d.batch.Streamed {
		divide = func(ledger.Cut, int64) error { return nil }
	}
	return d.of.Task.Ingest.Deliver(d.ctx, d.to, d.source, d.batch, divide)
}

// divide splits a cut and returns when that is recorded, so that a crash repeats the parts and not
// the whole. If the ledger has no room for it, the parts are sent unrecorded.
func (d *delivery) divide(c ledger.Cut, middle int64) error {
	r := splitRequest{c, middle, make(chan (<-chan error), 1)}
	select {
	case d.splits <- r:
		if recorded := <-r.answer; recorded != nil {
			return d.await(recorded)
		}
		return nil
	case <-d.ctx.Done():
		return context.Cause(d.ctx)
	}
}

// await waits until something is recorded, or the partition ends.
func (d *delivery) await(recorded <-chan error) error {
	select {
	case err := <-recorded:
		return err
	case <-d.ctx.Done():
		return context.Cause(d.ctx)
	}
}
