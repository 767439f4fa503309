package snapshot

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/clock"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
)

// worker reads ranges on one connection and encodes their rows.
type worker struct {
	n   *Snapshot
	ctx context.Context
	b   *rowBatch
	row pgmodel.Tuple

	// of is the range being read, enc its table's encoder.
	of  pageRange
	enc *encode.Table
	// held is the last row read. It is kept back until it is known whether it is the last of its table
	// or of the snapshot, since the ranges that follow may have no rows.
	held heldRow
	// unsent is why held could not be sent.
	unsent error
	// ctid is that of the last row sent.
	ctid  []byte
	clock clock.Clock
	ev    debezium.Event
	// lines counts the rows of the range being read; notices are sent after the row that is held back.
	lines         int64
	notices       []tableNotice
	notifications *debezium.NotificationEncoder
}

// heldRow is a row that is not sent yet; there is none if its line is empty.
type heldRow struct {
	line []byte
	of   pageRange
	enc  *encode.Table
	// first says that the row is the first of its range, ended that its range has no more, last that its table has none.
	first, ended, last bool
}

func (n *Snapshot) work(ctx context.Context, imported chan<- struct{}) error {
	conn, err := n.d.Connections.Dial(ctx, "take part in a snapshot")
	if err != nil {
		return err
	}
	defer conn.Disconnect()
	if err := Import(ctx, conn.Conn, n.from.Name); err != nil {
		return err
	}
	imported <- struct{}{}
	w := &worker{n: n, ctx: ctx, b: <-n.free, notifications: debezium.NewNotificationEncoder(n.d.Events)}
	w.ev = debezium.Event{Op: debezium.Read, Source: n.from.Source}
	for {
		r, ok := n.queue.take()
		if !ok {
			break
		}
		if w.of.table != r.table {
			conn.Uses("read table " + r.table.String())
			if err := w.open(ctx, conn.Conn, r.table); err != nil {
				return err
			}
			if w.n.queue.open(r.table) {
				w.notices = append(w.notices, tableNotice{table: r.table})
			}
		}
		if err := w.read(ctx, conn.Conn, r); err != nil {
			of := r.table
			if w.unsent != nil { // a row of the table that was read before, perhaps
				of, err = w.held.of.table, w.unsent
			}
			return fmt.Errorf("snapshot of table %s: %w", of, changedMeanwhile(err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	end := debezium.SnapshotTrue
	if last, err := w.n.queue.retire(ctx, len(w.held.line) > 0); err != nil {
		return err
	} else if last {
		end = debezium.SnapshotLast
	}
	if err := w.emit(end); err != nil {
		return err
	}
	return w.flush()
}

// open prepares for the rows of a table.
func (w *worker) open(ctx context.Context, conn *pgx.Conn, t *table) error {
	if w.n.d.Spec.Snapshot.Lock {
		_, err := conn.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d; LOCK TABLE %s IN ACCESS SHARE MODE",
			w.n.d.Spec.Snapshot.LockTimeout.Milliseconds(), pgrepl.QuoteTable(t.Schema, t.Name)))
		if err != nil {
			return fmt.Errorf("lock table %s for the snapshot: %w", t, err)
		}
	}
	if t.sql != "" {
		// COPY would take several statements at once; a prepared statement is one.
		if _, err := conn.PgConn().Prepare(ctx, "", t.sql, nil); err != nil {
			return fmt.Errorf("snapshot.select.statement.overrides.%s: %w", t, err)
		}
	}
	rel := w.n.d.Relations[t.OID]
	enc, err := w.n.d.Rules.Table(rel)
	if err != nil {
		return err
	}
	w.enc = enc
	return nil
}

// query is the COPY statement of a range. The ctid comes first, so that a later run can go on after
// the last durable row.
func (w *worker) query(r pageRange) string {
	var b strings.Builder
	b.WriteString("COPY (SELECT ")
	if !r.part.whole {
		b.WriteString("ctid, ")
	}
	b.WriteString(w.enc.Columns.Selection())
	switch part := pgrepl.QuoteTable(r.part.Schema, r.part.Name); {
	case r.table.sql != "":
		fmt.Fprintf(&b, " FROM (%s) q", r.table.sql)
	case r.part.whole:
		b.WriteString(" FROM " + part)
	default:
		b.WriteString(" FROM ONLY " + part)
		if p := r.predicate(); p != "" {
			b.WriteString(" WHERE " + p)
		}
	}
	b.WriteString(") TO STDOUT")
	return b.String()
}

func (w *worker) read(ctx context.Context, conn *pgx.Conn, r pageRange) error {
	w.of, w.lines = r, 0
	if err := pgrepl.Copy(ctx, conn.PgConn(), w, w.query(r)); err != nil {
		return w.enc.Columns.ReadError(w.n.d.Spec.Connection.User, w.n.d.Server.Encoding, err)
	}
	last, rows := w.n.queue.finish(r.table, w.lines)
	if last {
		w.notices = append(w.notices, tableNotice{table: r.table, ends: true, rows: rows})
	}
	if len(w.held.line) > 0 && w.held.of == r {
		w.held.ended = true
	} else {
		w.step(r).done = true
	}
	if w.held.of.table == r.table {
		w.held.last = last
	}
	if len(w.held.line) == 0 {
		return w.tellTables()
	}
	return nil
}

// Write takes one row from COPY.
func (w *worker) Write(line []byte) (int, error) {
	first := w.held.of != w.of
	w.lines++
	if w.unsent = w.emit(debezium.SnapshotTrue); w.unsent != nil {
		return 0, w.unsent
	}
	w.held = heldRow{line: append(w.held.line, line...), of: w.of, enc: w.enc, first: first}
	return len(line), nil
}

// emit sends the row that was held back, if there is one. end is SnapshotLast for the last row of
// the snapshot, else SnapshotTrue.
func (w *worker) emit(end debezium.SnapshotMark) error {
	held := &w.held
	if len(held.line) == 0 {
		return nil
	}
	row, err := pgrepl.SplitCopyRow(w.row[:0], held.line)
	if err != nil {
		return err
	}
	w.row = row
	step := w.step(held.of)
	if !held.of.part.whole {
		w.ctid = append(w.ctid[:0], row[0].Data...)
		row = row[1:]
	}
	if want := len(held.enc.Columns.Relation.Columns); len(row) != want {
		return fmt.Errorf("row of %d columns, want %d", len(row), want)
	}
	w.ev.Source.Snapshot, w.ev.After, w.ev.Now = w.mark(end), row, w.clock.Read()
	k, err := held.enc.Append(&w.b.batch.Events, &w.ev)
	if err != nil {
		return err
	}
	w.b.batch.Summary.Count(held.enc.Name, int64(k), &w.ev)
	step.rows++
	step.done = held.ended
	held.line = held.line[:0]
	if len(w.notices) > 0 {
		if err := w.tellTables(); err != nil {
			return err
		}
	}
	full := w.n.d.Spec.Delivery
	if len(w.b.batch.Events.Records) < full.BatchEvents && w.b.batch.Events.Size < full.BatchBytes {
		return nil
	}
	return w.send()
}

// mark is source.snapshot of the row that is held.
func (w *worker) mark(end debezium.SnapshotMark) debezium.SnapshotMark {
	if end == debezium.SnapshotLast || !w.held.first && !w.held.last {
		return end
	}
	switch at := w.n.queue.begin(w.held.of.table); {
	case at.first:
		return debezium.SnapshotFirst
	case w.held.last:
		return debezium.SnapshotLastInTable
	case at.firstInTable:
		return debezium.SnapshotFirstInTable
	}
	return end
}

// step is the advance of a range in the batch being filled.
func (w *worker) step(r pageRange) *step {
	if n := len(w.b.steps); n == 0 || w.b.steps[n-1].r != r {
		w.reach()
		w.b.steps = append(w.b.steps, step{table: r.table.String(), r: r})
	}
	return &w.b.steps[len(w.b.steps)-1]
}

// reach notes how far the last step's range has been sent.
func (w *worker) reach() {
	if n := len(w.b.steps); n > 0 && w.b.steps[n-1].rows > 0 && !w.b.steps[n-1].r.part.whole {
		w.b.steps[n-1].at = string(w.ctid)
	}
}

// send hands the batch over and takes a free one.
func (w *worker) send() error {
	w.reach()
	select {
	case w.n.filled <- w.b:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	select {
	case w.b = <-w.n.free:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	w.clock.Stop()
	return nil
}

// flush hands the last batch over.
func (w *worker) flush() error {
	if len(w.b.steps) == 0 {
		return nil
	}
	w.reach()
	select {
	case w.n.filled <- w.b:
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// tableNotice says that the reading of a table begins or, if ends, that all its rows are read.
type tableNotice struct {
	table *table
	ends  bool
	rows  int64
}

// tellTables sends the notices that wait.
func (w *worker) tellTables() error {
	all := w.n.queue.names()
	for _, n := range w.notices {
		tell := func() error { return w.n.d.Notifier.Table(w.notifications, &w.b.batch.Events, n.table.String(), all) }
		if n.ends {
			tell = func() error {
				return w.n.d.Notifier.TableRead(w.notifications, &w.b.batch.Events, n.table.String(), all, n.rows)
			}
		}
		if err := tell(); err != nil {
			return err
		}
	}
	w.notices = w.notices[:0]
	return nil
}
