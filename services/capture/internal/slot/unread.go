package slot

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

const (
	// maxUnread bounds how many tables are shown, maxMoves how many looks that saw changes of one
	// table are told apart.
	maxUnread = 1000
	maxMoves  = 32
)

// Unread is a table with changes that are not durable in Kafka yet.
type Unread struct {
	Table string
	// Since is when the server was first seen to have more changes of it, half way from the look before.
	Since time.Time
	// End is where the log ended then: it has all of them before it.
	End pgrepl.LSN
}

// counts remembers when tables were seen to change, until the changes are durable. It knows nothing
// of changes before the first look. It is safe for concurrent use.
type counts struct {
	mu sync.Mutex
	// at is the last look; zero before the first. rows is what it counted, by table.
	at   time.Time
	rows map[string]int64
	// moves are the looks that saw a table change, oldest first.
	moves map[string][]Unread
}

// observe adds what a look counted while the log ended at end. rows are the counts of all tables,
// so that a table which is captured from now on is not taken for one that has changed; captured are
// those of the captured ones.
func (c *counts) observe(now time.Time, rows, captured map[string]int64, end pgrepl.LSN) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moves == nil {
		c.moves = map[string][]Unread{}
	}
	if !c.at.IsZero() {
		since := c.at.Add(now.Sub(c.at) / 2)
		for table, n := range captured {
			if n <= c.rows[table] { // or its statistics began again
				continue
			}
			moves := c.moves[table]
			if len(moves) == maxMoves {
				moves[len(moves)-1].End = end
				continue
			}
			c.moves[table] = append(moves, Unread{table, since, end})
		}
	}
	c.at, c.rows = now, rows
}

// unread lists the tables with changes after durable, the position up to which everything is in
// Kafka; oldest first.
func (c *counts) unread(durable pgrepl.LSN) (all []Unread) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for table, moves := range c.moves {
		moves = slices.DeleteFunc(moves, func(u Unread) bool { return u.End <= durable })
		if len(moves) == 0 {
			delete(c.moves, table)
			continue
		}
		c.moves[table] = moves
		all = append(all, moves[0])
	}
	slices.SortFunc(all, func(a, b Unread) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Table, b.Table))
	})
	return all[:min(len(all), maxUnread)]
}

// captured sums up the counts by the names of captured tables. Changes of a partition count for it
// and for its root, since the publication decides which of the two has the events.
func captured(all []pgrepl.Changed, is func(pgrepl.Table) bool) map[string]int64 {
	rows := make(map[string]int64, len(all))
	for _, c := range all {
		if is(c.Table) {
			rows[c.Table.String()] += c.Rows
		}
		if c.Root.Name != "" && is(c.Root) {
			rows[c.Root.String()] += c.Rows
		}
	}
	return rows
}
