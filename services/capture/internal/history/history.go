package history

import (
	"cmp"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// History is the versions of a connector's tables. It is used by one goroutine at a time.
type History struct {
	// tables has each table's versions; their numbers rise by one.
	tables map[string][]*Version
}

// New makes an empty history.
func New() *History { return &History{tables: make(map[string][]*Version)} }

// Apply adds a version that was kept. Versions must be added in the order in which they were
// written: one with the number of an earlier version replaces that and all that followed it.
func (h *History) Apply(v *Version) {
	all := h.tables[v.Table]
	if i := slices.IndexFunc(all, func(known *Version) bool { return known.Number >= v.Number }); i >= 0 {
		all = all[:i]
	}
	h.tables[v.Table] = append(all, v)
}

// Rewind forgets the versions that begin with changes after a position: a stream that begins there
// brings them, and they are observed, again. Versions of another server's history stay, since
// positions of the two cannot be compared.
func (h *History) Rewind(at pgrepl.Position) {
	for table, all := range h.tables {
		i := slices.IndexFunc(all, func(v *Version) bool {
			from := v.From.At
			return from.SystemID == at.SystemID && at.Before(from)
		})
		switch {
		case i == 0:
			delete(h.tables, table)
		case i > 0:
			h.tables[table] = all[:i]
		}
	}
}

// Observe notes what a table looks like at a point of the stream. It returns the version that the
// table now has, and whether that is new and must be kept.
func (h *History) Observe(table string, d Description, at Point) (v *Version, fresh bool) {
	v = &Version{Table: table, Number: 1, From: at, Description: d}
	if last := h.Latest(table); last != nil {
		successor := match(&last.Description, &d)
		v.Changes = compare(&last.Description, &d, successor)
		if len(v.Changes) == 0 {
			return last, false
		}
		v.Number = last.Number + 1
		v.Columns = slices.Clone(d.Columns)
		for i, j := range successor {
			if j >= 0 && v.Columns[j].Number == 0 && v.OID == last.OID {
				v.Columns[j].Number = last.Columns[i].Number // the catalog, read late, no longer knew the name
			}
		}
	}
	h.Apply(v)
	return v, true
}

// Latest is the last version of a table; nil if it has none.
func (h *History) Latest(table string) *Version {
	all := h.tables[table]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// Newest lists the versions of a table, the latest first. If table is empty, it lists those of all
// tables by the time from which they hold. It returns at most that many.
func (h *History) Newest(table string, most int) []*Version {
	var all []*Version
	if table != "" {
		all = slices.Clone(h.tables[table])
		slices.Reverse(all)
	} else {
		for _, versions := range h.tables {
			all = append(all, versions...)
		}
		slices.SortFunc(all, func(a, b *Version) int {
			return cmp.Or(b.From.Time.Compare(a.From.Time), cmp.Compare(b.From.At.Commit, a.From.At.Commit),
				cmp.Compare(b.From.At.Ordinal, a.From.At.Ordinal),
				strings.Compare(a.Table, b.Table), cmp.Compare(b.Number, a.Number))
		})
	}
	return all[:min(len(all), most)]
}
