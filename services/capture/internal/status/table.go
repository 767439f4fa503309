package status

import (
	"maps"
	"slices"
	"time"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/stage"
)

// Table is a captured table: what it looks like, and what was delivered of it.
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

	// Activity is what is being done about it, and Reason why if that needs a word; see Tables.
	Activity Activity
	Reason   string
}

// Activity is what is being done about a table.
type Activity int

const (
	// Waiting is of a table whose turn comes, or whose capture does not go on.
	Waiting Activity = iota
	// Reading is of one whose rows are being read.
	Reading
	// Streamed is of one whose changes come.
	Streamed
	// Broken is of one that cannot be read, or whose capture failed.
	Broken
)

// found replaces the tables; those that were there before keep their counts. The caller holds mu.
func (c *Capture) found(tables []Table) {
	before := c.tables
	c.tables = make(map[string]*Table, len(tables))
	for _, t := range tables {
		if known := before[t.Name]; known != nil {
			c.tables[t.Name] = known
		}
		c.describe(t)
	}
}

// describe notes that a table, which may be new, looks different from now on; the caller holds mu.
func (c *Capture) describe(now Table) {
	known := c.tables[now.Name]
	if known == nil {
		c.tables[now.Name] = &now
		return
	}
	known.Topic, known.ReplicaIdentity, known.Version = now.Topic, now.ReplicaIdentity, now.Version
	known.Warnings, known.KeptBack = now.Warnings, now.KeptBack
}

// count adds durable changes to their tables; the caller holds mu.
func (c *Capture) count(counts []stage.Count) {
	for i := range counts {
		n := &counts[i]
		t := c.tables[n.Table]
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

// Tables lists the captured tables by name, each with what is being done about it.
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

// activity is what is being done about a table; the caller holds mu.
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

// incrementalActivity is what is being done about a table while changes are streamed; the caller
// holds mu. The last of several entries is the newest.
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
