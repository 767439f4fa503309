package batcher

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/ingest"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"
)

// Task is what a task gives the batchers of its partitions.
type Task struct {
	Env      connector.TaskEnv
	Spec     *spec.Spec
	Retry    *retry.Retrier
	Tables   *target.Tables
	Ingest   *ingest.Ingester
	Reporter *deadletter.Reporter
	Status   *status.Task
}

// Batcher turns a partition's records into rows. One goroutine owns it.
type Batcher struct {
	of     *Task
	source batch.Source
	// waiting are the records that wait to be taken, in their order.
	waiting iter.Seq[*kgo.Record]

	table *target.Table
	// unsure says that no record has said yet that they go to table.
	unsure bool
	enc    *row.Encoder
	// version is that of the table that enc is made for.
	version int
	// fitted is the schema that the table was last made to fit, once it was.
	fitted     *row.Schema
	fittedOnce bool
	// filled are columns that the task added and that rows of this partition had a field for.
	filled    map[string]bool
	snapshots snapshots
	awaited   awaited
}

// New makes the batcher of a partition. resumed says that an earlier task has read what came
// before; waiting returns the records that wait to be taken.
func New(of *Task, source batch.Source, resumed bool, waiting iter.Seq[*kgo.Record]) *Batcher {
	return &Batcher{of: of, source: source, waiting: waiting, filled: map[string]bool{},
		snapshots: snapshots{resumed: resumed}}
}

// Table is where the records go; nil before the first was routed.
func (b *Batcher) Table() *target.Table { return b.table }

// Route finds the table that a record goes to, and makes the encoder. A record that does not say
// where it is routed, such as one that cannot be read, makes no row either: what is found for it
// holds only until the next one.
func (b *Batcher) Route(r *kgo.Record) error {
	if b.enc != nil && !b.unsure {
		return nil
	}
	if b.of.Ingest.Readable(r) != nil {
		return b.unreadable(r)
	}
	topic, sure := b.of.Spec.TopicOf(r)
	if b.enc != nil && !sure {
		return nil
	}
	t, err := b.of.Tables.Find(topic)
	if err != nil {
		return err
	}
	if !t.Opened() {
		return &Waits{t.Open}
	}
	if b.unsure = !sure; b.table == t {
		return nil
	}
	b.table = t
	b.enc = row.NewEncoder(b.of.Spec.NewRows(t.Route), row.Target{})
	b.retarget()
	b.of.Status.Routed(b.source, t.Route)
	return nil
}

// Refresh has the table looked at soon, since rows came into it.
func (b *Batcher) Refresh() {
	if b.table != nil {
		b.table.Refresh()
	}
}

// retarget makes the next rows be checked against the table as it was last seen.
func (b *Batcher) retarget() {
	b.version = b.table.Version()
	b.enc.Retarget(b.table.Rows())
}

// Add adds a routed record's row to a batch. After an error the batch is as it was.
func (b *Batcher) Add(ctx context.Context, to *batch.Batch, r *kgo.Record) error {
	refusal, err := b.row(to, r)
	switch {
	case err != nil:
		return err
	case refusal != nil && !b.of.Reporter.Tolerates():
		return fmt.Errorf(
			"offset %d of partition %d of %s: %w. %s, or set errors.tolerance=all with errors.deadletterqueue.topic.name to set such records aside",
			r.Offset, r.Partition, r.Topic, refusal, deadletter.Remedy(refusal))
	case refusal != nil:
		to.Refused = append(to.Refused, batch.Refused{Record: batch.Copy(r), Reason: refusal})
		return nil
	}
	b.table.Follow(ctx, target.Followed{Source: b.source, Encoder: b.enc, Filled: b.filled}, r)
	return nil
}

// row adds a record's row to a batch. A refusal says that the record makes no row.
func (b *Batcher) row(to *batch.Batch, r *kgo.Record) (refusal, err error) {
	if to.Oldest.IsZero() {
		if b.table.Stale() && !b.awaited.has(r, aLook) {
			return nil, b.awaited.wait(r, aLook, b.table.LookAgain)
		}
		to.Version = b.table.Version()
	}
	if b.table.Version() != b.version {
		b.retarget()
	}
	if err := b.fit(r); errors.As(err, new(*target.Unfit)) {
		return err, nil
	} else if err != nil {
		return nil, err
	}
	refusal = to.Add(b.enc, r, b.admit)
	if refusal != nil && b.table.ChangedSince(b.version, refusal) {
		b.retarget()
		refusal = to.Add(b.enc, r, b.admit)
	}
	switch {
	case refusal == nil:
		return nil, nil
	case errors.As(refusal, new(*Waits)):
		return nil, refusal
	case errors.As(refusal, new(*record.Unavailable)):
		return nil, b.unreadable(r)
	case b.table.Doubtful(refusal) && !b.awaited.has(r, aLook):
		return nil, b.awaited.wait(r, aLook, b.table.LookAgain)
	}
	return refusal, nil
}

// unreadable says that what is needed to read a record, such as a schema registry, is not available,
// which is not the record's fault.
func (b *Batcher) unreadable(r *kgo.Record) error {
	return &Waits{func(ctx context.Context) error {
		return b.of.Retry.Do(ctx, func(context.Context) error { return b.of.Ingest.Readable(r) })
	}}
}

// fit has the table, and its current state, created or widened when a record brings a schema that
// was not seen before.
func (b *Batcher) fit(r *kgo.Record) error {
	s := b.of.Spec
	if !s.AutoCreate && !s.AutoEvolve && !s.CurrentState || r.Value == nil || r.Attrs.IsControl() {
		return nil
	}
	schema, err := b.enc.Schema(r)
	if errors.As(err, new(*record.Unavailable)) {
		return b.unreadable(r)
	}
	if err != nil {
		return nil // it makes no row, and says nothing of rows
	}
	if schema == b.fitted && b.fittedOnce || r.Key == nil && row.IsTruncate(r.Value) {
		// which has no key and no row to learn from
		return nil
	}
	if fits, err := b.table.Fits(schema); err != nil {
		return err
	} else if !fits && !b.awaited.has(r, aChange) {
		later := slices.Collect(b.laterSchemas) // read here, since the encoder is this goroutine's
		table := b.table
		return b.awaited.wait(r, aChange, func(ctx context.Context) error {
			if _, err := table.Evolve(ctx, schema, slices.Values(later)); err != nil {
				return err
			}
			return table.EnsureCurrentState(ctx, r.Key)
		})
	}
	if b.table.Version() != b.version { // it was changed for this record
		b.retarget()
	}
	b.fitted, b.fittedOnce = schema, true
	return nil
}

// laterSchemas yields the schemas of the waiting records, in their order; runs of the same schema
// come once.
func (b *Batcher) laterSchemas(yield func(*row.Schema) bool) {
	var last *row.Schema
	for r := range b.waiting {
		if r.Value == nil || r.Attrs.IsControl() {
			continue
		}
		if schema, err := b.enc.Schema(r); err == nil && schema != nil && schema != last {
			if last = schema; !yield(schema) {
				return
			}
		}
	}
}
