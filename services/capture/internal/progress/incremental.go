package progress

import (
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// Incremental is how far an incremental snapshot is. It is never changed once it is in a batch or a
// checkpoint: its methods make others.
type Incremental struct {
	// Collections are the tables still to read; the first is being read.
	Collections []Collection `json:"collections"`
	// Last is the key of the last row delivered of the first table, Max its greatest key when its
	// reading began; nil before the first chunk.
	Last Key `json:"last,omitempty"`
	Max  Key `json:"max,omitempty"`
	// Rows counts the rows read of the first table.
	Rows int64 `json:"rows,omitempty"`
	// Signal is the id of the last signal that asked for tables.
	Signal string `json:"signal,omitempty"`
	// Paused says that no chunk is read until a resume-snapshot signal.
	Paused bool `json:"paused,omitempty"`
	// Ended are the tables that ended since the stream began, of the snapshots under way only.
	Ended []EndedCollection `json:"-"`
}

// Collection is a table of an incremental snapshot.
type Collection struct {
	Table pgrepl.Table `json:"table"`
	// Filter narrows the rows (additional-conditions); empty for all.
	Filter string `json:"filter,omitempty"`
	// Key is the column to read by in place of the primary key (surrogate-key); empty for the key.
	Key string `json:"key,omitempty"`
	// Estimate is pg_class.reltuples when the table was asked for; -1 if unknown.
	Estimate int64 `json:"estimate,omitempty"`
}

// EndedCollection is a table that an incremental snapshot has finished with.
type EndedCollection struct {
	Collection
	// Rows were read of it.
	Rows int64
	// Stopped says that a signal ended it, Err why it could not be read.
	Stopped bool
	Err     error
}

// Key are the values of a key's columns as PostgreSQL's text; nil stands for NULL.
type Key []*string

// Texts returns the values, with a word in place of each NULL.
func (k Key) Texts(null string) []string {
	out := make([]string, len(k))
	for i, value := range k {
		if out[i] = null; value != nil {
			out[i] = *value
		}
	}
	return out
}

// Idle reports whether there is nothing to read.
func (p Incremental) Idle() bool { return len(p.Collections) == 0 }

// Names lists the tables that are still to read, the present one first, separated by commas.
func (p Incremental) Names() string {
	names := make([]string, len(p.Collections))
	for i, c := range p.Collections {
		names[i] = c.Table.String()
	}
	return strings.Join(names, ",")
}

// Ask adds tables to read. signal is the id of the signal that asked for them; a back-fill, which
// no signal asked for, passes the last one. If nothing was under way, the tables that ended before
// are forgotten.
func (p Incremental) Ask(signal string, tables []Collection) Incremental {
	if p.Idle() {
		p.Ended = nil
	}
	p.Collections = append(slices.Clone(p.Collections), tables...)
	p.Signal = signal
	return p
}

// Read notes that a chunk of the first table was delivered.
func (p Incremental) Read(rows int, last, greatest Key) Incremental {
	p.Last, p.Max, p.Rows = last, greatest, p.Rows+int64(rows)
	return p
}

// End moves the first table to those that ended: all of it is delivered, or err says why it cannot
// be read.
func (p Incremental) End(err error) Incremental {
	return p.without(0, EndedCollection{Err: err})
}

// Stop moves the tables for which stopped is true to those that ended, and returns their names in
// order.
func (p Incremental) Stop(stopped func(pgrepl.Table) bool) (next Incremental, names []string) {
	for i := len(p.Collections) - 1; i >= 0; i-- {
		if table := p.Collections[i].Table; stopped(table) {
			names = append(names, table.String())
			p = p.without(i, EndedCollection{Stopped: true})
		}
	}
	slices.Reverse(names)
	return p, names
}

// without moves a table to those that ended.
func (p Incremental) without(at int, e EndedCollection) Incremental {
	e.Collection = p.Collections[at]
	if at == 0 {
		e.Rows = p.Rows
		p.Last, p.Max, p.Rows = nil, nil, 0
	}
	p.Ended = append(slices.Clip(p.Ended), e)
	p.Collections = slices.Delete(slices.Clone(p.Collections), at, at+1)
	return p
}
