package target

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// coverage follows which columns of a table get no values from the last rows of its topic's
// partitions. A column that a mapping takes from a field is meant to have one. One that is merely
// called as a field would be may always have been there for something else, so it counts only if
// rows had the field before: this task saw them, or the versions of the source's tables say so.
type coverage struct {
	cluster *Cluster
	route   route.Route
	// rows is what rows are checked against now.
	rows func() row.Target

	mu sync.Mutex
	// last are the columns without a field in each partition's last rows.
	last map[batch.Source][]string
	// told are the columns that notices are about.
	told map[string]bool
	// filled are columns that rows had a field for. before is what the versions of tables say, read
	// once when it is needed.
	filled map[string]bool
	before map[string]bool
	// added are columns that this task has added, for schemas that some partitions' rows have and
	// those of others do not have yet.
	added map[string]bool
	// untaken are fields that a column took until it was changed in the cluster, with that column.
	untaken map[string]string
	// doubted is when the versions were last asked.
	doubted time.Time
}

// doubtAgain is after how long the versions of the source's table are asked again.
const doubtAgain = 30 * time.Second

// begin makes the maps. The caller holds the lock.
func (u *coverage) begin() {
	if u.last == nil {
		u.last, u.told, u.filled = map[batch.Source][]string{}, map[string]bool{}, map[string]bool{}
	}
}

// Followed is a partition whose rows come into the table.
type Followed struct {
	Source  batch.Source
	Encoder *row.Encoder
	// Filled are columns that the task added and that rows of this partition had a field for.
	Filled map[string]bool
}

// follow notes which columns a partition's rows have no field for from now on, and tells or takes
// back what follows from it.
func (u *coverage) follow(ctx context.Context, of Followed, r *kgo.Record) {
	if lacking, changed := of.Encoder.Lacking(); changed {
		u.doubt(lacking)
	}
	columns, changed := of.Encoder.Unfilled()
	if !changed {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.begin()
	u.last[of.Source] = columns
	target := u.rows()
	if target.Schema == nil {
		return
	}
	for _, c := range target.Schema.Columns {
		if !slices.Contains(columns, c.Name) {
			u.filled[c.Name] = true
			if u.added[c.Name] {
				of.Filled[c.Name] = true
			}
		}
	}
	missing := map[string]bool{}
	for _, of := range u.last {
		for _, c := range of {
			missing[c] = true
		}
	}
	for c := range u.told {
		if !missing[c] {
			delete(u.told, c)
			u.cluster.Status.Notices.Withdraw(status.ColumnWithoutField, u.route.Topic, c)
		}
	}
	schema, _ := of.Encoder.Schema(r) // it was read to make the row
	unmapped := of.Encoder.Unmapped(schema)
	for _, c := range columns { // those that were told of too: their field may have another name by now
		if slices.Contains(u.cluster.Spec.Acknowledged, u.route.Topic+":"+c) {
			continue
		}
		if u.added[c] && !of.Filled[c] {
			continue // these rows are older than the column
		}
		if target.Mapping == nil && !u.filled[c] {
			if u.before == nil {
				u.before = u.cluster.columnsBefore(ctx, u.route.Topic)
			}
			if !u.before[c] {
				continue
			}
		}
		u.told[c] = true
		u.cluster.Status.Notices.Tell(u.notice(c, unmapped))
	}
}

// widened notes which columns the task adds.
func (u *coverage) widened(columns ...kusto.Column) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.added == nil {
		u.added = map[string]bool{}
	}
	for _, c := range columns {
		u.added[c.Name] = true
	}
}

func (u *coverage) notice(column string, unmapped []string) *status.Notice {
	table := u.route.Database + "." + u.route.Table
	n := &status.Notice{Kind: status.ColumnWithoutField, Topic: u.route.Topic,
		Table: table, Column: column}
	n.Summary = fmt.Sprintf(
		"column %s of %s gets no values: the rows of topic %s have no field for it, so it was renamed or dropped at the source, and null is stored", column, table, u.route.Topic)
	if len(unmapped) > 0 {
		n.Summary += ". Fields that no column takes: " + strings.Join(unmapped, ", ")
	}
	n.Remedy = fmt.Sprintf(
		"If it was renamed, have the mapping take the column from the new field, or rename the column (.rename column ['%s'].['%s'] to ['<new name>']); if it was dropped, take it out of the mapping or acknowledge it: acknowledged.columns=%s:%s",
		u.route.Table, column, u.route.Topic, column)
	return n
}

// urgent reports whether somebody is to change the table for what was told.
func (u *coverage) urgent() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.told)+len(u.untaken) > 0
}

// changed tells which fields lost the column of their name, and takes back what no longer holds.
func (u *coverage) changed(before, now row.Target) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.untaken == nil {
		u.untaken = map[string]string{}
	}
	taken := now.Taken()
	for field, column := range u.untaken {
		if _, again := taken[field]; again {
			delete(u.untaken, field)
			u.cluster.Status.Notices.Withdraw(status.FieldWithoutColumn, u.route.Topic, column)
		}
	}
	for field, column := range before.Taken() {
		if now.Mapping != nil {
			break // who changes a mapping says what goes where
		}
		if _, still := taken[field]; still || !u.filled[column] || u.told[column] ||
			slices.Contains(u.cluster.Spec.Acknowledged, u.route.Topic+":"+column) {
			continue // no row has the field, as far as the task has seen
		}
		u.untaken[field] = column
		table := u.route.Database + "." + u.route.Table
		u.cluster.Status.Notices.Tell(&status.Notice{
			Kind: status.FieldWithoutColumn, Topic: u.route.Topic, Table: table, Column: column,
			Summary: fmt.Sprintf(
				"%s of topic %s no longer goes anywhere: column %s of %s took it until the table was changed in the cluster", field,
				u.route.Topic, column, table),
			Remedy: fmt.Sprintf(
				"If the column was renamed, have a mapping take it from there, or name it as before; rows that came meanwhile lack the value, and come again with calypsoctl offsets reset. If it is as it should be: acknowledged.columns=%s:%s",
				u.route.Topic, column),
		})
	}
	if len(u.last) == 0 && len(u.told) > 0 { // of rows that do not say themselves which fields they have
		u.cluster.Beside("recall of columns without a field", u.recall)
	}
}

// doubt notes that rows lack fields for columns, which they may by right, and asks the versions of
// the source's table whether it lost columns.
func (u *coverage) doubt(columns []string) {
	target := u.rows()
	u.mu.Lock()
	u.begin()
	if target.Schema != nil {
		for _, c := range target.Schema.Columns {
			u.filled[c.Name] = u.filled[c.Name] || !slices.Contains(columns, c.Name)
		}
	}
	due := len(columns) > 0 && time.Since(u.doubted) > doubtAgain
	if due {
		u.doubted = time.Now()
	}
	u.mu.Unlock()
	if due {
		u.cluster.Beside("recall of columns without a field", u.recall)
	}
}

// recall is Tables.Recall of this table alone.
func (u *coverage) recall() {
	if now, ever, lost := lostColumns(u.cluster.versions(u.cluster.Ctx, []string{u.route.Topic})[u.route.Topic]); lost {
		u.tellLost(now, ever)
	}
}

// tellLost reports the columns that some earlier field filled, and none of those
// that there are now. Rows that came meanwhile know better.
func (u *coverage) tellLost(now, ever []string) {
	target := u.rows()
	u.mu.Lock()
	defer u.mu.Unlock()
	if target.Schema == nil || len(u.last) > 0 {
		return
	}
	u.begin()
	added := u.cluster.Spec.NewRows(u.route).Extra
	lacking, unmapped := row.Fit(now, target, added)
	never, _ := row.Fit(ever, target, added)
	for c := range u.told {
		if !slices.Contains(lacking, c) {
			delete(u.told, c)
			u.cluster.Status.Notices.Withdraw(status.ColumnWithoutField, u.route.Topic, c)
		}
	}
	for _, c := range lacking {
		if !slices.Contains(never, c) && !slices.Contains(u.cluster.Spec.Acknowledged, u.route.Topic+":"+c) {
			u.told[c] = true
			u.cluster.Status.Notices.Tell(u.notice(c, unmapped))
		}
	}
}
