package target

import (
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
)

// LastRows finds out when rows last came into the tables of partitions that an earlier task has
// brought rows from: until new ones come, nothing else would show whether that was a minute or a
// week ago. What cannot be found out, for example without the role viewer, stays unknown.
func (t *Tables) LastRows(from []batch.Source) {
	type table struct{ database, name string }
	byTable := map[table][]batch.Source{}
	for _, tp := range from {
		if r, ok := t.cluster.Spec.Routes.Find(tp.Topic); ok {
			to := table{r.Database, r.Table}
			byTable[to] = append(byTable[to], tp)
		}
	}
	for to, partitions := range byTable {
		at, err := t.newestExtent(to.database, to.name)
		if err != nil {
			t.cluster.Env.Logger.Debug("when rows last came into a table is not known", "database", to.database, "table",
				to.name, "err", err)
			continue
		}
		t.cluster.Status.Filled(at, partitions)
	}
}

// newestExtent is when the last rows came into a table; streamed ones count with their extent.
func (t *Tables) newestExtent(database, name string) (time.Time, error) {
	const column = "MaxExtentsCreationTime"
	details, err := t.cluster.Client.Manage(t.cluster.Ctx, database, ".show table "+kusto.QuoteName(name)+" details")
	if err != nil {
		return time.Time{}, err
	}
	if len(details.Rows) != 1 || details.Value(0, column) == "" {
		return time.Time{}, fmt.Errorf("the answer has no %s", column)
	}
	return time.Parse(time.RFC3339Nano, details.Value(0, column))
}
