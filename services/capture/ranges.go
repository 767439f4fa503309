package capture

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// snapshotTable is one table of a snapshot and how much of it is left.
type snapshotTable struct {
	pgrepl.FoundTable
	// sql reads the table if a SELECT of its own is set.
	sql string
	// whole says that the table is one piece without ctids: one with a SELECT of its own, or the root of partitions.
	whole bool
	// left counts the ranges that are not finished, among them those not handed out; only the last one to finish may
	// carry the mark of the table's last row.
	left int
	// next is the first page that is not handed out; -1 when all are.
	next int64
	// again are ranges that an earlier run had begun.
	again []pageRange
	// handed are the ranges that were handed out, and how far each is durable.
	handed []*handedRange
	// begun says that a row of the table was sent.
	begun bool
}

// pageRange is a piece of a table: the rows from page From (after the row at After, if set) up to, and without, page To;
// To 0 means up to the table's end, however much it has grown.
type pageRange struct {
	table *snapshotTable
	From  int64
	To    int64
	After string
	// changed is a condition for rows of an earlier run's finished ranges that changed since; empty for other ranges. Such
	// rows may have moved here from pages that are not read yet.
	changed string
}

// handedRange is a range that a worker reads or has read. The deliverer alone uses at and done.
type handedRange struct {
	pageRange
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

// rangeQueue hands out the ranges of a snapshot's tables in order. It is safe for concurrent use.
type rangeQueue struct {
	mu     sync.Mutex
	tables []*snapshotTable
	// current indexes the table whose ranges are handed out.
	current int
	// pages is how many pages a range has.
	pages int64
}

// take hands out the next range, preferring the given table's; ok is false when there is none.
func (q *rangeQueue) take() (r pageRange, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; q.current < len(q.tables); q.current++ {
		t := q.tables[q.current]
		if n := len(t.again); n > 0 {
			r, t.again = t.again[0], t.again[1:]
			t.handed = append(t.handed, &handedRange{pageRange: r})
			return r, true
		}
		if t.next < 0 {
			continue
		}
		r = pageRange{table: t, From: t.next, To: t.next + q.pages}
		if r.To >= t.Pages || t.whole {
			r.To = 0 // the last range is open: the table may have grown since the plan
			t.next = -1
		} else {
			t.next = r.To
		}
		t.handed = append(t.handed, &handedRange{pageRange: r})
		return r, true
	}
	return pageRange{}, false
}

// plan sets how many ranges each table has.
func (q *rangeQueue) plan() {
	for _, t := range q.tables {
		t.left = len(t.again)
		if t.next >= 0 {
			t.left++
			if !t.whole && t.Pages > t.next {
				t.left = len(t.again) + int((t.Pages-t.next+q.pages-1)/q.pages)
			}
		}
	}
}

// position is where in table and snapshot a row stands, which decides its mark.
type position struct{ first, firstInTable bool }

// begin notes that a row of the table is about to be sent.
func (q *rangeQueue) begin(t *snapshotTable) position {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := position{first: t == q.tables[0] && !t.begun, firstInTable: !t.begun}
	t.begun = true
	return p
}

// finish notes that all rows of a range but the last are sent, and says whether that last one is the table's last and
// whether the table is the last one.
func (q *rangeQueue) finish(t *snapshotTable) (lastInTable, lastTable bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.left--
	return t.left == 0, t == q.tables[len(q.tables)-1]
}

// resume takes over what an earlier run left of the table.
func (t *snapshotTable) resume(p *tableProgress, xmin uint64) {
	t.next, t.begun = p.Next, true
	var not strings.Builder
	for _, from := range slices.Sorted(maps.Keys(p.Open)) {
		o := p.Open[from]
		first, err := strconv.ParseInt(from, 10, 64)
		if err != nil {
			continue // the rows that changed: found again below
		}
		r := pageRange{table: t, From: first, To: o.To, After: o.At}
		t.again = append(t.again, r)
		if c := r.predicate(); c != "" {
			not.WriteString(" AND NOT (" + c + ")")
		} else {
			return // the whole table is read
		}
	}
	if p.Next > 0 {
		fmt.Fprintf(&not, " AND ctid < '(%d,0)'::tid", p.Next)
	}
	t.again = append(t.again, pageRange{table: t, changed: fmt.Sprintf("age(xmin) <= age('%d'::xid)%s", uint32(xmin), not.String())})
}

// apply notes advances and returns the progress to make durable with them. The given progress is not changed.
func (q *rangeQueue) apply(durable *snapshotProgress, steps []snapshotStep) *snapshotProgress {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := &snapshotProgress{Xmin: durable.Xmin, Done: maps.Clone(durable.Done), Tables: maps.Clone(durable.Tables)}
	for _, s := range steps {
		t := s.r.table
		for _, h := range t.handed {
			if h.name() == s.r.name() {
				h.done = h.done || s.done
				if s.at != "" {
					h.at = s.at
				}
			}
		}
		tp := &tableProgress{Next: t.next, Open: make(map[string]*openRange)}
		// What is not handed out again yet is open as the earlier run left it.
		for _, r := range t.again {
			tp.Open[r.name()] = &openRange{To: r.To, At: r.After}
		}
		for _, h := range t.handed {
			if !h.done {
				o := &openRange{To: h.To, At: h.at}
				if o.At == "" {
					o.At = h.After
				}
				tp.Open[h.name()] = o
			}
		}
		if tp.Next < 0 && len(tp.Open) == 0 {
			delete(p.Tables, t.String())
			p.Done[t.String()] = true
		} else {
			p.Tables[t.String()] = tp
		}
	}
	return p
}
