package verify

import (
	"cmp"
	"maps"
	"slices"
)

// identity is a row of a table across its life.
type identity struct {
	table string
	key   Row
}

func byIdentity(changes []Change) map[identity][]Change {
	m := map[identity][]Change{}
	for _, c := range changes {
		id := identity{c.Table, c.Key}
		m[id] = append(m[id], c)
	}
	return m
}

// sorted returns the identities of both sides in a fixed order, so that a report is the same for the same input.
func sorted(a, b map[identity][]Change) []identity {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.SortedFunc(maps.Keys(all), func(x, y identity) int {
		return cmp.Or(cmp.Compare(x.table, y.table), cmp.Compare(x.key, y.key))
	})
}

// Promise is what a topic's consumer can rely on.
type Promise struct {
	Guarantee Guarantee
	Start     Start
	// Snapshots is how many may read a row that does not change meanwhile; one if 0.
	Snapshots int
}

// Identity demands that a topic holds what was committed, key by key and in order.
//
// A key's changes in the topic must be the committed ones in their order. They may begin with a snapshot's Read, which
// must equal the row after one of the committed changes and stands for all up to it; a key whose changes before the
// snapshot ended in a delete may begin after that delete. With AtFirstChange nothing may be missing at the beginning
// either. Make it with NewIdentity.
type Identity struct {
	promise         Promise
	committed, seen []Change
}

// NewIdentity makes a validator that expects nothing yet.
func NewIdentity(p Promise) *Identity {
	p.Snapshots = max(1, p.Snapshots)
	return &Identity{promise: p}
}

// Allow sets how many snapshots may read a row that does not change meanwhile.
func (v *Identity) Allow(snapshots int) { v.promise.Snapshots = snapshots }

// Expect adds committed changes, for each key in order.
func (v *Identity) Expect(committed ...Change) { v.committed = append(v.committed, committed...) }

// Expected counts the changes that were committed.
func (v *Identity) Expected() int { return len(v.committed) }

// Note keeps the change: a row can look the same after several changes, so that only what follows says which it was.
func (v *Identity) Note(c Change) { v.seen = append(v.seen, c) }

// Seen returns the changes that came, in order.
func (v *Identity) Seen() []Change { return v.seen }

// Report compares all that was committed with all that came.
func (v *Identity) Report() Report {
	r := Report{Expected: len(v.committed), Compared: len(v.seen), promise: v.promise}
	want, have := byIdentity(v.committed), byIdentity(v.seen)
	for _, id := range sorted(want, have) {
		r.key(want[id], have[id])
	}
	return r
}

// Failures are all deviations that the promise does not accept.
func (v *Identity) Failures() []Failure { return v.Report().Failures() }

// Changes compares the history that was committed with what a topic holds, as Identity does.
func Changes(committed, got []Change, p Promise) Report {
	v := NewIdentity(p)
	v.Expect(committed...)
	v.seen = got
	return v.Report()
}

// key compares one key's changes. next is the committed change that must come next; all before it are accounted for.
func (r *Report) key(want, got []Change) {
	begun := r.promise.Start == AtFirstChange
	next := 0
	if !begun {
		next, begun = begin(want, got)
	}
	for i, g := range got {
		if g.Partition != got[0].Partition {
			r.Disordered = append(r.Disordered, g)
		}
		if g.Op == Read {
			at := lastRow(want, g.Row)
			switch {
			case at < 0:
				r.Phantom = append(r.Phantom, g)
			case i == 0 && begun && r.promise.Start == AtSnapshot: // it stands for all that begin passed over
			case reads(got[:i], g.Row) >= r.promise.Snapshots:
				r.Repeated = append(r.Repeated, g)
			case at >= next: // a snapshot while streaming must not overtake the stream
				r.Lost = append(r.Lost, want[next:at+1]...)
				next = at + 1
			case at < next-1: // a ghost: the row as it was before changes that the topic already has
				r.Disordered = append(r.Disordered, g)
			}
			continue
		}
		switch at := find(want, g, next); {
		case at < 0:
			r.Phantom = append(r.Phantom, g)
		case at < next:
			r.Repeated = append(r.Repeated, g)
			// A replay goes on from there: what follows must follow in order again, which repeats and does not lose.
		default:
			r.Lost = append(r.Lost, want[next:at]...)
			next = at + 1
		}
	}
	if !begun && len(want) > 0 && want[len(want)-1].Op == Delete {
		return // created and deleted before the snapshot
	}
	r.Lost = append(r.Lost, want[next:]...)
}

// begin says which committed change must be streamed first after the snapshot; false if nothing of the key came at all.
//
// A row can look the same after several changes. Of the places where the snapshot can have read it, the last is taken
// from which the topic goes on as it was committed; if it does so from none, the last of all.
func begin(want, got []Change) (next int, begun bool) {
	if len(got) == 0 {
		return 0, false
	}
	streamed := slices.DeleteFunc(slices.Clone(got), func(g Change) bool { return g.Op == Read })
	var places []int
	for i, w := range want {
		switch {
		case got[0].Op == Read && w.Op != Delete && w.Row == got[0].Row:
			places = append(places, i+1)
		case got[0].Op != Read && same(w, got[0]) && (i == 0 || want[i-1].Op == Delete):
			places = append(places, i)
		}
	}
	for _, at := range slices.Backward(places) {
		if slices.EqualFunc(want[at:], streamed, same) {
			return at, true
		}
	}
	if len(places) == 0 {
		return 0, true
	}
	return places[len(places)-1], true
}

// find returns the index of the committed change that g is: the first at or after next, else the
// last before it, else -1.
func find(want []Change, g Change, next int) int {
	for i := next; i < len(want); i++ {
		if same(want[i], g) {
			return i
		}
	}
	for i := min(next, len(want)) - 1; i >= 0; i-- {
		if same(want[i], g) {
			return i
		}
	}
	return -1
}

func same(a, b Change) bool { return a.Op == b.Op && a.Row == b.Row }

// lastRow is the index of the last committed change after which the row looked like row; -1 if it never did. A column
// that was added or renamed since is in the row that is read and not in the change: if no row is equal, those count
// that are so in the columns that both have.
func lastRow(want []Change, row Row) int {
	for i, w := range slices.Backward(want) {
		if w.Op != Delete && w.Row == row {
			return i
		}
	}
	for i, w := range slices.Backward(want) {
		if w.Op != Delete && alike(w.Row, row) {
			return i
		}
	}
	return -1
}

// reads counts how often snapshots read a row.
func reads(got []Change, row Row) (n int) {
	for _, g := range got {
		if g.Op == Read && g.Row == row {
			n++
		}
	}
	return n
}

// Rows compares two sets of rows without regard to order, as an append-only target holds them: each
// row as often as it is expected (ExactlyOnce), or at least so often (AtLeastOnce). Deletes and
// truncates carry no row and are left out on both sides.
func Rows(expected, got []Change, guarantee Guarantee) Report {
	r := Report{promise: Promise{Guarantee: guarantee}}
	balance := map[Row]int{}
	for _, e := range expected {
		if e.Row != "" {
			r.Expected++
			balance[e.Row]++
		}
	}
	known := maps.Clone(balance)
	for _, g := range got {
		if g.Row == "" {
			continue
		}
		r.Compared++
		switch {
		case known[g.Row] == 0:
			r.Phantom = append(r.Phantom, g)
		case balance[g.Row] == 0:
			r.Repeated = append(r.Repeated, g)
		default:
			balance[g.Row]--
		}
	}
	for _, e := range slices.Backward(expected) {
		if e.Row != "" && balance[e.Row] > 0 {
			balance[e.Row]--
			r.Lost = append(r.Lost, e)
		}
	}
	return r
}

// Only are the changes with no other columns than these.
func Only(changes []Change, columns ...string) []Change {
	only := slices.Clone(changes)
	for i := range only {
		only[i].Row = only[i].Row.Only(columns...)
	}
	return only
}

// Fold rebuilds the tables from their changes: the rows that exist after all of them, one Read each.
func Fold(changes []Change) []Change {
	last := map[identity]Change{}
	for _, c := range changes {
		switch c.Op {
		case Delete:
			delete(last, identity{c.Table, c.Key})
		case Truncate:
			maps.DeleteFunc(last, func(id identity, _ Change) bool { return id.table == c.Table })
		default:
			c.Op = Read
			last[identity{c.Table, c.Key}] = c
		}
	}
	return slices.Collect(maps.Values(last))
}

// State compares the present rows of the source with the tables rebuilt from changes.
func State(current, changes []Change) Report {
	return Rows(current, Fold(changes), ExactlyOnce)
}
