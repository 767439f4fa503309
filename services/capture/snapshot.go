package capture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// snapshot reads tables as one exported snapshot shows them and delivers their rows as events of operation r.
//
// As with Debezium a table is read with all that inherits from it, whether that is captured itself, and then read again, or not.
// Tables are cut into ranges of pages, which workers read with COPY, each on a connection of its own that has imported the
// snapshot. Every batch carries how far its ranges are, so that after a crash the next run reads on where the last
// durable batch ended: under a later snapshot, after the stream was delivered up to it (see session.snapshot).
type snapshot struct {
	*session
	// name is the exported snapshot, start the position of the stream that it shows.
	name  string
	start pgrepl.Position
	queue *rangeQueue
	// source is the part of the events' source block that all rows have.
	source change.Source
	// versions are new ones of the tables, which go with the first batch.
	versions []tableVersion

	free    chan *batch
	filled  chan *batch
	release func()
}

// snapshotStep is an advance of the snapshot that a batch's records make.
type snapshotStep struct {
	table string
	r     pageRange
	at    string // ctid of the last row; empty if none was read
	done  bool
	rows  int64
}

// Ranges are at least minRangePages, so that their number stays small and small tables are read in order, and so many that
// each thread gets several.
const (
	minRangePages   = 4096 // 32 MiB
	rangesForThread = 4
)

// planSnapshot orders the tables and takes from progress what is left of them. members are those of tables that others inherit from.
func planSnapshot(s *spec.Spec, tables []pgrepl.FoundTable, members map[uint32][]pgrepl.Member, progress *snapshotProgress) *rangeQueue {
	q := &rangeQueue{pages: minRangePages, working: s.Snapshot.Threads, retired: make(chan struct{})}
	var largest int64
	for _, t := range tables {
		if !s.Tables.Snapshotted(t.Table) || progress.Done[t.String()] {
			continue
		}
		st := newSnapshotTable(t, s.Snapshot.Overrides[t.String()], members[t.OID])
		if len(st.parts) == 0 {
			continue
		}
		largest = max(largest, st.pages())
		q.tables = append(q.tables, st)
	}
	if s.Snapshot.Threads > 1 {
		q.pages = max(q.pages, largest/int64(s.Snapshot.Threads*rangesForThread))
	} else {
		q.pages = max(q.pages, largest+1)
	}
	orderTables(s, q.tables)
	for _, t := range q.tables {
		if p := progress.Tables[t.String()]; p != nil {
			t.resume(p, progress.Xmin)
		}
	}
	q.plan()
	return q
}

// orderTables sorts as Debezium does: in the order of table.include.list, or by name, or by estimated rows.
func orderTables(s *spec.Spec, tables []*snapshotTable) {
	rank := func(t *snapshotTable) int {
		return slices.IndexFunc(s.Tables.Include, func(p *javaregex.Pattern) bool { return p.Matches(t.String()) })
	}
	sort.SliceStable(tables, func(i, j int) bool {
		a, b := tables[i], tables[j]
		switch s.Snapshot.Order {
		case spec.Ascending:
			return a.RowEstimate < b.RowEstimate
		case spec.Descending:
			return a.RowEstimate > b.RowEstimate
		}
		if ra, rb := rank(a), rank(b); ra != rb {
			return ra < rb
		}
		return a.String() < b.String()
	})
}

// run reads everything and returns when all of it is durable.
func (n *snapshot) run(ctx context.Context) error {
	if err := n.begins(ctx); err != nil {
		return err
	}
	if len(n.queue.tables) == 0 {
		n.release()
		return nil
	}
	threads := n.spec.Snapshot.Threads
	n.free, n.filled = make(chan *batch, threads+1), make(chan *batch, threads+1)
	for range threads + 1 {
		n.free <- new(batch)
	}
	g, gctx := contain.WithContext(ctx)
	readers := contain.NewGroup()
	imported := make(chan struct{}, threads)
	for range threads {
		readers.Go("reader of a snapshot", func() error { return n.work(gctx, imported) })
	}
	g.Go("end of a snapshot", func() error {
		defer close(n.filled)
		return readers.Wait()
	})
	g.Go("holder of an exported snapshot", func() error {
		// When every worker has imported it, the exported snapshot is not needed any more.
		for range threads {
			select {
			case <-imported:
			case <-gctx.Done():
				return nil
			}
		}
		n.release()
		return nil
	})
	// What was read before a failure is written to its end: a batch that is given up in between would come again.
	finish, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(gctx, func() { time.AfterFunc(stopGrace, cancel) })()
	g.Go("deliverer of a snapshot", func() error { return n.deliverFilled(finish) })
	return g.Wait()
}

// snapshotWorker reads ranges on one connection and encodes their rows.
type snapshotWorker struct {
	*snapshot
	ctx context.Context
	b   *batch
	row change.Tuple

	// of is the range being read, enc its table's encoder.
	of  pageRange
	enc *tableEncoder
	// held is the last row read, kept back until it is known whether it is the last of its table or of the snapshot: what is read
	// after it may have no rows.
	held heldRow
	// unsent is why it could not be sent.
	unsent error
	// ctid is that of the last row sent.
	ctid  []byte
	clock eventClock
	ev    change.Event
	// lines counts the rows of the range being read; notices are told once the row that is held back is sent.
	lines   int64
	notices []tableNotice
	aux     *change.Auxiliary
}

// heldRow is a row that is not sent yet; there is none if its line is empty.
type heldRow struct {
	line []byte
	of   pageRange
	enc  *tableEncoder
	// first says that the row is the first of its range, ended that its range has no more, last that its table has none.
	first, ended, last bool
}

func (n *snapshot) work(ctx context.Context, imported chan<- struct{}) error {
	conn, err := n.dial(ctx, "take part in a snapshot")
	if err != nil {
		return err
	}
	defer conn.hangUp()
	if err := importSnapshot(ctx, conn.Conn, n.name); err != nil {
		return err
	}
	imported <- struct{}{}
	w := &snapshotWorker{snapshot: n, ctx: ctx, b: <-n.free, aux: change.NewAuxiliary(&n.events)}
	w.ev = change.Event{Op: change.Read, Source: n.source}
	for {
		r, ok := n.queue.take()
		if !ok {
			break
		}
		if w.of.table != r.table {
			conn.uses("read table " + r.table.String())
			if err := w.open(ctx, conn.Conn, r.table); err != nil {
				return err
			}
			if w.queue.open(r.table) {
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
	end := change.SnapshotTrue
	if last, err := w.queue.retire(ctx, len(w.held.line) > 0); err != nil {
		return err
	} else if last {
		end = change.SnapshotLast
	}
	if err := w.emit(end); err != nil {
		return err
	}
	return w.flush()
}

// errTableChanged says that a table is not any more what the session found; the next one finds what it is now.
const errTableChanged = retry.Passing("the table, or one that inherits from it, was dropped or altered while the snapshot read it")

// changedMeanwhile adds errTableChanged to an error of a table or column that is not there: the session had found it.
func changedMeanwhile(err error) error {
	const undefinedTable, undefinedColumn = "42P01", "42703"
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == undefinedTable || pg.Code == undefinedColumn) {
		return fmt.Errorf("%w; %w", err, errTableChanged)
	}
	return err
}

// importSnapshot makes the connection see the database as the exported snapshot does.
func importSnapshot(ctx context.Context, conn *pgx.Conn, name string) error {
	_, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "+pgrepl.TextSettings)
	if err == nil {
		_, err = conn.Exec(ctx, "SET TRANSACTION SNAPSHOT "+pgrepl.QuoteLiteral(name))
	}
	if err != nil {
		return fmt.Errorf("import snapshot %s: %w; %w", name, err, errSnapshotGone)
	}
	return nil
}

// open prepares for the rows of a table.
func (w *snapshotWorker) open(ctx context.Context, conn *pgx.Conn, t *snapshotTable) error {
	if w.spec.Snapshot.Lock {
		_, err := conn.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d; LOCK TABLE %s IN ACCESS SHARE MODE", w.spec.Snapshot.LockTimeout.Milliseconds(), pgrepl.QuoteTable(t.Schema, t.Name)))
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
	rel := w.relations[t.OID]
	enc, err := w.newTableEncoder(rel)
	if err != nil {
		return err
	}
	w.enc = enc
	return nil
}

// query is the COPY statement of a range: the ctid first, so that a later run can go on after the last durable row.
func (w *snapshotWorker) query(r pageRange) string {
	var b strings.Builder
	b.WriteString("COPY (SELECT ")
	if !r.part.whole {
		b.WriteString("ctid, ")
	}
	b.WriteString(selection(w.enc.rel, w.enc.sent))
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

func (w *snapshotWorker) read(ctx context.Context, conn *pgx.Conn, r pageRange) error {
	w.of, w.lines = r, 0
	if err := pgrepl.Copy(ctx, conn.PgConn(), w, w.query(r)); err != nil {
		return readError(w.enc.rel, w.enc.sent, w.server.Encoding, err)
	}
	last, rows := w.queue.finish(r.table, w.lines)
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
func (w *snapshotWorker) Write(line []byte) (int, error) {
	first := w.held.of != w.of
	w.lines++
	if w.unsent = w.emit(change.SnapshotTrue); w.unsent != nil {
		return 0, w.unsent
	}
	w.held = heldRow{line: append(w.held.line, line...), of: w.of, enc: w.enc, first: first}
	return len(line), nil
}

// emit sends the row that was held back, if there is one. end is SnapshotLast for the last row of the snapshot, else SnapshotTrue.
func (w *snapshotWorker) emit(end change.SnapshotMark) error {
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
	if want := len(held.enc.rel.Columns); len(row) != want {
		return fmt.Errorf("row of %d columns, want %d", len(row), want)
	}
	w.ev.Source.Snapshot, w.ev.After, w.ev.Now = w.mark(end), row, w.clock.read()
	k, err := held.enc.Append(&w.b.Batch, &w.ev)
	if err != nil {
		return err
	}
	w.b.count(held.enc, int64(k), &w.ev)
	step.rows++
	step.done = held.ended
	held.line = held.line[:0]
	if len(w.notices) > 0 {
		if err := w.tellTables(); err != nil {
			return err
		}
	}
	if len(w.b.Records) < w.spec.Delivery.BatchEvents && w.b.Size < w.spec.Delivery.BatchBytes {
		return nil
	}
	return w.send()
}

// mark is source.snapshot of the row that is held.
func (w *snapshotWorker) mark(end change.SnapshotMark) change.SnapshotMark {
	if end == change.SnapshotLast || !w.held.first && !w.held.last {
		return end
	}
	switch at := w.queue.begin(w.held.of.table); {
	case at.first:
		return change.SnapshotFirst
	case w.held.last:
		return change.SnapshotLastInTable
	case at.firstInTable:
		return change.SnapshotFirstInTable
	}
	return end
}

// step is the advance of a range in the batch being filled.
func (w *snapshotWorker) step(r pageRange) *snapshotStep {
	if n := len(w.b.steps); n == 0 || w.b.steps[n-1].r != r {
		w.reach()
		w.b.steps = append(w.b.steps, snapshotStep{table: r.table.String(), r: r})
	}
	return &w.b.steps[len(w.b.steps)-1]
}

// reach notes how far the last step's range has been sent.
func (w *snapshotWorker) reach() {
	if n := len(w.b.steps); n > 0 && w.b.steps[n-1].rows > 0 && !w.b.steps[n-1].r.part.whole {
		w.b.steps[n-1].at = string(w.ctid)
	}
}

// send hands the batch over and takes a free one.
func (w *snapshotWorker) send() error {
	w.reach()
	select {
	case w.filled <- w.b:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	select {
	case w.b = <-w.free:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	w.clock.stop()
	return nil
}

// flush hands the last batch over.
func (w *snapshotWorker) flush() error {
	if len(w.b.steps) == 0 {
		return nil
	}
	w.reach()
	select {
	case w.filled <- w.b:
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// rowsSpan is for how long batches of rows join a Kafka transaction while the workers keep up: nobody waits for single rows.
const rowsSpan = 100 * time.Millisecond

// deliverFilled makes the workers' batches, and the progress they make, durable.
func (n *snapshot) deliverFilled(ctx context.Context) error {
	var sum tally
	for {
		var b *batch
		select {
		case b = <-n.filled:
		case <-ctx.Done():
			return ctx.Err()
		}
		if b == nil { // closed
			return nil
		}
		b.versions, n.versions = append(b.versions, n.versions...), nil
		next := n.producer.saved
		next.snapshot = n.queue.apply(next.snapshot, b.steps)
		n.fail.Pass("before_produce")
		sum.add(b)
		err := n.noticing(sum.records, func() error {
			if err := n.producer.write(ctx, b, next); err != nil {
				return err
			}
			b.reset()
			n.free <- b
			if len(n.filled) > 0 && time.Since(sum.began) < rowsSpan {
				return nil
			}
			return n.producer.Commit(ctx)
		})
		if err != nil {
			return err
		}
		if !n.producer.Durable() {
			continue
		}
		n.delivered(&sum)
		sum.reset()
		n.fail.Pass("mid_snapshot")
		n.producer.Settle(ctx)
	}
}
