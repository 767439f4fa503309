package sink

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// maxCohorts bounds the cohorts of a batch. When there are more, neighbours become one.
const maxCohorts = 64

// cohort is rows of a batch that were produced together: within the same millisecond, which is what Kafka's timestamps tell, or longer
// where a batch has many. Reading a row's commit time costs as much as making the row, so one row of each cohort is asked, its first.
type cohort struct {
	// produced is the earliest time of production, rows how many rows there are.
	produced time.Time
	rows     int64
	// committed is the earliest commit time, of as many rows as dated; none of a snapshot's rows is.
	committed time.Time
	dated     int64
}

// cohorts are the rows of a batch by age, in the order of the records.
type cohorts struct {
	all []cohort
	// grain is how much later than its first a row of a cohort may have been produced.
	grain time.Duration
}

// add counts a record that became a row.
func (c *cohorts) add(e *row.Encoder, r *kgo.Record) {
	if n := len(c.all); n > 0 {
		last := &c.all[n-1]
		if later := r.Timestamp.Sub(last.produced); later >= 0 && later <= c.grain {
			last.rows++
			if last.dated > 0 {
				last.dated++
			}
			return
		}
	}
	if len(c.all) == maxCohorts {
		c.halve()
	}
	next := cohort{produced: r.Timestamp, rows: 1}
	if at, ok := e.CommitTime(r); ok {
		next.committed, next.dated = at, 1
	}
	c.all = append(c.all, next)
}

// halve makes one of each two neighbours; the age of the older counts for both. Cohorts to come are as long as these are then.
func (c *cohorts) halve() {
	c.grain = c.all[len(c.all)-1].produced.Sub(c.all[0].produced) / (maxCohorts / 2)
	kept := c.all[:0]
	for i, next := range c.all {
		if i%2 == 0 {
			kept = append(kept, next)
			continue
		}
		last := &kept[len(kept)-1]
		if next.produced.Before(last.produced) {
			last.produced = next.produced
		}
		if last.dated == 0 || next.dated > 0 && next.committed.Before(last.committed) {
			last.committed = next.committed
		}
		last.rows, last.dated = last.rows+next.rows, last.dated+next.dated
	}
	c.all = kept
}

// ages are how old rows were when they became queryable.
type ages struct{ committed, produced latency.Window }

// visible counts the rows of a batch that is in the table now.
func (a *ages) visible(now time.Time, c cohorts) {
	for _, rows := range c.all {
		a.produced.Observe(now, now.Sub(rows.produced), rows.rows)
		if rows.dated > 0 {
			a.committed.Observe(now, now.Sub(rows.committed), rows.dated)
		}
	}
}
