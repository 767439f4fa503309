package poll

import (
	"context"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// delivery takes the rows of one poll from COPY, which waits while they are written: memory holds one batch.
type delivery struct {
	session *session
	ctx     context.Context
	source  *source
	b       debezium.Batch
	row     pgmodel.Tuple
	// offset is the offset after the last row in the batch.
	offset offset
	// rows counts the rows that are written and not reported as delivered yet.
	rows int
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
	if len(d.b.Records) >= d.session.task.spec.delivery.BatchEvents ||
		d.b.Size >= d.session.task.spec.delivery.BatchBytes {
		put := d.deliver
		if d.source.mode != bulk && !d.source.resumable(d.offset, after) {
			put = d.hold
		}
		if err := put(); err != nil {
			return 0, err
		}
	}
	r, err := d.source.record(row)
	if err != nil {
		return 0, retry.Permanent("%w", err)
	}
	if err := d.session.writer.Append(&d.b, r); err != nil {
		return 0, retry.Permanent("%w", err)
	}
	d.offset = after
	return len(line), nil
}

// deliver writes the batch and the offset after it, and commits.
func (d *delivery) deliver() error {
	after := d.offset
	if err := d.write(after); err != nil {
		return err
	}
	if err := d.session.producer.Commit(d.ctx); err != nil {
		return err
	}
	d.source.offset = after
	d.session.task.report.Delivered(d.rows, d.session.producer.Transactional())
	d.rows = 0
	d.session.producer.Settle(d.ctx)
	return nil
}

// hold writes a batch after whose last row polling could not go on, since a row with the same
// offset follows. The Kafka transaction therefore stays open, and the offset stays the last safe
// one.
func (d *delivery) hold() error { return d.write(d.source.offset) }

func (d *delivery) write(after offset) error {
	if err := d.session.producer.Write(d.ctx, d.b.Records, d.source.offsetKey, after.json(d.source.mode)); err != nil {
		return err
	}
	d.rows += len(d.b.Records)
	d.b.Reset()
	return nil
}

// finish delivers what is left.
func (d *delivery) finish() error {
	if len(d.b.Records) == 0 && d.session.producer.Durable() {
		return nil
	}
	return d.deliver()
}
