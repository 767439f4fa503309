package writer

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/schemas"
	"github.com/calypso-cdc/calypso/services/capture/internal/watchdog"
)

// Report receives reports of how the writing goes.
type Report interface {
	// Delivered reports records that are durable.
	Delivered(*buffer.Summary)
	// Waits reports that Kafka has not acknowledged records, or the end of a transaction if records is
	// 0, for as long as longest; it is called from a goroutine of its own. Acknowledges reports that
	// Kafka has done so since.
	Waits(records int, longest time.Duration)
	Acknowledges()
	// NoticeFailed gets the panic of Waits as an error.
	NoticeFailed(error)
}

// Producer writes to Kafka (deliver.Producer).
type Producer interface {
	// Write sends records and an offset, and what else belongs to them.
	Write(ctx context.Context, records []kgo.Record, key, value []byte, others ...*kgo.Record) error
	// Commit ends the open transaction.
	Commit(ctx context.Context) error
	// Durable reports whether everything that was written is.
	Durable() bool
	// Settle waits until the broker is ready for the next transaction.
	Settle(ctx context.Context)
}

// Saver writes batches and checkpoints that are reported to nobody.
type Saver struct {
	Producer Producer
	// OffsetKey is the key of the connector's offset.
	OffsetKey []byte
	// Versions is where versions of tables are kept; nil if they are not.
	Versions *schemas.Log
	Progress *progress.Progress
}

// Save makes a batch and the checkpoint after it durable at once. The batch is not reported as
// delivered.
func (s Saver) Save(ctx context.Context, b *buffer.Batch, next progress.Checkpoint) error {
	if err := s.put(ctx, b, next); err != nil {
		return err
	}
	if err := s.Producer.Commit(ctx); err != nil {
		return err
	}
	s.Progress.Delivered()
	s.Producer.Settle(ctx)
	return nil
}

// put sends a batch and the checkpoint that it leads to. Both are durable with the next commit.
func (s Saver) put(ctx context.Context, b *buffer.Batch, next progress.Checkpoint) error {
	value, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("write the checkpoint: %w", err)
	}
	var versions []*kgo.Record
	if s.Versions != nil {
		for _, v := range b.Summary.Versions {
			r, err := s.Versions.Record(v.Version)
			if err != nil {
				return err
			}
			versions = append(versions, r)
		}
	}
	return s.Producer.Write(ctx, b.Events.Records, s.OffsetKey, value, versions...)
}

// Writer writes batches and reports what is durable. It is used by one goroutine at a time.
type Writer struct {
	saver  Saver
	report Report
	fail   *failpoint.Set
	sum    buffer.Summary
}

// New makes a writer, which writes as s does.
func New(s Saver, report Report, fail *failpoint.Set) *Writer {
	return &Writer{saver: s, report: report, fail: fail}
}

// Spans of Kafka transactions.
const (
	// ForChanges is how long batches of the stream may join a transaction: readers of committed
	// records get its first record that much later.
	ForChanges = 20 * time.Millisecond
	// ForRows is how long batches of a snapshot may: nobody waits for single rows.
	ForRows = 100 * time.Millisecond
)

// longest is how long a batch may stay unacknowledged before that is worth showing.
const longest = 5 * time.Second

// Write writes a batch and the checkpoint that it leads to. Once Kafka has them it calls free,
// which takes the batch back and reports whether another one is ready. That one may share the
// transaction, unless the transaction is as old as span. durable is true if the transaction is
// committed, or if there are no transactions; the caller then has to call Settle.
func (w *Writer) Write(ctx context.Context, b *buffer.Batch, next progress.Checkpoint, span time.Duration,
	free func() (more bool)) (durable bool, err error) {
	w.fail.Pass("before_produce")
	w.sum.Add(b)
	err = w.noticing(func() error {
		if err := w.saver.put(ctx, b, next); err != nil {
			return err
		}
		if free() && time.Since(w.sum.Began) < span {
			return nil
		}
		return w.saver.Producer.Commit(ctx)
	})
	if err != nil || !w.saver.Producer.Durable() {
		return false, err
	}
	w.saver.Progress.Delivered()
	w.report.Delivered(&w.sum)
	w.sum.Reset()
	return true, nil
}

// Settle waits until the broker is ready for the next transaction.
func (w *Writer) Settle(ctx context.Context) { w.saver.Producer.Settle(ctx) }

// Commit commits what was written.
func (w *Writer) Commit(ctx context.Context) error { return w.saver.Producer.Commit(ctx) }

// Save makes a batch and the checkpoint after it durable at once, as the writer's Saver does.
func (w *Writer) Save(ctx context.Context, b *buffer.Batch, next progress.Checkpoint) error {
	return w.saver.Save(ctx, b, next)
}

// noticing runs the writing of records. If the broker does not answer, which the client waits out,
// it reports that meanwhile.
func (w *Writer) noticing(write func() error) error {
	records := w.sum.Sent
	return watchdog.Run(longest, write, watchdog.Reports{
		Slow: func() { w.report.Waits(records, longest) }, Succeeded: w.report.Acknowledges,
		Failed: w.report.NoticeFailed,
	})
}
