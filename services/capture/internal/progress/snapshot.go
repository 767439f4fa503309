package progress

import "maps"

// Snapshot is how far an initial snapshot is. Tables that are in neither map have not been begun. A
// value that is in a checkpoint never changes: Advance makes another.
type Snapshot struct {
	// Xmin is the xmin of the snapshot that the finished ranges were read under: rows that changed since have it or a
	// later one.
	Xmin   uint64            `json:"xmin,omitempty"`
	Done   map[string]bool   `json:"done,omitempty"`
	Tables map[string]*Table `json:"tables,omitempty"`
}

// Table is how far the reading of one table is: the pages below Next (all pages, if Next is -1) are
// delivered, except for the open ranges.
type Table struct {
	// File is the file that the pages are of (pgrepl.Member); 0 in the progress of versions that did
	// not note it.
	File uint32            `json:"file,omitempty"`
	Next int64             `json:"next"`
	Open map[string]*Range `json:"open,omitempty"`
	// Members are the tables that inherit from the table, as far as they were known.
	Members map[string]*Table `json:"members,omitempty"`
}

// Range is a range of pages that is being read, named by its first page.
type Range struct {
	// To is the page that ends the range; 0 if the range ends with the table.
	To int64 `json:"to"`
	// At is the ctid of the last delivered row; empty if none is.
	At string `json:"at,omitempty"`
}

// Under is what a snapshot goes on from: s, or the beginning if s is nil. Its xmin is that of the
// snapshot that is read now, unless rows were already read under an earlier one.
func (s *Snapshot) Under(xmin uint64) *Snapshot {
	if s == nil {
		return &Snapshot{Xmin: xmin}
	}
	under := *s
	if under.Xmin == 0 {
		under.Xmin = xmin
	}
	return &under
}

// Advance returns s with new states of some tables; nil means that all of a table is delivered.
func (s *Snapshot) Advance(tables map[string]*Table) *Snapshot {
	next := &Snapshot{Xmin: s.Xmin, Done: maps.Clone(s.Done), Tables: maps.Clone(s.Tables)}
	if next.Done == nil {
		next.Done = make(map[string]bool)
	}
	if next.Tables == nil {
		next.Tables = make(map[string]*Table)
	}
	for name, table := range tables {
		if table != nil {
			next.Tables[name] = table
			continue
		}
		delete(next.Tables, name)
		next.Done[name] = true
	}
	return next
}

// Halfway reports whether some pages of the table itself were handed out, and some are not delivered.
func (t *Table) Halfway() bool { return t.Next > 0 || t.Next < 0 && len(t.Open) > 0 }

// complete reports whether no table or range is nil, which JSON's null would make it.
func (t *Table) complete() bool {
	if t == nil {
		return false
	}
	for _, open := range t.Open {
		if open == nil {
			return false
		}
	}
	for _, member := range t.Members {
		if !member.complete() {
			return false
		}
	}
	return true
}
