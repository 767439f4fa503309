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

// Changes compares the history that was committed with what a topic holds, key by key and in order.
//
// A key's changes in the topic must be the committed ones in their order. They may begin with a snapshot's Read, which
// must equal the row after one of the committed changes and stands for all up to it; a key whose changes before the
// snapshot ended in a delete may begin after that delete. Where fromStart is true there was no row before the connector
// streamed, so nothing may be missing at the beginning either.
func Changes(committed, got []Change, guarantee Guarantee, fromStart bool) Report {
	r := Report{Expected: len(committed), Compared: len(got), guarantee: guarantee}
	want, have := byIdentity(committed), byIdentity(got)
	for _, id := range sorted(want, have) {
		r.key(want[id], have[id], fromStart)
	}
	return r
}

// key compares one key's changes. next is the committed change that must come next; all before it are accounted for.
func (r *Report) key(want, got []Change, fromStart bool) {
	begun := fromStart
	next := 0
	if !fromStart {
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
			case i == 0 && begun && !fromStart: // it stands for all that begin passed over
			case hasRead(got[:i], g.Row):
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

// lastRow is the index of the last committed change after which the row looked like row; -1 if it never did.
func lastRow(want []Change, row Row) int {
	for i, w := range slices.Backward(want) {
		if w.Op != Delete && w.Row == row {
			return i
		}
	}
	return -1
}

func hasRead(got []Change, row Row) bool {
	return slices.ContainsFunc(got, func(g Change) bool { return g.Op == Read && g.Row == row })
}

// Rows compares two sets of rows without regard to order, as an append-only target holds them: each
// row as often as it is expected (ExactlyOnce), or at least so often (AtLeastOnce). Deletes carry
// no row and are left out on both sides.
func Rows(expected, got []Change, guarantee Guarantee) Report {
	r := Report{guarantee: guarantee}
	balance := map[Row]int{}
	for _, e := range expected {
		if e.Op != Delete {
			r.Expected++
			balance[e.Row]++
		}
	}
	known := maps.Clone(balance)
	for _, g := range got {
		if g.Op == Delete {
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
		if e.Op != Delete && balance[e.Row] > 0 {
			balance[e.Row]--
			r.Lost = append(r.Lost, e)
		}
	}
	return r
}

// Fold rebuilds the tables from their changes: the rows that exist after all of them, one Read each.
func Fold(changes []Change) []Change {
	last := map[identity]Change{}
	for _, c := range changes {
		if c.Op == Delete {
			delete(last, identity{c.Table, c.Key})
			continue
		}
		c.Op = Read
		last[identity{c.Table, c.Key}] = c
	}
	return slices.Collect(maps.Values(last))
}

// State compares the present rows of the source with the tables rebuilt from changes.
func State(current, changes []Change) Report {
	return Rows(current, Fold(changes), ExactlyOnce)
}
