package target

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// Retypes follows the batches on their way into a table while somebody may give its columns other
// types: ADX stores null where a value is none of its column's type, and says nothing. It is safe for
// concurrent use.
type Retypes struct {
	cluster *Cluster
	route   route.Route

	mu sync.Mutex
	// underWay is how many batches are, ended when the last one was in the table.
	underWay int
	ended    time.Time
	// untold is the last change of types while nobody is known to have been affected by it, version the
	// first that has it; nil if there is none.
	untold  *status.Notice
	version int
}

// Sending notes that a batch is on its way whose rows were written for a version of the table; ended
// is to be called when it has come in, or has not.
func (r *Retypes) Sending(version int) (ended func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.underWay++
	if r.untold != nil && version < r.version {
		r.tell()
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.underWay--
		r.ended = time.Now()
	}
}

// changed notes which columns were given other types: rows that came since the table was looked at
// before were written for the types that it had then. version is the first with the types of now.
func (r *Retypes) changed(before, now *kusto.TableSchema, since time.Time, version int) {
	var columns []string
	for _, c := range now.Columns {
		if was, there := before.Find(c.Name); there && was.Type != c.Type {
			columns = append(columns, fmt.Sprintf("%s (%s to %s)", c.Name, was.Type, c.Type))
		}
	}
	if len(columns) == 0 {
		return
	}
	table, name := r.route.Database+"."+r.route.Table, r.cluster.Env.Connector
	from, to := since.UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.version = version
	r.untold = &status.Notice{
		Kind: status.ColumnRetyped, Topic: r.route.Topic, Table: table,
		Summary: fmt.Sprintf("somebody changed the type of columns of %s between %s and %s while rows came that were written "+
			"for the type before, so that values of these may be null: %s", table, from, to, strings.Join(columns, ", ")),
		Remedy: fmt.Sprintf("Compare: calypsoctl verify <source connector>. To have the rows again: calypsoctl offsets reset %s "+
			"--topic %s, or calypsoctl snapshot start <source connector> --table <schema.table>. Another time stop the connector "+
			"first: calypsoctl stop %s. %s", shell.Quote(name), shell.Quote(r.route.Topic), shell.Quote(name),
			r.cluster.Status.Notices.Acknowledge()),
	}
	if r.underWay > 0 || r.ended.After(since) {
		r.tell()
	}
}

// stopPatience is how long a note that is not durable yet holds up a task that is told to stop.
const stopPatience = 5 * time.Second

// tell reports the last change of types; if that fails, it is still untold. The caller holds mu.
func (r *Retypes) tell() {
	n, version, c := r.untold, r.version, r.cluster
	r.untold = nil
	c.Beside("note of columns that were retyped", func() {
		// The batches that were affected may be committed already, so that nobody would notice again.
		ctx, cancel := context.WithCancel(context.WithoutCancel(c.Ctx))
		defer cancel()
		defer context.AfterFunc(c.Ctx, func() { time.AfterFunc(stopPatience, cancel) })()
		err := c.Status.Notices.Keep(ctx, n, c.Retry.Do)
		if err == nil {
			return
		}
		c.Env.Logger.Error("that columns were retyped could not be noted", "table", n.Table, "err", err)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.version == version {
			r.untold = n
		}
	})
}
