package status

import (
	"maps"
	"slices"
	"time"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
)

// Table is a captured table: what it looks like, and how much of it was delivered.
type Table struct {
	Name, Topic, ReplicaIdentity string
	// Warnings say what its events lack, KeptBack what the server keeps from the connector.
	Warnings, KeptBack []string
	// Version is the number of its version; 0 before the first.
	Version int

	// Inserted, Updated, Deleted and Read count rows, Truncates statements.
	Inserted, Updated, Deleted, Read, Truncates int64
	// LastChange and LastLSN are the last change's; zero without one.
	LastChange time.Time
	LastLSN    pgrepl.LSN

	// Activity is what the capture is doing with it; Reason explains that where it needs explaining.
	// Tables fills them in.
	Activity Activity
	Reason   string
}

// Activity is what the capture is doing with a table.
type Activity int

const (
	// Waiting: the table's turn has not come, or its capture does not go on.
	Waiting Activity = iota
	// Reading: the table's rows are being read.
	Reading
	// Streamed: the table's changes are streamed.
	Streamed
	// Broken: the table cannot be read, or its capture failed.
	Broken
)

// tables are the captured tables by name.
type tables map[string]*Table

// found returns the tables that exist now; those that were known before keep their counts.
func (ts tables) found(now []Table) tables {
	out := make(tables, len(now))
	for _, t := range now {
		if known := ts[t.Name]; known != nil {
			out[t.Name] = known
		}
		out.describe(t)
	}
	return out
}

// describe notes that a table, which may be new, looks different from now on.
func (ts tables) describe(now Table) {
	known := ts[now.Name]
	if known == nil {
		ts[now.Name] = &now
		return
	}
	known.Topic, known.ReplicaIdentity, known.Version = now.Topic, now.ReplicaIdentity, now.Version
	known.Warnings, known.KeptBack = now.Warnings, now.KeptBack
}

// count adds durable changes to their tables.
func (ts tables) count(counts []buffer.Count) {
	for i := range counts {
		n := &counts[i]
		t := ts[n.Table]
		if t == nil || n.Rows == 0 {
			continue
		}
		switch n.Op {
		case debezium.Create:
			t.Inserted += n.Rows
		case debezium.Update:
			t.Updated += n.Rows
		case debezium.Delete:
			t.Deleted += n.Rows
		case debezium.Truncate:
			t.Truncates += n.Rows
		case debezium.Read:
			t.Read += n.Rows
			continue
		}
		if at := time.UnixMicro(n.CommitTime); !at.Before(t.LastChange) {
			t.LastChange, t.LastLSN = at, pgrepl.LSN(n.LSN)
		}
	}
}

// Tables lists the captured tables by name, each with what the capture is doing with it.
func (c *Capture) Tables() []Table {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.now()
	out := make([]Table, 0, len(c.tables))
	for _, name := range slices.Sorted(maps.Keys(c.tables)) {
		t := *c.tables[name]
		t.Activity, t.Reason = c.activity(&state, name)
		out = append(out, t)
	}
	return out
}

// activity is what the capture is doing with a table; the caller holds mu.
func (c *Capture) activity(s *State, name string) (Activity, string) {
	switch s.Phase {
	case Failed:
		return Broken, s.Reason
	case Snapshotting:
		if t := s.tableSnapshot(name); t != nil && t.begun() {
			return Reading, ""
		}
		return Waiting, "The snapshot reads other tables."
	case Streaming:
		return c.incrementalActivity(name)
	}
	return Waiting, s.Reason
}

// incrementalActivity is what the capture is doing with a table while changes are streamed; the
// caller holds mu. A table may have several entries, of which the last is the newest.
func (c *Capture) incrementalActivity(name string) (is Activity, reason string) {
	is = Streamed
	if c.incremental == nil {
		return is, ""
	}
	for _, e := range c.incremental.Ended {
		if e.Table.String() != name {
			continue
		}
		if is, reason = Streamed, ""; e.Err != nil {
			is, reason = Broken, "Its incremental snapshot failed: "+c.hidden(e.Err.Error())
		}
	}
	for i, t := range c.incremental.Collections {
		if t.Table.String() != name {
			continue
		}
		if is, reason = Streamed, ""; i == 0 {
			is = Reading
		}
	}
	return is, reason
}
