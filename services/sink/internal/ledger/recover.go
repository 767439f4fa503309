package ledger

import (
	"cmp"
	"slices"
)

// Recover finds where a partition whose offset is lost may go on, from the cuts whose
// rows are in the target, as far as it still knows their names. The result is the ledger that made
// them, or an earlier state of it: what lies between cuts is a cut that is not done (or that had no
// rows), and what follows such a gap is cut again as it was before, which the target recognises. It
// is nil if no cut is given.
//
// Cuts that overlap others are from an earlier reading of the topic. Nothing before them is
// considered, and nothing before what fits into a commit's metadata: a ledger never had more open.
func Recover(topic string, taken []Cut) *Ledger {
	taken = slices.Clone(taken)
	slices.SortFunc(taken, func(a, b Cut) int { return cmp.Or(cmp.Compare(b.End, a.End), cmp.Compare(b.First, a.First)) })
	taken = slices.Compact(taken)
	if len(taken) == 0 {
		return nil
	}
	end := taken[0].End
	var later []state // from a place on, in order; whether those are done no longer matters
	found := &Ledger{topic: topic, committed: end}
	for first := end; len(taken) > 0; taken = taken[1:] {
		c := taken[0]
		if c.End > first {
			break
		}
		if c.End < first {
			later = slices.Insert(later, 0, state{Cut: Cut{First: c.End, End: first}})
			if l := (&Ledger{topic: topic, committed: c.End, cuts: slices.Clone(later)}); !l.Full() {
				found = l
			}
		}
		later = slices.Insert(later, 0, state{Cut: c})
		first = c.First
	}
	return found
}
