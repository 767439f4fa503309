package snapshot

import (
	"slices"
	"sort"

	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// Ranges are at least minRangePages, so that their number stays small and small tables are read in
// order, and enough of them that each thread gets several.
const (
	minRangePages   = 4096 // 32 MiB
	rangesForThread = 4
)

// Plan orders the tables, and leaves out what an unfinished snapshot has already delivered. members
// are, by oid, the tables that hold the rows of a table from which others inherit.
func Plan(s *spec.Spec, tables []pgrepl.FoundTable, members map[uint32][]pgrepl.Member,
	unfinished *progress.Snapshot) *Queue {
	q := &Queue{pages: minRangePages, working: s.Snapshot.Threads, retired: make(chan struct{})}
	var largest int64
	for _, t := range tables {
		if !s.Tables.Snapshotted(t.Table) || unfinished.Done[t.String()] {
			continue
		}
		st := newTable(t, s.Snapshot.Overrides[t.String()], members[t.OID])
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
		if p := unfinished.Tables[t.String()]; p != nil {
			t.resume(p, unfinished.Xmin)
		}
	}
	q.plan()
	return q
}

// orderTables sorts as Debezium does: in the order of table.include.list, or by name, or by estimated rows.
func orderTables(s *spec.Spec, tables []*table) {
	rank := func(t *table) int {
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

// TablePlan is what is to be read of a table.
type TablePlan struct {
	Name         string
	OID          uint32
	RowsEstimate int64
	Ranges       int
	// Again says why the table, or one that inherits from it, is read from its beginning although an
	// earlier run had begun it, so that rows come twice; empty if none is.
	Again string
}

// Tables are the plans of the tables, in their order.
func (q *Queue) Tables() []TablePlan {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]TablePlan, len(q.tables))
	for i, t := range q.tables {
		out[i] = TablePlan{Name: t.String(), OID: t.OID, RowsEstimate: t.RowEstimate, Ranges: t.left, Again: t.again}
	}
	return out
}

// names are those of the tables, in their order.
func (q *Queue) names() []string {
	names := make([]string, len(q.tables))
	for i, t := range q.tables {
		names[i] = t.String()
	}
	return names
}
