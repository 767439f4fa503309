package target

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

const (
	// doubtAfter is how long after its ingestion a batch that was sent more than once is looked for
	// a second time: the first attempt may have been slower than the one that was seen to end.
	doubtAfter = time.Minute
	// maxDoubts is how many batches wait for that. More of them at once go without: verify counts them.
	maxDoubts = 1000
)

// doubts are batches that were sent more than once under one tag. ADX says that it drops all but
// one of them, but not what happens where two are ingested at the same time. So that is checked,
// and soon, since it can no longer be seen once extents are merged.
type doubts struct {
	mu   sync.Mutex
	wait []doubt
	told map[string]bool
}

type doubt struct {
	to  route.Route
	tag string
	// at is when to look; zero for at once.
	at time.Time
}

// note has a batch looked for at once, and once more later.
func (d *doubts) note(to route.Route, tag string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.wait)+2 <= maxDoubts {
		d.wait = append(d.wait, doubt{to, tag, time.Time{}}, doubt{to, tag, time.Now().Add(doubtAfter)})
	}
}

// due takes what is to be looked for now.
func (d *doubts) due(now time.Time) (due []doubt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var left []doubt
	for _, one := range d.wait {
		if one.at.After(now) {
			left = append(left, one)
		} else {
			due = append(due, one)
		}
	}
	d.wait = left
	return due
}

// fresh reports whether a tag has not been reported yet.
func (d *doubts) fresh(tag string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.told[tag] || len(d.told) >= maxDoubts {
		return false
	}
	if d.told == nil {
		d.told = map[string]bool{}
	}
	d.told[tag] = true
	return true
}

// resolve looks for doubled batches until ctx ends.
func (d *doubts) resolve(ctx context.Context, c *Cluster) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, one := range d.due(time.Now()) {
			if ctx.Err() == nil {
				d.look(ctx, c, one)
			}
		}
	}
}

// look finds out whether a table has more than one extent with a tag. An identity that may not see
// extents does not: that it may not look was said when the table was looked at.
func (d *doubts) look(ctx context.Context, c *Cluster, one doubt) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r := one.to
	command := ".show table " + kusto.QuoteName(r.Table) + " extents where tags has " +
		kusto.QuoteString("ingest-by:"+one.tag)
	extents, err := c.Client.Manage(ctx, r.Database, command)
	switch {
	case err != nil:
		c.Env.Logger.Debug("whether a batch that was sent again is in the table twice could not be looked for", "table",
			r.Database+"."+r.Table, "err", err)
		return
	case len(extents.Rows) < 2 || !d.fresh(one.tag):
		return
	}
	c.Meters.Doubled(ctx, r.Table, int64(len(extents.Rows)-1))
	err = c.Status.Notices.Keep(ctx, &status.Notice{
		Kind: status.BatchDoubled, Topic: r.Topic, Table: r.Database + "." + r.Table,
		Summary: fmt.Sprintf(
			"a batch that was sent again is in %s.%s %d times: Azure Data Explorer took it under its tag %s although it had it",
			r.Database, r.Table, len(extents.Rows), one.tag),
		Remedy: "remove all but one of the extents, as long as they are not merged: " + command +
			" lists them; .drop extent <ExtentId> from " + kusto.QuoteName(r.Table) + ". " + c.Status.Notices.Acknowledge(),
	}, c.Retry.Do)
	if err != nil {
		c.Env.Logger.Error("a batch that is in a table twice could not be noted", "table", r.Database+"."+r.Table, "tag",
			one.tag, "err", err)
	}
}
