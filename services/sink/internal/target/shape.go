package target

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"iter"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// Shape makes a missing table (auto.create) or adds missing columns (auto.evolve) so that rows of a
// schema fit, and those of the schemas that come later as far as they are known: a change for each
// version would hold rows up for as many answers of the cluster, and leave as many mappings. It
// reports whether what is known of the table has changed. No column's type is changed and none is
// dropped.
//
// One partition does it for all: others that bring the same schemas wait, and find what they need.
func (t *Tables) Shape(ctx context.Context, to *Table, schema *row.Schema,
	later iter.Seq[*row.Schema]) (changed bool, err error) {
	to.shaping.Lock()
	defer to.shaping.Unlock()
	to.mu.Lock()
	missing, checked := to.missing, to.checked
	to.mu.Unlock()
	if !missing && !t.Spec.AutoEvolve {
		return false, nil
	}
	if schema == nil {
		if !missing {
			return false, nil
		}
		return false,
			retry.Permanent(fmt.Errorf(
				"%s.%s cannot be made from records without a schema: make the table yourself, or produce values with schemas (value.converter.schemas.enable=true)", to.Route.Database, to.Route.Table))
	}
	wanted := append(columnsOf(schema), t.addedColumns()...)
	table := &kusto.TableSchema{Database: to.Route.Database, Table: to.Route.Table}
	var unmapped []place
	table.Columns, unmapped = lacking(to.Route.Mapping, checked, wanted)
	if len(table.Columns) == 0 && len(unmapped) == 0 && (to.Route.Mapping == "" || !missing) {
		return false, nil
	}
	if err := nameable(to.Route, table.Columns); err != nil {
		return false, &Unfit{err}
	}
	table.Columns, unmapped = lacking(to.Route.Mapping, checked,
		withLater(wanted, later, func(columns []kusto.Column) bool {
			all, _ := lacking(to.Route.Mapping, checked, columns)
			return nameable(to.Route, all) == nil
		}))
	to.unfilled.widened(table.Columns...)
	for _, p := range unmapped {
		to.unfilled.widened(p.column)
	}
	t.Board.Notice(&sinkv1.SinkNotice{
		Kind: sinkv1.SinkNotice_KIND_TABLE_CHANGING, Topic: to.Route.Topic, Table: to.Route.Database + "." + to.Route.Table,
		Summary: fmt.Sprintf(
			"%s.%s is changed for a new schema of topic %s (%d columns are added, %d mapped); its rows wait for that",
			to.Route.Database, to.Route.Table, to.Route.Topic, len(table.Columns), len(unmapped)),
		Remedy: "None, unless it stays: then see the sink's last error",
	})
	defer t.Board.Withdraw(sinkv1.SinkNotice_KIND_TABLE_CHANGING, to.Route.Topic, "")
	err = t.Retry.Do(ctx, func(ctx context.Context) error {
		if len(table.Columns) > 0 {
			t.Env.Logger.Info("columns are added", "database", table.Database, "table", table.Table, "columns",
				kusto.Declaration(table.Columns))
			if err := t.Client.CreateMerge(ctx, table); err != nil {
				return to.explain(err, "Give the identity the role: .add database "+kusto.QuoteName(table.Database)+" admins")
			}
		}
		if err := t.remap(ctx, to, checked.Mapping, unmapped); err != nil {
			return err
		}
		t.forgetStreamedShape(ctx, to)
		to.mu.Lock()
		to.missing = false
		to.mu.Unlock()
		return to.Look(ctx)
	})
	if err == nil && missing {
		t.keepTags(ctx, to)
	}
	return err == nil, err
}

// remap makes the route's mapping, or a version of it with the new columns. A batch under way keeps
// the version it was sent with.
func (t *Tables) remap(ctx context.Context, to *Table, old *kusto.Mapping, unmapped []place) error {
	if to.Route.Mapping == "" || len(unmapped) == 0 {
		return nil
	}
	m := &kusto.Mapping{Name: to.Route.Mapping, Kind: kusto.MappingKind(to.Route.Format)}
	if old != nil {
		m.Columns = append(m.Columns, old.Columns...)
	}
	for _, p := range unmapped {
		m.Columns = append(m.Columns, kusto.Mapped{Column: p.column.Name, Path: "$['" + p.field + "']"})
	}
	if old != nil { // the name follows from the content, so every worker finds the same
		h := fnv.New32a()
		_, _ = h.Write([]byte(m.JSON()))
		m.Name = fmt.Sprintf("%s_v%08x", to.Route.Mapping, h.Sum32())
	}
	if err := t.Client.PutMapping(ctx, to.Route.Database, to.Route.Table, m); err != nil {
		return err
	}
	to.mu.Lock()
	to.mapping = m.Name
	to.mu.Unlock()
	return nil
}

// forgetStreamedShape has the cluster's nodes forget the schema and mappings by which they stream
// into the table: they keep them for five minutes, in which they drop the values of new columns, or
// know no new mapping, without a word
// (learn.microsoft.com/kusto/management/data-ingestion/streaming-ingestion-schema-changes). Where a
// node does not, batches are queued for as long.
func (t *Tables) forgetStreamedShape(ctx context.Context, to *Table) {
	if !to.Mode.Streams() {
		return
	}
	if err := t.Client.ClearStreamingCache(ctx, to.Route.Database, to.Route.Table); err != nil {
		t.Env.Logger.Info("rows are queued until the cluster streams by the table's new schema", "database",
			to.Route.Database, "table", to.Route.Table, "err", err)
		to.Rest(time.Now())
	}
}

// place is a field of the rows and the column that it goes to.
type place struct {
	field  string
	column kusto.Column
}

// lacking are the columns of fields that the table has not, and the fields that the mapping, if
// there is to be one, does not bring to a column. Without a mapping a column is called as the
// field. A mapping brings a field whose name no column can have to one that is called alike.
func lacking(mapping string, checked row.Target, wanted []kusto.Column) (missing []kusto.Column, unmapped []place) {
	for _, c := range wanted {
		field := c.Name
		if mapping != "" {
			column, mapped := columnOf(checked.Mapping, field)
			if c.Name = column; !mapped {
				unmapped = append(unmapped, place{field, c})
			}
		}
		if checked.Schema != nil {
			if _, there := checked.Schema.Find(c.Name); there {
				continue
			}
		}
		missing = append(missing, c)
	}
	return missing, unmapped
}

// columnOf is the column to which a mapping brings a field, and whether it does so already.
func columnOf(m *kusto.Mapping, field string) (column string, mapped bool) {
	if m != nil {
		for _, c := range m.Columns {
			if from, ok := c.Field(); ok && from == field {
				return c.Column, true
			}
		}
		for _, c := range m.Columns { // a column of this name has its values from elsewhere
			if c.Column == field {
				return field, true
			}
		}
	}
	return kusto.NameLike(field), false
}

// nameable refuses to make columns that ADX would not make, and two of one name.
func nameable(r route.Route, columns []kusto.Column) error {
	seen := map[string]bool{}
	for _, c := range columns {
		fault := kusto.NameFault(c.Name)
		switch {
		case fault != "":
			return fmt.Errorf(
				"topic %s goes to %s.%s, where no column can be called %q: the name %s. Name a mapping for the topic in kusto.tables.topics.mapping, which auto.create makes so that the field goes to the column %s; "+
					"or give the field another name: what ExtractNewRecordState adds by transforms.<name>.add.fields.prefix, a column of the source by a transform", r.Topic, r.Database, r.Table, c.Name, fault, kusto.NameLike(c.Name))
		case seen[c.Name]:
			return fmt.Errorf(
				"topic %s goes to %s.%s, where two fields would come to one column %s, since no column can have the name of one of them: make the mapping %s yourself",
				r.Topic, r.Database, r.Table, c.Name, r.Mapping)
		}
		seen[c.Name] = true
	}
	return nil
}

// Unfit says that a table cannot get the columns that a record's schema asks for, which is a fault of the record's.
type Unfit struct{ error }

func (e *Unfit) Unwrap() error { return e.error }

// withLater adds the columns of later schemas, each by the first schema that has it. Those of a
// schema that does not fit wait for its own record.
func withLater(columns []kusto.Column, later iter.Seq[*row.Schema], fits func([]kusto.Column) bool) []kusto.Column {
	known := make(map[string]bool, len(columns))
	for _, c := range columns {
		known[c.Name] = true
	}
	for schema := range later {
		with := columns[:len(columns):len(columns)]
		for _, f := range schema.Fields {
			if !known[f.Name] {
				with = append(with, kusto.Column{Name: f.Name, Type: columnType(f)})
			}
		}
		if len(with) == len(columns) || !fits(with) {
			continue
		}
		for _, c := range with[len(columns):] {
			known[c.Name] = true
		}
		columns = with
	}
	return columns
}

func (t *Table) MappingName() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mapping == "" {
		return t.Route.Mapping
	}
	return t.mapping
}

// columnsOf gives each field of a row the type that loses nothing.
func columnsOf(s *row.Schema) []kusto.Column {
	columns := make([]kusto.Column, len(s.Fields))
	for i, f := range s.Fields {
		columns[i] = kusto.Column{Name: f.Name, Type: columnType(f)}
	}
	return columns
}

// columnType is the lossless type of a field. Numbers that a decimal's 34 digits may not hold, and
// texts whose meaning ADX has no type for, are strings.
func columnType(f row.Field) kusto.ColumnType {
	switch f.Semantic {
	case "org.apache.kafka.connect.data.Decimal":
		if f.Precision > 0 && f.Precision <= 34 {
			return kusto.Decimal
		}
		return kusto.String
	case "io.debezium.data.VariableScaleDecimal":
		return kusto.String
	case "io.debezium.time.Date", "org.apache.kafka.connect.data.Date", "io.debezium.time.Timestamp",
		"org.apache.kafka.connect.data.Timestamp",
		"io.debezium.time.MicroTimestamp", "io.debezium.time.NanoTimestamp", "io.debezium.time.ZonedTimestamp":
		return kusto.DateTime
	case "io.debezium.time.Time", "org.apache.kafka.connect.data.Time", "io.debezium.time.MicroTime",
		"io.debezium.time.MicroDuration":
		return kusto.Timespan
	case "io.debezium.data.Uuid":
		return kusto.GUID
	case "io.debezium.data.Json":
		return kusto.Dynamic
	}
	switch f.Type {
	case "boolean":
		return kusto.Bool
	case "int8", "int16", "int32":
		return kusto.Int
	case "int64":
		return kusto.Long
	case "float", "double", "float32", "float64":
		return kusto.Real
	case "array", "map", "struct":
		return kusto.Dynamic
	}
	return kusto.String
}

// addedColumns are the columns of the members that the sink adds to rows.
func (t *Tables) addedColumns() []kusto.Column {
	columns := make([]kusto.Column, len(t.Spec.Rows.Extra))
	for i, x := range t.Spec.Rows.Extra {
		kind := kusto.String
		switch x.From {
		case row.DeletedBool:
			kind = kusto.Bool
		case row.ChangeTime, row.Timestamp:
			kind = kusto.DateTime
		case row.Offset:
			kind = kusto.Long
		case row.Partition:
			kind = kusto.Int
		case row.Key, row.Headers:
			kind = kusto.Dynamic
		case row.OfEnvelope, row.OfSource:
			switch x.Field {
			case "lsn", "txId", "xmin", "ts_ms", "ts_us", "ts_ns":
				kind = kusto.Long
			}
		}
		columns[i] = kusto.Column{Name: x.Name, Type: kind}
	}
	return columns
}

// keepTags sees to it that ingest-by tags are removed some time: each is kept with its extent for
// ever otherwise, and there is one a batch. A policy that says something already is left alone.
func (t *Tables) keepTags(ctx context.Context, to *Table) {
	to.mu.Lock()
	missing := to.missing
	to.mu.Unlock()
	if !t.Spec.Exact || to.Mode == spec.ModeStreaming || missing || t.Spec.TagRetention == "" {
		return
	}
	table := kusto.QuoteName(to.Route.Table)
	policy, err := t.Client.Manage(ctx, to.Route.Database, ".show table "+table+" policy extent_tags_retention")
	if err == nil && len(policy.Rows) > 0 {
		if text := strings.TrimSpace(policy.Value(0, "Policy")); text != "" && text != "null" && text != "[]" {
			return
		}
	}
	if err == nil {
		// strings always marshal
		rule, _ := json.Marshal([]map[string]string{{"TagPrefix": "ingest-by:", "RetentionPeriod": t.Spec.TagRetention}})
		_, err = t.Client.Manage(ctx, to.Route.Database,
			".alter table "+table+" policy extent_tags_retention "+kusto.QuoteString(string(rule)))
	}
	if err != nil {
		t.Env.Logger.Warn(
			"the retention of ingest-by tags is not looked after; a table admin can set it with .alter table <table> policy extent_tags_retention",
			"database", to.Route.Database, "table", to.Route.Table, "err", err)
	}
}
