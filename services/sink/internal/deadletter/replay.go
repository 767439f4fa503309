package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/ingest"
	"github.com/calypso-cdc/calypso/services/sink/internal/resolution"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"
)

// maxNoted is how many bytes of compressed rows a noted batch may have, about: brokers take
// messages of 1 MiB by default, and the rows are in base64. A letter that is larger by itself is a
// batch of its own.
const maxNoted = 384 << 10

// replay ingests letters again. One goroutine owns it.
//
// Each round reads the resolutions first. A batch that was noted for one of the letters, by this call or
// any other, is sent and its end noted; letters are noted as a new batch only when there is none.
// So calls that overlap, or follow one that was interrupted, send the same rows under the same
// tags, and ADX takes each tag once.
type replay struct {
	queue *Queue
	// groups are the letters whose end is not known, those of a group from one topic.
	groups [][]Letter
	// mine are the ids of batches that this call has noted.
	mine map[string]bool
	// done counts the letters that are in the table, refused has those that are not.
	done    int
	refused []Letter
}

// Replay returns how many letters came into the table, and those that were refused again.
func (q *Queue) Replay(ctx context.Context, found []Letter) (done int, refused []Letter, err error) {
	r := &replay{queue: q, mine: map[string]bool{}}
	byTopic := map[string]int{}
	for _, one := range found {
		i, ok := byTopic[one.Record.Topic]
		if !ok {
			i = len(r.groups)
			byTopic[one.Record.Topic], r.groups = i, append(r.groups, nil)
		}
		r.groups[i] = append(r.groups[i], one)
	}
	for len(r.groups) > 0 && err == nil {
		err = r.round(ctx)
	}
	return r.done, r.refused, err
}

// round brings some letters to their end, or notes a batch for the next round.
func (r *replay) round(ctx context.Context) error {
	known, err := r.queue.Topic.Resolutions(ctx)
	if err != nil {
		return err
	}
	for _, group := range r.groups {
		for _, one := range group {
			if b := known.Open(one.ID); b != nil {
				return r.finish(ctx, b)
			}
		}
	}
	r.take(func(one Letter) bool { return known.Done(one.ID) }) // by another call
	if len(r.groups) == 0 {
		return nil
	}
	return r.begin(ctx, r.groups[0], known)
}

// take removes letters from the groups and returns them.
func (r *replay) take(which func(Letter) bool) (taken []Letter) {
	var left [][]Letter
	for _, group := range r.groups {
		var rest []Letter
		for _, one := range group {
			if which(one) {
				taken = append(taken, one)
			} else {
				rest = append(rest, one)
			}
		}
		if len(rest) > 0 {
			left = append(left, rest)
		}
	}
	r.groups = left
	return taken
}

// refuse ends letters for a reason.
func (r *replay) refuse(those []Letter, reason error) {
	for _, one := range those {
		one.Reason, one.Rejection = r.queue.Env.Hidden(reason.Error()), rejectionOf(reason)
		r.refused = append(r.refused, one)
	}
}

// begin notes as many of a group's letters as go into a batch, with their rows. Letters that make no row are refused.
func (r *replay) begin(ctx context.Context, group []Letter, known *resolution.Log) error {
	to, err := r.queue.target(ctx, group[0].Record.Topic)
	if err != nil {
		return err
	}
	rows := &batch.Batch{}
	enc := row.NewEncoder(r.queue.s.NewRows(to.Route), to.Rows())
	noted := &resolution.Batch{ID: uuid.NewString(), At: known.Next(), Of: known.Of, Topic: group[0].Record.Topic}
	unfit := map[string]error{}
	for _, one := range group {
		if len(noted.Letters) > 0 && (rows.Gz.Len()+len(rows.Raw) > maxNoted || r.queue.s.WholeFiles(to.Route)) {
			break
		}
		refusal, err := r.row(ctx, to, rows, enc, one.Record)
		if err != nil {
			return err
		}
		if refusal != nil {
			unfit[one.ID] = refusal
			continue
		}
		noted.Letters, noted.Copies = append(noted.Letters, one.ID), append(noted.Copies, one.copies...)
		if one.edited {
			noted.Edited = append(noted.Edited, one.ID)
		}
	}
	rows.Close()
	for _, one := range r.take(func(one Letter) bool { return unfit[one.ID] != nil }) {
		r.refuse([]Letter{one}, unfit[one.ID])
	}
	if len(noted.Letters) == 0 {
		return nil
	}
	if rows.Rows > 0 {
		blob, err := r.queue.ingest.Blob(ctx, to, rows)
		if err != nil {
			return err
		}
		noted.Database, noted.Table, noted.Format, noted.Mapping = blob.Database, blob.Table, blob.Format, blob.Mapping
		noted.Plain, noted.RawSize, noted.Rows = blob.Plain, blob.RawSize, blob.Data
	}
	r.mine[noted.ID] = true
	_, err = r.queue.Topic.noteBatch(ctx, noted) // where another call was faster the next round finds its batch
	return err
}

// row adds a letter's row to a batch, once the table has the columns that it needs, as with
// records. A refusal says that the letter makes no row.
func (r *replay) row(ctx context.Context, to *target.Table, rows *batch.Batch, enc *row.Encoder,
	letter *kgo.Record) (refusal, err error) {
	q := r.queue
	if q.s.AutoCreate || q.s.AutoEvolve {
		schema, unread := enc.Schema(letter)
		if away := (*record.Unavailable)(nil); errors.As(unread, &away) {
			if err := q.retry.Do(ctx, func(context.Context) error { return q.ingest.Readable(letter) }); err != nil {
				return nil, err
			}
			schema, unread = enc.Schema(letter)
		}
		if unread == nil {
			changed, err := to.Evolve(ctx, schema, func(func(*row.Schema) bool) {})
			switch {
			case errors.As(err, new(*target.Unfit)):
				return err, nil
			case err != nil:
				return nil, err
			case changed:
				enc.Retarget(to.Rows())
			}
		}
	}
	return q.ingest.Add(ctx, rows, enc, letter)
}

// finish sends a batch and notes its end.
func (r *replay) finish(ctx context.Context, b *resolution.Batch) error {
	to, err := r.queue.target(ctx, b.Topic)
	if err != nil {
		return err
	}
	if len(b.Rows) > 0 {
		err = r.queue.ingest.Send(ctx, to, &kusto.Blob{
			Database: b.Database, Table: b.Table, Format: b.Format, Mapping: b.Mapping, Data: b.Rows, Plain: b.Plain,
			RawSize: b.RawSize,
			Tag:     fmt.Sprintf("%s/replay/%s", r.queue.s.DeadTopic, b.ID),
		})
	}
	refused := ingest.RowsRefused(err)
	if err != nil && !refused {
		return err
	}
	r.queue.failpoints.Pass("after_replay")
	note := r.queue.Topic.arrived
	if refused {
		note = r.queue.Topic.freed
	}
	if noteErr := note(ctx, b); noteErr != nil {
		return noteErr
	}
	those := r.take(func(one Letter) bool { return slices.Contains(b.Letters, one.ID) })
	switch {
	case refused && len(b.Letters) == 1:
		r.refuse(those, err)
	case refused: // the half with the row at fault is refused again, the other is not
		for _, half := range [][]Letter{those[:len(those)/2], those[len(those)/2:]} {
			if len(half) > 0 {
				r.groups = append([][]Letter{half}, r.groups...)
			}
		}
	default:
		for _, one := range those {
			if one.edited && !r.mine[b.ID] {
				r.refuse([]Letter{one},
					fmt.Errorf("another replay of this letter had begun; its row is in the table without this edit"))
				continue
			}
			r.done++
		}
	}
	return nil
}

// target finds a topic's table, and looks at it once in each call: the user has probably fixed it.
func (q *Queue) target(ctx context.Context, topic string) (*target.Table, error) {
	if !q.probed {
		if err := q.retry.Do(ctx, q.tables.Probe); err != nil {
			return nil, err
		}
		q.probed = true
	}
	return q.tables.Of(ctx, topic)
}
