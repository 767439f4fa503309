package verify

import "fmt"

// Images says what an event has of the row before a change.
type Images int

const (
	// KeyImages is a table's replica identity of the key alone: the row before tells nothing.
	KeyImages Images = iota
	// FullImages is REPLICA IDENTITY FULL: the row before a change is whole.
	FullImages
)

// Chain demands that each change of a row begins where the one before ended: what is created was not there, what is
// updated or deleted was, and was as the event has it before the change. A row that a snapshot reads is what the
// stream has made of it by then. Columns are compared that both sides have, since a table may gain and lose columns
// between two changes. Make it with NewChain.
type Chain struct {
	start    Start
	images   Images
	tables   map[string]*chainTable
	failures []Failure
}

// chainTable is what a stream has made of a table.
type chainTable struct {
	// rows are the rows that the stream told of; "" is one that is not there.
	rows map[Row]Row
	// complete says that what the stream has not told of is not there.
	complete bool
}

// NewChain makes a Chain of a stream that begins at start.
func NewChain(start Start, images Images) *Chain {
	return &Chain{start: start, images: images, tables: map[string]*chainTable{}}
}

func (v *Chain) Note(c Change) {
	table := v.tables[c.Table]
	if table == nil {
		table = &chainTable{map[Row]Row{}, v.start == AtFirstChange}
		v.tables[c.Table] = table
	}
	if c.Op == Truncate {
		*table = chainTable{map[Row]Row{}, true}
		return
	}
	if says := v.broken(table, c); says != "" {
		v.failures = append(v.failures, Failure{"chain", c, says})
		if c.Op == Read {
			return // what was streamed is the truth
		}
	}
	table.rows[c.Key] = c.Row // "" for a delete
}

// broken says what is wrong with a change, given the table's rows so far; "" for nothing.
func (v *Chain) broken(table *chainTable, c Change) string {
	row, known := table.rows[c.Key]
	if !known && !table.complete {
		return ""
	}
	before, of := c.Before, "before the change"
	switch {
	case c.Op == Create && row != "":
		return "the row that is created was there: " + string(row)
	case c.Op == Create:
		return ""
	case row == "":
		return "the row was not there"
	case c.Op == Read:
		before, of = c.Row, "that a snapshot read"
	case v.images == KeyImages:
		return ""
	}
	if before == "" {
		return "the row " + of + " is not told"
	}
	if !alike(row, before) {
		return fmt.Sprintf("the row %s is %s, and was %s", of, before, row)
	}
	return ""
}

func (v *Chain) Failures() []Failure { return v.failures }
