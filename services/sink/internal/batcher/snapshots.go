package batcher

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// snapshots is what is known about the snapshots that a partition's records come from.
type snapshots struct {
	// streamed says that changes came since the last snapshot; resumed that this is not known yet,
	// since an earlier task has read what came before.
	streamed, resumed bool
}

// admit has a record wait for what must be noted before its row may be committed: that the source's
// table was truncated, or that a table of changes, whose present state follows from them, is read
// again.
func (b *Batcher) admit(r *kgo.Record, kind row.Kind) error {
	if kind == row.Truncate && !b.awaited.has(r, aNote) {
		return b.awaited.wait(r, aNote, func(ctx context.Context) error { return b.truncated(ctx, r) })
	}
	if !b.of.Spec.Changes {
		return nil
	}
	s := &b.snapshots
	snapshot, streamed := b.enc.Rereads()
	if snapshot && s.resumed && !b.awaited.has(r, aLookBack) {
		return b.awaited.wait(r, aLookBack, func(ctx context.Context) (err error) {
			s.streamed, err = b.streamedBefore(ctx, r.Offset)
			return err
		})
	}
	if snapshot && s.streamed && !b.awaited.has(r, aNote) {
		return b.awaited.wait(r, aNote, func(ctx context.Context) error { return b.repeated(ctx, r) })
	}
	s.resumed = s.resumed && !snapshot && !streamed
	s.streamed = (s.streamed || streamed) && !snapshot
	return nil
}

// lookedBack is how many offsets before a snapshot are looked at for what came before it.
const lookedBack = 200

// streamedBefore reports whether the last row before an offset was a change of the stream, which an
// earlier task has brought into the table.
func (b *Batcher) streamedBefore(ctx context.Context, offset int64) (streamed bool, err error) {
	enc := row.NewEncoder(b.of.Spec.NewRows(b.table.Route), b.table.Rows())
	err = b.of.Retry.Do(ctx, func(ctx context.Context) error {
		return kafka.ReadUntil(ctx, b.of.Env.Kafka, b.source.Topic,
			map[int32]int64{b.source.Partition: max(0, offset-lookedBack)}, map[int32]int64{b.source.Partition: offset},
			func(r *kgo.Record) {
				if err := (&batch.Batch{}).Add(enc, r, nil); err != nil || r.Value == nil || r.Attrs.IsControl() {
					return // it made no row
				}
				if read, changed := enc.Rereads(); read || changed {
					streamed = changed
				}
			}, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	})
	return streamed, err
}

// truncated reports that the source's table was truncated, which a table of rows does not follow.
func (b *Batcher) truncated(ctx context.Context, r *kgo.Record) error {
	to := b.table.Route
	table := to.Database + "." + to.Table
	return b.of.Status.Notices.Keep(ctx, &status.Notice{
		Kind: status.Truncated, Topic: to.Topic, Table: table,
		Summary: fmt.Sprintf(
			"the source's table was truncated at %s, and the rows that it had are still in %s, where rows are appended and never removed", r.Timestamp.UTC().Format(time.RFC3339), table),
		Remedy: "table.form=changes with current.state=true gives the rows that the source has now. To empty the copy by hand: .clear table ['" + to.Table + "'] data, where no later rows are in it. " + b.of.Status.Notices.Acknowledge(),
	}, b.of.Retry.Do)
}

// repeated reports that a snapshot has begun after changes were streamed: what was deleted while
// nobody read the source's log has no delete in the topic.
func (b *Batcher) repeated(ctx context.Context, r *kgo.Record) error {
	to := b.table.Route
	table := to.Database + "." + to.Table
	return b.of.Status.Notices.Keep(ctx, &status.Notice{
		Kind: status.SnapshotRepeated, Topic: to.Topic, Table: table,
		Summary: fmt.Sprintf(
			"the source was read again by a snapshot from %s on (a lost slot, or a signal): rows that were deleted before it without an event are still in the present state of %s", r.Timestamp.UTC().Format(time.RFC3339), table),
		Remedy: "When the snapshot has ended, have them removed: calypsoctl repair <source connector> shows what it would remove, and with --write removes it. " + b.of.Status.Notices.Acknowledge(),
	}, b.of.Retry.Do)
}
