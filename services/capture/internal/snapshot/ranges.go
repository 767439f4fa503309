package snapshot

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
)

// table is one table of a snapshot and how much of it is left.
type table struct {
	pgrepl.FoundTable
	// sql reads the table if a SELECT of its own is set.
	sql string
	// parts are what the table's rows are read from, in order: the table itself, and where others
	// inherit from it each of them.
	parts []*part
	// left counts the ranges that are not finished, among them those not handed out; only the last one to finish may
	// carry the mark of the table's last row.
	left int
	// begun says that a row of the table was sent, opened that a worker has begun to read it.
	begun, opened bool
	// again says why the table, or a part of it, is read from its beginning although an earlier run
	// had begun it; empty if none is.
	again string
	// rows counts those of the ranges that are finished.
	rows int64
}

// part is a table that holds rows of a snapshot's table.
type part struct {
	pgrepl.Member
	// whole says that the part is one piece without ctids and stands for all that the table's SELECT reads.
	whole bool
	// next is the first page that is not handed out; -1 when all are.
	next int64
	// again are ranges that an earlier run had begun.
	again []pageRange
	// handed are the ranges that were handed out, and how far each is durable.
	handed []*handedRange
}

// partProgress finds how far a part of a table was read; nil if it was not begun.
func partProgress(of *progress.Table, t *table, part *part) *progress.Table {
	if part.Table == t.Table {
		return of
	}
	return of.Members[part.String()]
}

// newTable plans to read all of a table. Members are those of a table that others inherit from.
// Where one of them cannot be read alone, the table is read as one piece.
func newTable(t pgrepl.FoundTable, sql string, members []pgrepl.Member) *table {
	st := &table{FoundTable: t, sql: sql}
	if len(members) > 0 {
		st.RowEstimate = 0
		for _, m := range members {
			st.RowEstimate += max(0, m.RowEstimate)
			st.parts = append(st.parts, &part{Member: m})
		}
	}
	// A role with rights to columns only cannot read ctid.
	alone := t.Readable && !slices.ContainsFunc(members, func(m pgrepl.Member) bool { return !m.Direct })
	switch own := (pgrepl.Member{Table: t.Table, Pages: t.Pages, RowEstimate: t.RowEstimate, File: t.File}); {
	case sql != "" || !alone:
		st.parts = []*part{{Member: own, whole: true}}
	case len(members) == 0 && t.Kind != 'p': // a root without partitions has no rows
		st.parts = []*part{{Member: own}}
	}
	return st
}

// pages is the size of the largest part.
func (t *table) pages() (most int64) {
	for _, p := range t.parts {
		most = max(most, p.Pages)
	}
	return most
}

// pageRange is a piece of a table: the rows from page From (after the row at After, if set) up to,
// and without, page To; To 0 means up to the table's end, however much it has grown.
type pageRange struct {
	table *table
	part  *part
	From  int64
	To    int64
	After string
	// changed is a condition for rows of an earlier run's finished ranges that changed since; empty for other ranges. Such
	// rows may have moved here from pages that are not read yet.
	changed string
}

// handedRange is a range that a worker reads or has read. Only the deliverer uses at and done.
type handedRange struct {
	of   pageRange
	at   string
	done bool
}

// predicate is the SQL condition of the range; empty for a whole table.
func (r pageRange) predicate() string {
	if r.changed != "" {
		return r.changed
	}
	var from string
	switch {
	case r.After != "":
		from = "ctid > " + pgrepl.QuoteLiteral(r.After) + "::tid"
	case r.From > 0:
		from = fmt.Sprintf("ctid >= '(%d,0)'::tid", r.From)
	}
	if r.To == 0 {
		return from
	}
	to := fmt.Sprintf("ctid < '(%d,0)'::tid", r.To)
	if from == "" {
		return to
	}
	return from + " AND " + to
}

func (r pageRange) name() string {
	if r.changed != "" {
		return "changed"
	}
	return strconv.FormatInt(r.From, 10)
}

// Queue hands out the ranges of a snapshot's tables in order. It is safe for concurrent use.
type Queue struct {
	mu     sync.Mutex
	tables []*table
	// current indexes the table whose ranges are handed out.
	current int
	// pages is how many pages a range has.
	pages int64

	// working counts the workers that read, holders those that have retired with a row in hand;
	// retired is closed when none reads.
	working, holders int
	retired          chan struct{}
}

// take hands out the next range, preferring the given table's; ok is false when there is none.
func (q *Queue) take() (r pageRange, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; q.current < len(q.tables); q.current++ {
		t := q.tables[q.current]
		for _, p := range t.parts {
			if r, ok := p.take(t, q.pages); ok {
				p.handed = append(p.handed, &handedRange{of: r})
				return r, true
			}
		}
	}
	return pageRange{}, false
}

func (p *part) take(t *table, pages int64) (r pageRange, ok bool) {
	if len(p.again) > 0 {
		r, p.again = p.again[0], p.again[1:]
		return r, true
	}
	if p.next < 0 {
		return r, false
	}
	r = pageRange{table: t, part: p, From: p.next, To: p.next + pages}
	if r.To >= p.Pages || p.whole {
		r.To = 0 // the last range is open: the table may have grown since the plan
		p.next = -1
	} else {
		p.next = r.To
	}
	return r, true
}

// plan sets how many ranges each table has.
func (q *Queue) plan() {
	for _, t := range q.tables {
		t.left = 0
		for _, p := range t.parts {
			t.left += len(p.again)
			switch {
			case p.next < 0:
			case p.whole || p.Pages <= p.next:
				t.left++
			default:
				t.left += int((p.Pages - p.next + q.pages - 1) / q.pages)
			}
		}
	}
}

// place tells whether a row is the first of its table, or of the snapshot, which decides its mark.
type place struct{ first, firstInTable bool }

// begin notes that a row of the table is about to be sent.
func (q *Queue) begin(t *table) place {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := place{first: t == q.tables[0] && !t.begun, firstInTable: !t.begun}
	t.begun = true
	return p
}

// open notes that a worker begins to read a table, and reports whether it is the first.
func (q *Queue) open(t *table) (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	first = !t.opened
	t.opened = true
	return first
}

// finish notes that a range has no more rows than those that were read, and reports whether its
// table has none, and how many it had.
func (q *Queue) finish(t *table, read int64) (last bool, rows int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.left--
	t.rows += read
	return t.left == 0, t.rows
}

// retire notes that a worker has read all that it will, and waits until all have. It reports
// whether the row that the worker holds, if it holds one, is the snapshot's last: that of the last
// to retire with one.
func (q *Queue) retire(ctx context.Context, holds bool) (last bool, err error) {
	q.mu.Lock()
	turn := 0
	if holds {
		q.holders++
		turn = q.holders
	}
	if q.working--; q.working == 0 {
		close(q.retired)
	}
	q.mu.Unlock()
	select {
	case <-q.retired:
		return holds && turn == q.holders, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// resume takes over what an earlier run left of the table. A part that run did not know is read
// from its beginning, as is a table that is one piece.
func (t *table) resume(read *progress.Table, xmin uint64) {
	t.begun = true
	for _, part := range t.parts {
		p := partProgress(read, t, part)
		switch {
		case part.whole:
			t.again = "it has a SELECT of its own, or is read through a parent whose members cannot be read alone"
		case p == nil:
		case p.File != part.File && p.Halfway():
			// What is left are pages of a file that is gone: rows may have moved from them to pages that
			// count as read, and keep the xmin that they had. Progress without a file may have been made
			// out of the pages' order.
			t.again = "its rows were moved to another file (VACUUM FULL, CLUSTER, TRUNCATE, ALTER TABLE, a table put in " +
				"its place), or an earlier version had begun it"
		default:
			part.resume(t, p, xmin)
		}
	}
}

func (part *part) resume(t *table, p *progress.Table, xmin uint64) {
	if part.next = p.Next; p.Next == 0 {
		return // none of it was handed out
	}
	var not strings.Builder
	for _, from := range slices.Sorted(maps.Keys(p.Open)) {
		o := p.Open[from]
		first, err := strconv.ParseInt(from, 10, 64)
		if err != nil {
			continue // the rows that changed: found again below
		}
		r := pageRange{table: t, part: part, From: first, To: o.To, After: o.At}
		part.again = append(part.again, r)
		if c := r.predicate(); c != "" {
			not.WriteString(" AND NOT (" + c + ")")
		} else {
			return // all of it is read
		}
	}
	if p.Next > 0 {
		fmt.Fprintf(&not, " AND ctid < '(%d,0)'::tid", p.Next)
	}
	part.again = append(part.again, pageRange{table: t, part: part,
		changed: fmt.Sprintf("age(xmin) <= age('%d'::xid)%s", uint32(xmin), not.String())})
}

// apply notes how far ranges were read and returns the progress to make durable with the rows.
func (q *Queue) apply(durable *progress.Snapshot, steps []step) *progress.Snapshot {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range steps {
		for _, h := range s.r.part.handed {
			if h.of.name() == s.r.name() {
				h.done = h.done || s.done
				if s.at != "" {
					h.at = s.at
				}
			}
		}
	}
	tables := make(map[string]*progress.Table)
	for _, s := range steps {
		tables[s.r.table.String()] = s.r.table.progress()
	}
	return durable.Advance(tables)
}

// progress is how far the table is; nil if all of it is delivered.
func (t *table) progress() *progress.Table {
	out := &progress.Table{Next: -1}
	finished := true
	for _, part := range t.parts {
		p := part.progress()
		finished = finished && p.Next < 0 && len(p.Open) == 0
		if part.Table == t.Table {
			out.File, out.Next, out.Open = p.File, p.Next, p.Open
			continue
		}
		if out.Members == nil {
			out.Members = make(map[string]*progress.Table)
		}
		out.Members[part.String()] = p
	}
	if finished {
		return nil
	}
	return out
}

func (part *part) progress() *progress.Table {
	p := &progress.Table{File: part.File, Next: part.next, Open: make(map[string]*progress.Range)}
	// Ranges that were not handed out again yet are open as the earlier run left them.
	for _, r := range part.again {
		p.Open[r.name()] = &progress.Range{To: r.To, At: r.After}
	}
	for _, h := range part.handed {
		if !h.done {
			o := &progress.Range{To: h.of.To, At: h.at}
			if o.At == "" {
				o.At = h.of.After
			}
			p.Open[h.of.name()] = o
		}
	}
	return p
}
