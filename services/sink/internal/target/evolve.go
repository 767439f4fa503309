package target

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// Fits reports whether rows of a schema, and a record's key, find all that Evolve and
// EnsureCurrentState would make, by what is known now. The error is an *Unfit.
func (t *Table) Fits(schema *row.Schema) (bool, error) {
	s, now := t.cluster.Spec, t.known.Load()
	switch {
	case now.missing && schema == nil:
		return false, nil
	case now.missing, s.AutoEvolve && schema != nil:
		columns, unmapped := lacking(t.Route.Mapping, now.rows, append(columnsOf(schema), addedColumns(s)...))
		if len(columns) > 0 || len(unmapped) > 0 || t.Route.Mapping != "" && now.missing {
			if err := cmp.Or(unclaimed(t.Route, s, schema), nameable(t.Route, columns)); err != nil {
				return false, &Unfit{err}
			}
			return false, nil
		}
	}
	return t.state.settled(), nil
}

// Evolve makes a missing table (auto.create) or adds missing columns (auto.evolve) so that rows of a
// schema fit, and those of the schemas that come later as far as they are known: a change for each
// version would hold rows up for as many answers of the cluster, and leave as many mappings. It
// reports whether what is known of the table has changed. No column's type is changed and none is
// dropped.
//
// One partition does it for all: others that bring the same schemas wait, and find what they need.
func (t *Table) Evolve(ctx context.Context, schema *row.Schema, later iter.Seq[*row.Schema]) (changed bool, err error) {
	if err := t.changing.acquire(ctx); err != nil {
		return false, err
	}
	defer t.changing.release()
	s, before := t.cluster.Spec, t.known.Load()
	missing := before.missing
	if !missing && (!s.AutoEvolve || schema == nil) {
		return false, nil
	}
	if schema == nil {
		return false,
			retry.Permanent(fmt.Errorf(
				"%s.%s cannot be made from records without a schema: make the table yourself, or produce values with schemas (value.converter.schemas.enable=true)", t.Route.Database, t.Route.Table))
	}
	wanted := append(columnsOf(schema), addedColumns(s)...)
	table := &kusto.TableSchema{Database: t.Route.Database, Table: t.Route.Table}
	var unmapped []place
	table.Columns, unmapped = lacking(t.Route.Mapping, before.rows, wanted)
	if len(table.Columns) == 0 && len(unmapped) == 0 && (t.Route.Mapping == "" || !missing) {
		return false, nil
	}
	if err := cmp.Or(unclaimed(t.Route, s, schema), nameable(t.Route, table.Columns)); err != nil {
		return false, &Unfit{err}
	}
	table.Columns, unmapped = lacking(t.Route.Mapping, before.rows,
		withLater(wanted, later, func(columns []kusto.Column) bool {
			all, _ := lacking(t.Route.Mapping, before.rows, columns)
			return nameable(t.Route, all) == nil
		}))
	t.coverage.widened(table.Columns...)
	for _, p := range unmapped {
		t.coverage.widened(p.column)
	}
	t.cluster.Status.Notices.Show(&status.Notice{
		Kind: status.TableChanging, Topic: t.Route.Topic, Table: t.Route.Database + "." + t.Route.Table,
		Summary: fmt.Sprintf(
			"%s.%s is changed for a new schema of topic %s (%d columns are added, %d mapped); its rows wait for that",
			t.Route.Database, t.Route.Table, t.Route.Topic, len(table.Columns), len(unmapped)),
		Remedy: "None, unless it stays: then see the sink's last error",
	})
	defer t.cluster.Status.Notices.Withdraw(status.TableChanging, t.Route.Topic, "")
	err = t.cluster.Retry.Do(ctx, func(ctx context.Context) (err error) {
		if len(table.Columns) > 0 {
			t.cluster.Env.Logger.Info("columns are added", "database", table.Database, "table", table.Table, "columns",
				kusto.Declaration(table.Columns))
			if err := t.cluster.Client.CreateMerge(ctx, table); err != nil {
				return t.explain.command(err,
					"Make the database, or change kusto.tables.topics.mapping", "admins")
			}
		}
		next := *t.known.Load()
		next.missing = false
		if t.Route.Mapping != "" && len(unmapped) > 0 {
			if next.mapping, err = t.remap(ctx, before.rows.Mapping, unmapped); err != nil {
				return err
			}
		}
		t.forgetStreamedSchema(ctx)
		t.known.Store(&next)
		return t.look(ctx)
	})
	if err == nil && missing {
		t.keepTags(ctx)
	}
	return err == nil, err
}

// remap makes the route's mapping, or a version of it with the new columns, and returns its name. A
// batch under way keeps the version it was sent with.
func (t *Table) remap(ctx context.Context, old *kusto.Mapping, unmapped []place) (string, error) {
	m := &kusto.Mapping{Name: t.Route.Mapping, Kind: kusto.MappingKind(t.Route.Format)}
	if old != nil {
		m.Columns = append(m.Columns, old.Columns...)
	}
	for _, p := range unmapped {
		m.Columns = append(m.Columns, kusto.Mapped{Column: p.column.Name, Path: "$['" + p.field + "']"})
	}
	if old != nil { // the name follows from the content, so every worker finds the same
		h := fnv.New32a()
		_, _ = h.Write([]byte(m.JSON()))
		m.Name = fmt.Sprintf("%s_v%08x", t.Route.Mapping, h.Sum32())
	}
	return m.Name, t.cluster.Client.PutMapping(ctx, t.Route.Database, t.Route.Table, m)
}

// forgetStreamedSchema makes the cluster's nodes forget the schema and mappings by which they
// stream into the table: they keep them for five minutes, in which they drop the values of new
// columns, or silently do not know a new mapping
// (learn.microsoft.com/kusto/management/data-ingestion/streaming-ingestion-schema-changes). If a
// node does not, batches are queued for that time.
func (t *Table) forgetStreamedSchema(ctx context.Context) {
	if !t.Mode.Streams() {
		return
	}
	if err := t.cluster.Client.ClearStreamingCache(ctx, t.Route.Database, t.Route.Table); err != nil {
		t.cluster.Env.Logger.Info("rows are queued until the cluster streams by the table's new schema", "database",
			t.Route.Database, "table", t.Route.Table, "err", err)
		t.Pace.Pause(time.Now())
	}
}

// unclaimed refuses a field with the name of a member that the connector adds to rows, whose column
// cannot hold both.
func unclaimed(r route.Route, s *spec.Spec, schema *row.Schema) error {
	for _, x := range s.Rows.Extra {
		if !slices.ContainsFunc(schema.Fields, func(f row.Field) bool { return f.Name == x.Name }) {
			continue
		}
		adds, way := s.Adds(x.Name)
		return fmt.Errorf("topic %s goes to %s.%s, whose rows have a field %s of their own and one that %s adds: %s",
			r.Topic, r.Database, r.Table, x.Name, adds, way)
	}
	return nil
}

// nameable refuses columns that ADX would refuse, and two of one name.
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
