package poll

import (
	"context"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// delivery takes the rows of one poll from COPY, which waits while they are written: memory holds one batch.
type delivery struct {
	*session
	ctx    context.Context
	source *source
	b      change.Batch
	row    change.Tuple
	// offset is that of the last row in the batch.
	offset offset
}

// Write takes one row.
func (d *delivery) Write(line []byte) (int, error) {
	row, err := pgrepl.SplitCopyRow(d.row[:0], line)
	if err != nil {
		return 0, err
	}
	d.row = row
	after, err := d.source.offsetOf(row)
	if err != nil {
		return 0, err
	}
	if len(d.b.Records) >= d.settings.delivery.BatchEvents || d.b.Size >= d.settings.delivery.BatchBytes {
		if err := d.deliver(d.source.mode != bulk && !d.source.resumable(d.offset, after)); err != nil {
			return 0, err
		}
	}
	r, err := d.source.record(row)
	if err != nil {
		return 0, retry.Permanent("%w", err)
	}
	if err := d.writer.Append(&d.b, r); err != nil {
		return 0, retry.Permanent("%w", err)
	}
	d.offset = after
	return len(line), nil
}

// deliver writes the batch and the offset after it. Where polling could not go on after that offset, since a row with the
// same one follows, the Kafka transaction stays open for it, and the offset stays the last that is safe.
func (d *delivery) deliver(open bool) error {
	after := d.offset
	if open {
		after = d.source.offset
	}
	if err := d.producer.Write(d.ctx, d.b.Records, d.source.offsetKey, after.json(d.source.mode)); err != nil {
		return err
	}
	n := len(d.b.Records)
	d.b.Reset()
	if open {
		return nil
	}
	if err := d.producer.Commit(d.ctx); err != nil {
		return err
	}
	d.source.offset = after
	d.report.Delivered(n, d.producer.Transactional())
	d.producer.Settle(d.ctx)
	return nil
}

// finish delivers what is left.
func (d *delivery) finish() error {
	if len(d.b.Records) == 0 && d.producer.Durable() {
		return nil
	}
	return d.deliver(false)
}
