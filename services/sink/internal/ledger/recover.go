package ledger

import (
	"cmp"
	"slices"
)

// Recover finds where a partition whose offset is lost may go on, from the cuts whose
// rows are in the target, as far as it still knows their names. It is as the ledger was that made
// them, or behind: what lies between cuts is a cut that is not done (or that had no rows), and what
// follows such a gap is made again as it was made before, which the target recognises. It is nil
// where no cut is given.
//
// Cuts that overlap others are of an earlier reading of the topic. Nothing before them is looked at,
// and nothing before what fits into a commit's metadata: a ledger never had more open.
func Recover(topic string, taken []Cut) *Ledger {
	taken = slices.Clone(taken)
	slices.SortFunc(taken, func(a, b Cut) int { return cmp.Or(cmp.Compare(b.End, a.End), cmp.Compare(b.First, a.First)) })
	taken = slices.Compact(taken)
	if len(taken) == 0 {
		return nil
	}
	end := taken[0].End
	var later []state // from a place on, in order; whether those are done is not asked any more
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
