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

// Report is told how the writing goes.
type Report interface {
	// Delivered reports records that are durable.
	Delivered(*buffer.Summary)
	// Waits tells that Kafka has not acknowledged records, or the end of a transaction where there
	// are none, for a while; it comes from a goroutine of its own. Acknowledges tells that it has
	// since.
	Waits(records int, longest time.Duration)
	Acknowledges()
	// NoticeFailed gets what Waits failed with.
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
	// Settle ends what follows a commit.
	Settle(ctx context.Context)
}

// Deps are what a writer works with.
type Deps struct {
	Producer Producer
	// OffsetKey is the key of the connector's offset.
	OffsetKey []byte
	// Versions is where versions of tables are kept; nil if they are not.
	Versions *schemas.Log
	Progress *progress.Progress
	Report   Report
	Fail     *failpoint.Set
}

// Writer is ready to write what New gave it.
type Writer struct {
	d   Deps
	sum buffer.Summary
}

// New makes a writer.
func New(d Deps) *Writer { return &Writer{d: d} }

// Spans of Kafka transactions.
const (
	// ForChanges is for how long batches of the stream join a transaction. The records of a longer
	// one would reach readers of committed records that much later.
	ForChanges = 20 * time.Millisecond
	// ForRows is for how long batches of a snapshot do: nobody waits for single rows.
	ForRows = 100 * time.Millisecond
)

// longest is after how long an unacknowledged batch counts as trouble worth showing.
const longest = 5 * time.Second

// Write writes a batch and the checkpoint that it leads to. Once Kafka has them free is told, after
// which the batch is the caller's again, and reports whether another one is there that may share
// the transaction, unless that is as old as span. durable says that the transaction is committed,
// or that there are none; Settle is to follow then.
func (w *Writer) Write(ctx context.Context, b *buffer.Batch, next progress.Checkpoint, span time.Duration,
	free func() (more bool)) (durable bool, err error) {
	w.d.Fail.Pass("before_produce")
	w.sum.Add(b)
	err = w.noticing(func() error {
		if err := w.put(ctx, b, next); err != nil {
			return err
		}
		if free() && time.Since(w.sum.Began) < span {
			return nil
		}
		return w.d.Producer.Commit(ctx)
	})
	if err != nil || !w.d.Producer.Durable() {
		return false, err
	}
	w.d.Progress.Delivered()
	w.d.Report.Delivered(&w.sum)
	w.sum.Reset()
	return true, nil
}

// Settle ends what follows a commit.
func (w *Writer) Settle(ctx context.Context) { w.d.Producer.Settle(ctx) }

// Commit commits what was written.
func (w *Writer) Commit(ctx context.Context) error { return w.d.Producer.Commit(ctx) }

// Save makes a batch durable at once that is told to nobody, and the checkpoint after it.
func (w *Writer) Save(ctx context.Context, b *buffer.Batch, next progress.Checkpoint) error {
	if err := w.put(ctx, b, next); err != nil {
		return err
	}
	if err := w.d.Producer.Commit(ctx); err != nil {
		return err
	}
	w.d.Progress.Delivered()
	w.d.Producer.Settle(ctx)
	return nil
}

// put sends a batch and the checkpoint that it leads to. Both are durable with the next commit.
func (w *Writer) put(ctx context.Context, b *buffer.Batch, next progress.Checkpoint) error {
	value, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("write the checkpoint: %w", err)
	}
	var versions []*kgo.Record
	if w.d.Versions != nil {
		for _, v := range b.Versions {
			r, err := w.d.Versions.Record(v.Version)
			if err != nil {
				return err
			}
			versions = append(versions, r)
		}
	}
	return w.d.Producer.Write(ctx, b.Records, w.d.OffsetKey, value, versions...)
}

// noticing runs the writing of records; where the broker does not answer, which the client waits
// out, it says so meanwhile.
func (w *Writer) noticing(write func() error) error {
	records := w.sum.Sent
	return watchdog.Run(longest, write, watchdog.Reports{
		Slow: func() { w.d.Report.Waits(records, longest) }, Succeeded: w.d.Report.Acknowledges,
		Failed: w.d.Report.NoticeFailed,
	})
}
