package snapshot

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

func specOf(t testing.TB, set map[string]string) *spec.Spec {
	t.Helper()
	keys, err := spec.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	config := map[string]string{
		"name": "c", "connector.class": spec.Class, "database.hostname": "h", "database.user": "u", "database.password": "p",
		"database.dbname": "db", "topic.prefix": "x",
	}
	for k, v := range set {
		config[k] = v
	}
	values, _, problems := keys.Parse(config)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, err := spec.Parse(values)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pageStep is how many pages the rows of a table of the test are apart.
const pageStep = 1000

// row is a row of a table of the test, by its page.
type row struct {
	part string
	page int64
}

// rows are those that a range has, in their order.
func rows(r pageRange, pages int64) (out []row) {
	for page := int64(0); page < pages; page += pageStep {
		var after int64 = -1
		if r.After != "" {
			if _, err := fmt.Sscanf(r.After, "(%d,1)", &after); err != nil {
				panic(err)
			}
		}
		if page >= r.From && (r.To == 0 || page < r.To) && page > after {
			out = append(out, row{r.part.String(), page})
		}
	}
	return out
}

// TestASnapshotThatIsInterruptedAnywhereDeliversEachRowOnce reads tables, alone and with members,
// by several workers whose batches become durable in any order, stops after any batch, and goes on
// from the checkpoint until all is read.
func TestASnapshotThatIsInterruptedAnywhereDeliversEachRowOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		threads := rapid.IntRange(1, 3).Draw(t, "threads")
		set := &spec.Spec{Tables: new(spec.Tables), Snapshot: spec.Snapshot{Threads: threads}}
		var tables []pgrepl.FoundTable
		members := make(map[uint32][]pgrepl.Member)
		want, pagesOf := make(map[row]bool), make(map[string]int64)
		for i := range rapid.IntRange(1, 3).Draw(t, "tables") {
			own := pgrepl.Table{Schema: "s", Name: fmt.Sprintf("t%d", i)}
			found := pgrepl.FoundTable{OID: uint32(i + 1), Table: own, Kind: 'r', Readable: true,
				Pages: int64(rapid.IntRange(0, 30_000).Draw(t, "pages"))}
			parts := []pgrepl.Member{{Table: own, Pages: found.Pages, Direct: true}}
			if rapid.Bool().Draw(t, "inherited") {
				parts = append(parts, pgrepl.Member{Table: pgrepl.Table{Schema: "s", Name: fmt.Sprintf("t%d_child", i)},
					Pages: int64(rapid.IntRange(0, 30_000).Draw(t, "child's pages")), Direct: true})
				members[found.OID] = parts
			}
			for _, p := range parts {
				pagesOf[p.String()] = p.Pages
				for page := int64(0); page < p.Pages; page += pageStep {
					want[row{p.String(), page}] = true
				}
			}
			tables = append(tables, found)
		}
		delivered := make(map[row]int)
		durable := (*progress.Snapshot)(nil).Under(700)
		for runs := 0; len(durable.Done) < len(tables); runs++ {
			if runs > 200 {
				t.Fatalf("after %d runs %+v is left", runs, durable)
			}
			q := Plan(set, tables, members, durable)
			if durable = run(t, q, durable, pagesOf, delivered); len(q.tables) == 0 {
				break
			}
			written, err := json.Marshal(durable) // as the next run finds it
			if err != nil {
				t.Fatal(err)
			}
			durable = new(progress.Snapshot)
			if err := json.Unmarshal(written, durable); err != nil {
				t.Fatal(err)
			}
		}
		for r := range want {
			if delivered[r] != 1 {
				t.Fatalf("row %+v was delivered %d times", r, delivered[r])
			}
		}
		if len(delivered) != len(want) {
			t.Fatalf("%d rows were delivered, want %d", len(delivered), len(want))
		}
	})
}

// reading is a range that a worker reads, and what it has left of it.
type reading struct {
	pageRange
	left []row
}

// run reads until the queue is empty or the run is interrupted, and returns what is durable then.
func run(t *rapid.T, q *Queue, durable *progress.Snapshot, pagesOf map[string]int64,
	delivered map[row]int) *progress.Snapshot {
	var working []*reading
	for {
		for len(working) < q.working {
			r, ok := q.take()
			if !ok {
				break
			}
			if r.changed != "" { // rows of finished ranges that changed: none does here
				durable = q.apply(durable, []step{{table: r.table.String(), r: r, done: true}})
				continue
			}
			working = append(working, &reading{r, rows(r, pagesOf[r.part.String()])})
		}
		if len(working) == 0 {
			return durable
		}
		if rapid.IntRange(0, 9).Draw(t, "interrupted") == 0 {
			return durable
		}
		i := rapid.IntRange(0, len(working)-1).Draw(t, "worker")
		w := working[i]
		n := rapid.IntRange(0, len(w.left)).Draw(t, "rows")
		s := step{table: w.table.String(), r: w.pageRange, rows: int64(n)}
		for _, r := range w.left[:n] {
			delivered[r]++
			s.at = fmt.Sprintf("(%d,1)", r.page)
		}
		w.left = w.left[n:]
		if s.done = len(w.left) == 0; s.done {
			working = append(working[:i], working[i+1:]...)
		}
		durable = q.apply(durable, []step{s})
	}
}

func TestRangesAreReadByTheirPagesAndGoOnAfterTheLastRow(t *testing.T) {
	for want, r := range map[string]pageRange{
		"":                           {},
		"ctid >= '(5,0)'::tid":       {From: 5},
		"ctid < '(9,0)'::tid":        {To: 9},
		"ctid > '(6,2)'::tid":        {From: 5, After: "(6,2)"},
		"age(xmin) <= age('7'::xid)": {From: 5, To: 9, changed: "age(xmin) <= age('7'::xid)"},
		"ctid >= '(5,0)'::tid AND ctid < '(9,0)'::tid": {From: 5, To: 9},
	} {
		if got := r.predicate(); got != want {
			t.Errorf("%+v is read by %q, want %q", r, got, want)
		}
	}
}

func TestTablesAreReadInTheOrderOfTheConfiguration(t *testing.T) {
	table := func(name string, rows int64) pgrepl.FoundTable {
		return pgrepl.FoundTable{OID: uint32(rows), Table: pgrepl.Table{Schema: "s", Name: name}, Kind: 'r', Readable: true,
			RowEstimate: rows}
	}
	tables := []pgrepl.FoundTable{table("c", 2), table("a", 3), table("b", 1)}
	for name, c := range map[string]struct {
		set  map[string]string
		want string
	}{
		"by name":        {nil, "[s.a s.b s.c]"},
		"as listed":      {map[string]string{"table.include.list": "s.b,s.c,s.a"}, "[s.b s.c s.a]"},
		"smallest first": {map[string]string{"snapshot.tables.order.by.row.count": "ascending"}, "[s.b s.c s.a]"},
		"largest first":  {map[string]string{"snapshot.tables.order.by.row.count": "descending"}, "[s.a s.c s.b]"},
		"some":           {map[string]string{"snapshot.include.collection.list": "s.a"}, "[s.a]"},
		"one with a SELECT": {map[string]string{"snapshot.select.statement.overrides": "s.a",
			"snapshot.select.statement.overrides.s.a": "SELECT 1"}, "[s.a s.b s.c]"},
	} {
		q := Plan(specOf(t, c.set), tables, nil, (*progress.Snapshot)(nil).Under(1))
		if got := fmt.Sprint(q.names()); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestATableThatCannotBeResumedSaysSoAndIsReadAgain(t *testing.T) {
	// a role with rights to columns only
	whole := pgrepl.FoundTable{OID: 1, Table: pgrepl.Table{Schema: "s", Name: "a"}, Kind: 'r', Pages: 9}
	begun := &progress.Snapshot{Xmin: 1,
		Tables: map[string]*progress.Table{"s.a": {Next: -1, Open: map[string]*progress.Range{"0": {At: "(1,1)"}}}}}
	q := Plan(specOf(t, nil), []pgrepl.FoundTable{whole}, nil, begun)
	if plans := q.Tables(); len(plans) != 1 || plans[0].Again == "" || plans[0].Ranges != 1 {
		t.Errorf("%+v", plans)
	}
	if r, ok := q.take(); !ok || r.After != "" || r.predicate() != "" {
		t.Errorf("it is read by %+v", r)
	}
}

func TestATableWhoseRowsMovedToAnotherFileIsReadAgainUnlessItWasReadToItsEnd(t *testing.T) {
	table := pgrepl.FoundTable{OID: 1, Table: pgrepl.Table{Schema: "s", Name: "a"}, Kind: 'r', Readable: true, Pages: 9, File: 7}
	open := map[string]*progress.Range{"0": {At: "(1,1)"}}
	for name, c := range map[string]struct {
		read progress.Table
		// ranges are the conditions that the table is read by, in order.
		ranges string
		again  bool
	}{
		"the same file": {progress.Table{File: 7, Next: -1, Open: open},
			"[ctid > '(1,1)'::tid age(xmin) <= age('1'::xid) AND NOT (ctid > '(1,1)'::tid)]", false},
		"another file":               {progress.Table{File: 6, Next: -1, Open: open}, "[]", true},
		"an earlier version's":       {progress.Table{Next: -1, Open: open}, "[]", true},
		"another file, read already": {progress.Table{File: 6, Next: -1}, "[age(xmin) <= age('1'::xid)]", false},
		"another file, not begun":    {progress.Table{File: 6}, "[]", false},
	} {
		q := Plan(specOf(t, nil), []pgrepl.FoundTable{table}, nil,
			&progress.Snapshot{Xmin: 1, Tables: map[string]*progress.Table{"s.a": &c.read}})
		if plans := q.Tables(); len(plans) != 1 || (plans[0].Again != "") != c.again {
			t.Errorf("%s: %+v", name, plans)
		}
		var ranges []string
		for r, ok := q.take(); ok; r, ok = q.take() {
			if p := r.predicate(); p != "" {
				ranges = append(ranges, p)
			}
		}
		if fmt.Sprint(ranges) != c.ranges {
			t.Errorf("%s: read by %s, want %s", name, ranges, c.ranges)
		}
	}
}
