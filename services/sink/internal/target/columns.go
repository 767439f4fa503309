package target

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// unfilled follows which columns of a table get no values from the last rows of its topic's
// partitions. A column that a mapping takes from a field is meant to have one. One that is merely
// called as a field would be may always have been there for something else, so it counts only if
// rows had the field before: this task saw them, or the versions of the source's tables say so.
type unfilled struct {
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
	// looked is when the table was last looked at for what others changed, doubted when the versions were last asked.
	looked, doubted time.Time
}

// begin makes the maps. The caller holds the lock.
func (u *unfilled) begin() {
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

// Follow notes which columns a partition's rows have no field for from now on, and tells or takes
// back what follows from it.
func (t *Tables) Follow(ctx context.Context, to *Table, of Followed, r *kgo.Record) {
	if lacking, changed := of.Encoder.Lacking(); changed {
		to.doubt(lacking)
	}
	columns, changed := of.Encoder.Unfilled()
	if !changed {
		return
	}
	u := &to.unfilled
	u.mu.Lock()
	defer u.mu.Unlock()
	u.begin()
	u.last[of.Source] = columns
	target := to.Rows()
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
			t.Board.Withdraw(sinkv1.SinkNotice_KIND_COLUMN_WITHOUT_FIELD, to.Route.Topic, c)
		}
	}
	schema, _ := of.Encoder.Schema(r) // it was read to make the row
	unmapped := of.Encoder.Unmapped(schema)
	for _, c := range columns {
		if u.told[c] || slices.Contains(t.Spec.Acknowledged, to.Route.Topic+":"+c) {
			continue
		}
		if u.added[c] && !of.Filled[c] {
			continue // these rows are older than the column
		}
		if target.Mapping == nil && !u.filled[c] {
			if u.before == nil {
				u.before = t.columnsBefore(ctx, to.Route.Topic)
			}
			if !u.before[c] {
				continue
			}
		}
		u.told[c] = true
		t.Board.Tell(unfilledNotice(to, c, unmapped))
	}
}

// widened notes which columns the task adds.
func (u *unfilled) widened(columns ...kusto.Column) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.added == nil {
		u.added = map[string]bool{}
	}
	for _, c := range columns {
		u.added[c.Name] = true
	}
}

func unfilledNotice(to *Table, column string, unmapped []string) *sinkv1.SinkNotice {
	table := to.Route.Database + "." + to.Route.Table
	n := &sinkv1.SinkNotice{Kind: sinkv1.SinkNotice_KIND_COLUMN_WITHOUT_FIELD, Topic: to.Route.Topic,
		Table: table, Column: column}
	n.Summary = fmt.Sprintf(
		"column %s of %s gets no values: the rows of topic %s have no field for it, so it was renamed or dropped at the source, and null is stored", column, table, to.Route.Topic)
	if len(unmapped) > 0 {
		n.Summary += ". Fields that no column takes: " + strings.Join(unmapped, ", ")
	}
	n.Remedy = fmt.Sprintf(
		"If it was renamed, have the mapping take the column from the new field, or rename the column (.rename column ['%s'].['%s'] to ['<new name>']); if it was dropped, take it out of the mapping or acknowledge it: acknowledged.columns=%s:%s",
		to.Route.Table, column, to.Route.Topic, column)
	return n
}

// Refresh looks from time to time whether somebody has changed the table or its mapping, sooner
// where there are notices about columns.
func (to *Table) Refresh(ctx context.Context) {
	u := &to.unfilled
	u.mu.Lock()
	pause := lookAnyway
	if len(u.told)+len(u.untaken) > 0 {
		pause = lookAgain
	}
	due := time.Since(u.looked) > pause
	if due {
		u.looked = time.Now()
	}
	u.mu.Unlock()
	if due {
		ctx, cancel := context.WithTimeout(ctx, lookAgain)
		defer cancel()
		_ = to.Look(ctx) // a table that is gone is noticed by the next batch
	}
}

// changed tells which fields lost the column of their name, and takes back what no longer holds.
func (to *Table) changed(before, now row.Target) {
	t, u := to.tables, &to.unfilled
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.untaken == nil {
		u.untaken = map[string]string{}
	}
	taken := now.Taken()
	for field, column := range u.untaken {
		if _, again := taken[field]; again {
			delete(u.untaken, field)
			t.Board.Withdraw(sinkv1.SinkNotice_KIND_FIELD_WITHOUT_COLUMN, to.Route.Topic, column)
		}
	}
	for field, column := range before.Taken() {
		if now.Mapping != nil {
			break // who changes a mapping says what goes where
		}
		if _, still := taken[field]; still || !u.filled[column] || u.told[column] ||
			slices.Contains(t.Spec.Acknowledged, to.Route.Topic+":"+column) {
			continue // no row has the field, as far as the task has seen
		}
		u.untaken[field] = column
		table := to.Route.Database + "." + to.Route.Table
		t.Board.Tell(&sinkv1.SinkNotice{
			Kind: sinkv1.SinkNotice_KIND_FIELD_WITHOUT_COLUMN, Topic: to.Route.Topic, Table: table, Column: column,
			Summary: fmt.Sprintf(
				"%s of topic %s goes nowhere any more: column %s of %s took it until the table was changed in the cluster", field,
				to.Route.Topic, column, table),
			Remedy: fmt.Sprintf(
				"If the column was renamed, have a mapping take it from there, or name it as before; rows that came meanwhile lack the value, and come again with calypsoctl offsets reset. If it is as it should be: acknowledged.columns=%s:%s",
				to.Route.Topic, column),
		})
	}
	if len(u.last) == 0 && len(u.told) > 0 { // of rows that do not say themselves which fields they have
		t.Beside("recall of columns without a field", func() { t.Recall([]string{to.Route.Topic}) })
	}
}

// doubt notes that rows lack fields for columns, which they may by right, and asks the versions of
// the source's table whether it lost columns.
func (to *Table) doubt(columns []string) {
	t, u, target := to.tables, &to.unfilled, to.Rows()
	u.mu.Lock()
	u.begin()
	if target.Schema != nil {
		for _, c := range target.Schema.Columns {
			u.filled[c.Name] = u.filled[c.Name] || !slices.Contains(columns, c.Name)
		}
	}
	due := len(columns) > 0 && time.Since(u.doubted) > lookAnyway
	if due {
		u.doubted = time.Now()
	}
	u.mu.Unlock()
	if due {
		t.Beside("recall of columns without a field", func() { t.Recall([]string{to.Route.Topic}) })
	}
}

// columnsBefore are the columns that the source's table ever had, by the versions that the source
// connector keeps. They are not there for topics that another program writes.
func (t *Tables) columnsBefore(ctx context.Context, topic string) map[string]bool {
	names := map[string]bool{}
	for _, v := range t.versions(ctx, []string{topic})[topic] {
		for _, c := range v.Columns {
			names[c.Name] = true
		}
	}
	return names
}

// tableVersion is what the versions topic holds of a version, as far as it matters here.
type tableVersion struct {
	Table   string `json:"table"`
	Number  int    `json:"version"`
	Columns []struct {
		Name string `json:"name"`
	} `json:"columns"`
	From struct {
		Time time.Time `json:"time"`
	} `json:"from"`
}

// versions are the versions of the tables whose rows topics have, oldest first; nothing where they
// cannot be read, which is no fault.
func (t *Tables) versions(ctx context.Context, topics []string) map[string][]tableVersion {
	if t.Env.Schemas.AllVersions == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	values, err := t.Env.Schemas.AllVersions(ctx)
	if err != nil {
		return nil
	}
	endings := map[string][]string{} // what follows a dot of a topic's name may be a table
	for _, topic := range topics {
		for i, c := range topic {
			if c == '.' {
				endings[topic[i+1:]] = append(endings[topic[i+1:]], topic)
			}
		}
	}
	found := map[string][]tableVersion{}
	for _, value := range values {
		// Every task looks at all of them, so those of other tables are passed over by their beginning.
		if rest, ok := bytes.CutPrefix(value, []byte(`{"table":"`)); ok {
			if name, _, ok := bytes.Cut(rest, []byte{'"'}); ok && endings[string(name)] == nil {
				continue
			}
		}
		var v tableVersion
		if json.Unmarshal(value, &v) != nil {
			continue
		}
		for _, topic := range endings[v.Table] {
			found[topic] = append(found[topic], v)
		}
	}
	for _, all := range found {
		slices.SortFunc(all, func(a, b tableVersion) int {
			return cmp.Or(a.From.Time.Compare(b.From.Time), cmp.Compare(a.Number, b.Number))
		})
	}
	return found
}

// Recall tells which columns of topics' tables have lost their field by the versions of the
// source's tables, so that a notice about them outlives the task without a row that comes. Topics
// whose tables lost no column cost no question to the cluster.
func (t *Tables) Recall(topics []string) {
	for topic, all := range t.versions(t.Ctx, topics) {
		last := all[len(all)-1]
		if last.Number == 1 {
			continue
		}
		var now, ever []string
		for _, c := range last.Columns {
			now = append(now, c.Name)
		}
		for _, v := range all {
			for _, c := range v.Columns {
				if !slices.Contains(ever, c.Name) {
					ever = append(ever, c.Name)
				}
			}
		}
		if len(ever) == len(now) {
			continue
		}
		to, err := t.Of(t.Ctx, topic)
		if err != nil {
			continue // its partitions say why
		}
		to.Recall(now, ever)
	}
}

// Recall tells of the columns that a field of those that there ever were filled, and none of those
// that there are now. Rows that came meanwhile know better.
func (to *Table) Recall(now, ever []string) {
	t, u, target := to.tables, &to.unfilled, to.Rows()
	u.mu.Lock()
	defer u.mu.Unlock()
	if target.Schema == nil || len(u.last) > 0 {
		return
	}
	u.begin()
	added := t.Spec.NewRows(to.Route).Extra
	lacking, unmapped := row.Fit(now, target, added)
	never, _ := row.Fit(ever, target, added)
	for c := range u.told {
		if !slices.Contains(lacking, c) {
			delete(u.told, c)
			t.Board.Withdraw(sinkv1.SinkNotice_KIND_COLUMN_WITHOUT_FIELD, to.Route.Topic, c)
		}
	}
	for _, c := range lacking {
		if !slices.Contains(never, c) && !slices.Contains(t.Spec.Acknowledged, to.Route.Topic+":"+c) {
			u.told[c] = true
			t.Board.Tell(unfilledNotice(to, c, unmapped))
		}
	}
}
