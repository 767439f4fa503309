package capture

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/change"
)

// Types of notifications, as Debezium names them.
const (
	notifyStarted    = "STARTED"
	notifyInProgress = "IN_PROGRESS"
	notifyTableDone  = "TABLE_SCAN_COMPLETED"
	notifyCompleted  = "COMPLETED"
	notifySkipped    = "SKIPPED"
	notifyPaused     = "PAUSED"
	notifyResumed    = "RESUMED"
	notifyAborted    = "ABORTED"
)

// notify tells how far a snapshot is. id is a signal's; without one the notification has one of its own. pairs are names and values of
// its data.
func (s *session) notify(aux *change.Auxiliary, b *batch, aggregate, what, id string, pairs ...string) error {
	set := s.spec.Notifications
	if !set.Log && set.Topic == "" {
		return nil
	}
	if id == "" {
		id = uuid()
	}
	n := change.Notification{ID: id, Aggregate: aggregate, Type: what, Time: time.Now().UnixMilli(), Data: map[string]string{"connector_name": s.spec.Prefix}}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Data[pairs[i]] = pairs[i+1]
	}
	if set.Log {
		s.env.Logger.Info("Notification", "id", n.ID, "aggregate_type", n.Aggregate, "type", n.Type, "additional_data", n.Data)
	}
	if set.Topic == "" {
		return nil
	}
	return aux.AppendNotification(&b.Batch, set.Topic, &n)
}

// tableNames are the names of a snapshot's tables, in their order.
func (n *snapshot) tableNames() []string {
	names := make([]string, len(n.queue.tables))
	for i, t := range n.queue.tables {
		names[i] = t.String()
	}
	return names
}

// tableNotice is that the reading of a table begins, or with ends that all its rows are read.
type tableNotice struct {
	table *snapshotTable
	ends  bool
	rows  int64
}

// tellTables tells what has happened to tables since the row before the one that was held back.
func (w *snapshotWorker) tellTables() error {
	for _, n := range w.notices {
		what, pairs := notifyInProgress, []string{"current_collection_in_progress", n.table.String(), "data_collections", strings.Join(change.HashSetOrder(w.tableNames()), ",")}
		if n.ends {
			names := w.tableNames()
			if signal := w.spec.Signals.Table; signal != "" && !slices.Contains(names, signal) {
				names = append(names, signal)
			}
			slices.Sort(names)
			what, pairs = notifyTableDone, []string{"scanned_collection", n.table.String(), "data_collections", strings.Join(names, ","), "total_rows_scanned", strconv.FormatInt(n.rows, 10), "status", "SUCCEEDED"}
		}
		if err := w.notify(w.aux, w.b, change.InitialSnapshot, what, "", pairs...); err != nil {
			return err
		}
	}
	w.notices = w.notices[:0]
	return nil
}

// begins tells that the snapshot begins.
func (n *snapshot) begins(ctx context.Context) error {
	b := new(batch)
	if err := n.notify(change.NewAuxiliary(&n.events), b, change.InitialSnapshot, notifyStarted, ""); err != nil || len(b.Records) == 0 {
		return err
	}
	return n.producer.deliver(ctx, b, n.producer.saved)
}

// skips tells that the session streams without a snapshot.
func (r *reader) skips() error {
	b := r.stage.fill()
	defer r.stage.unlock()
	if b == nil {
		return nil
	}
	return r.notify(r.aux, b, change.InitialSnapshot, notifySkipped, "")
}

// tell tells of the incremental snapshots that p is the progress of.
func (r *reader) tell(b *batch, p *incrementalProgress, what string, pairs ...string) error {
	return r.notify(r.aux, b, change.IncrementalSnapshot, what, p.Signal, pairs...)
}

// collections joins the names of the tables that are still to read, the present one first.
func (p *incrementalProgress) collections() string {
	names := make([]string, len(p.Collections))
	for i, c := range p.Collections {
		names[i] = c.Table.String()
	}
	return strings.Join(names, ",")
}

// scanned tells that the present table is done with.
func (r *reader) scanned(b *batch, p *incrementalProgress, c *chunk) error {
	status := "SUCCEEDED"
	switch {
	case errors.Is(c.err, errNoKey):
		status = "NO_PRIMARY_KEY"
	case errors.Is(c.err, errNoTable):
		status = "UNKNOWN_SCHEMA"
	case c.err != nil:
		status = "SQL_EXCEPTION"
	case c.max == nil:
		status = "EMPTY"
	}
	if err := r.tell(b, p, notifyTableDone, "scanned_collection", p.Collections[0].Table.String(), "total_rows_scanned", strconv.FormatInt(p.Rows, 10), "data_collections", p.collections(), "status", status); err != nil {
		return err
	}
	if len(p.Collections) > 1 {
		return nil
	}
	return r.tell(b, p, notifyCompleted)
}

// text writes the values of a key.
func (v keyValues) text() string {
	texts := make([]string, len(v))
	for i, value := range v {
		if texts[i] = "<null>"; value != nil {
			texts[i] = *value
		}
	}
	return strings.Join(texts, ",")
}
