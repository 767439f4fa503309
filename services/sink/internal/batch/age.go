package batch

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// maxAgeGroups bounds the age groups of a batch. When there are more, neighbours are merged.
const maxAgeGroups = 64

// ageGroup is rows of a batch that were produced together: within the same millisecond, the
// resolution of Kafka's timestamps, or a longer time if a batch has many groups. Reading a row's
// commit time costs as much as making the row, so only the first row of each age group is read.
type ageGroup struct {
	// Produced is the earliest time of production, rows how many rows there are.
	Produced time.Time
	rows     int64
	// Committed is the earliest commit time among the rows that have one, dated of them; a
	// snapshot's rows have none.
	Committed time.Time
	Dated     int64
}

// ageGroups are the rows of a batch by age, in the order of the records.
type ageGroups struct {
	All []ageGroup
	// grain is how much later than its first a row of an age group may have been produced.
	grain time.Duration
}

// Add counts a record that became a row.
func (c *ageGroups) Add(e *row.Encoder, r *kgo.Record) {
	if n := len(c.All); n > 0 {
		last := &c.All[n-1]
		if later := r.Timestamp.Sub(last.Produced); later >= 0 && later <= c.grain {
			last.rows++
			if last.Dated > 0 {
				last.Dated++
			}
			return
		}
	}
	if len(c.All) == maxAgeGroups {
		c.halve()
	}
	next := ageGroup{Produced: r.Timestamp, rows: 1}
	if at, ok := e.CommitTime(r); ok {
		next.Committed, next.Dated = at, 1
	}
	c.All = append(c.All, next)
}

// halve merges each two neighbours; the age of the older counts for both. Later groups span as long
// a time as the merged ones.
func (c *ageGroups) halve() {
	c.grain = c.All[len(c.All)-1].Produced.Sub(c.All[0].Produced) / (maxAgeGroups / 2)
	kept := c.All[:0]
	for i, next := range c.All {
		if i%2 == 0 {
			kept = append(kept, next)
			continue
		}
		last := &kept[len(kept)-1]
		if next.Produced.Before(last.Produced) {
			last.Produced = next.Produced
		}
		if last.Dated == 0 || next.Dated > 0 && next.Committed.Before(last.Committed) {
			last.Committed = next.Committed
		}
		last.rows, last.Dated = last.rows+next.rows, last.Dated+next.Dated
	}
	c.All = kept
}

// Ages are how old rows were when they became queryable.
type Ages struct{ Committed, Produced latency.Window }

// Visible counts the rows of a batch that is in the table now.
func (a *Ages) Visible(now time.Time, c ageGroups) {
	for _, rows := range c.All {
		a.Produced.Observe(now, now.Sub(rows.Produced), rows.rows)
		if rows.Dated > 0 {
			a.Committed.Observe(now, now.Sub(rows.Committed), rows.Dated)
		}
	}
}
