package sink

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/digest/adxdigest"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

// tableReader reads the tables that topics go to, for comparisons.
type tableReader struct {
	client *kusto.Client
	s      *spec.Spec
	tables []digest.Description
	// current holds how the present rows of each table are found, by its name.
	current map[string]currentRows
}

// currentRows is where the latest row of each key is. A table that has only rows added has no
// better order than the time of their ingestion, which is the same for the rows of one batch.
type currentRows struct {
	database, source, latest, present string
	// changes is how the table takes deletions; nil of a table that takes none.
	changes *changesOf
}

func openTables(ctx context.Context, v catalogue.Values, sources []digest.Description,
	o Options) (digest.Reader, error) {
	s, err := spec.Parse(v, o.defaults())
	if err != nil {
		return nil, err
	}
	client, err := kusto.New(s.Kusto)
	if err != nil {
		return nil, err
	}
	r := &tableReader{client: client, s: s, current: map[string]currentRows{}}
	for _, source := range sources {
		topic, carriers, err := follow(s, source)
		if err != nil {
			r.tables = append(r.tables, digest.Description{Topic: source.Topic, Failure: err.Error()})
			continue
		}
		if to, ok := s.Routes.Find(topic); ok {
			r.tables = append(r.tables, r.describe(ctx, source, to, carriers))
		}
	}
	digest.RefuseShared(r.tables, func(d digest.Description) (place, tenant string) { return d.Name, "topic " + d.Topic })
	return r, nil
}

// follow finds the topic by which a table's records are routed, and for each field of the rows that
// are written the field of the topic's rows that it carries; nil where they are the same.
func follow(s *spec.Spec, source digest.Description) (topic string, carriers map[string]string, err error) {
	if s.NewTransform == nil {
		return source.Topic, nil, nil
	}
	lineage, err := s.NewTransform().Chain.Lineage(source.Topic, schemaOf(source), nil)
	if err != nil {
		return "", nil, fmt.Errorf("the sink's transforms: %w", err)
	}
	carriers = make(map[string]string, len(lineage.Carriers))
	for field, carrier := range lineage.Carriers {
		carriers[carrier] = field
	}
	topic = lineage.Topic
	if _, routed := s.Routes.Find(topic); !routed { // as topicOf does
		topic = source.Topic
	}
	return topic, carriers, nil
}

// schemaOf is a schema of the values in a topic, as far as transforms look at it.
func schemaOf(source digest.Description) *record.Schema {
	types := map[digest.Encoding]record.Type{digest.Whole: record.Int64, digest.Truth: record.Boolean,
		digest.Double: record.Float64, digest.Float: record.Float32,
		digest.Days: record.Int32, digest.Milliseconds: record.Int64, digest.Microseconds: record.Int64,
		digest.Nanoseconds: record.Int64, digest.Number: record.Bytes}
	row := &record.Schema{Type: record.Struct, Name: source.Topic + ".Value", Optional: true}
	for _, c := range source.Columns {
		if c.Withheld == "" {
			row.Fields = append(row.Fields, record.Field{Name: c.Field,
				Schema: record.OptionalOf(cmp.Or(types[c.Encoding], record.String))})
		}
	}
	if !source.Envelope {
		return row
	}
	long := record.OptionalOf(record.Int64)
	return &record.Schema{Type: record.Struct, Name: source.Topic + ".Envelope", Fields: []record.Field{
		{Name: "before", Schema: row}, {Name: "after", Schema: row},
		{Name: "source", Schema: &record.Schema{Type: record.Struct,
			Fields: []record.Field{{Name: "lsn", Schema: long}, {Name: "ts_ms", Schema: long}}}},
		{Name: "op", Schema: record.Of(record.String)}, {Name: "ts_ms", Schema: long},
	}}
}

// describe finds a table's columns and where its present rows are.
func (r *tableReader) describe(ctx context.Context, source digest.Description, to route.Route,
	carriers map[string]string) digest.Description {
	d := digest.Description{Name: to.Database + "." + to.Table, Topic: source.Topic}
	schema, err := r.client.Schema(ctx, to.Database, to.Table)
	if err != nil {
		d.Failure = err.Error()
		return d
	}
	fields := map[string]string{} // by column
	for _, c := range schema.Columns {
		fields[c.Name] = c.Name
	}
	if to.Mapping != "" {
		mapping, err := r.client.MappingOf(ctx, to.Database, to.Table, kusto.MappingKind(to.Format), to.Mapping)
		if err != nil {
			d.Failure = err.Error()
			return d
		}
		clear(fields)
		for _, m := range mapping.Columns {
			if field, ok := m.Field(); ok && m.Const == "" {
				fields[m.Column] = field
			}
		}
	}
	var written []digest.DescribedColumn // with the fields of the rows that are written
	for _, c := range schema.Columns {
		field, ok := fields[c.Name]
		if !ok {
			continue
		}
		column := digest.DescribedColumn{Name: c.Name, Type: string(c.Type), Field: field}
		written = append(written, column)
		if carriers != nil {
			if column.Field, ok = carriers[field]; !ok {
				continue
			}
		}
		d.Columns = append(d.Columns, column)
	}
	var current currentRows
	if current, err = r.present(ctx, to, written); err == nil {
		current.changes = r.changes(schema, written)
		r.current[d.Name], d.Removable = current, current.changes != nil
		d.Repeated, err = r.repeated(ctx, to, source.Topic, written, source.Key)
	}
	if err != nil {
		d.Failure = err.Error()
	}
	return d
}

// changesOf is how a table of changes is read, and takes the deletion of a row.
type changesOf struct {
	table, version, deleted string
	columns                 []string
	// values are expressions of the columns in which a deletion differs from the row.
	values map[string]string
}

// changes says how a table of changes takes the deletion of a row: with the next _seq, which no
// other change of the key has as long as the sink has brought in all that the partition had at that
// offset.
func (r *tableReader) changes(schema *kusto.TableSchema, columns []digest.DescribedColumn) *changesOf {
	if !r.s.Changes {
		return nil
	}
	named := func(field, kind string) string {
		for _, c := range columns {
			if c.Field == field && c.Type == kind {
				return c.Name
			}
		}
		return ""
	}
	version, deleted := named("_seq", string(kusto.Long)), named("_deleted", string(kusto.Bool))
	if version == "" || deleted == "" {
		return nil
	}
	c := &changesOf{table: schema.Table, version: version, deleted: deleted,
		values: map[string]string{version: kusto.QuoteName(version) + " + 1", deleted: "true"}}
	if op := named("_op", string(kusto.String)); op != "" {
		c.values[op] = "'d'"
	}
	if at := named("_ts", string(kusto.DateTime)); at != "" {
		c.values[at] = "now()"
	}
	if tx := named("_tx", string(kusto.Long)); tx != "" {
		c.values[tx] = "long(null)"
	}
	if offset := named("_offset", string(kusto.Long)); offset != "" {
		c.values[offset] = "long(null)" // it is of no record
	}
	for _, column := range schema.Columns {
		c.columns = append(c.columns, column.Name)
	}
	return c
}

// repeated counts rows made of a record that already has a row. Which record
// that is a row says by the record's position, or in a table of changes by its offset and key,
// since a key's records are in one partition.
func (r *tableReader) repeated(ctx context.Context, to route.Route, topic string, columns []digest.DescribedColumn,
	key []string) (*int64, error) {
	named := func(fields ...string) (names []string) {
		for _, field := range fields {
			i := slices.IndexFunc(columns, func(c digest.DescribedColumn) bool { return c.Field == field })
			if i < 0 {
				return nil
			}
			names = append(names, kusto.QuoteName(columns[i].Name))
		}
		return names
	}
	identity := named("_topic", "_partition", "_offset")
	if identity == nil && len(key) > 0 {
		identity = named(append([]string{"_seq"}, key...)...)
	}
	if identity == nil {
		return r.doubled(ctx, to, topic)
	}
	found, err := r.client.Query(ctx, to.Database, kusto.QuoteName(to.Table)+" | where isnotnull("+
		identity[len(identity)-1]+") | summarize n=count() by "+strings.Join(identity,
		", ")+" | where n > 1 | summarize tolong(coalesce(sum(n - 1), 0))")
	if err != nil {
		return nil, fmt.Errorf("count rows that came more than once: %w", err)
	}
	if len(found.Rows) != 1 {
		return nil, fmt.Errorf("count rows that came more than once: %d rows answered", len(found.Rows))
	}
	n, err := strconv.ParseInt(found.Rows[0][0], 10, 64)
	return &n, err
}

// doubled counts the rows of batches whose tag more than one extent has, as long as these are not
// merged. For rows that do not name their record, nothing else shows repetitions. nil where
// there are none, which says nothing of those that are merged.
func (r *tableReader) doubled(ctx context.Context, to route.Route, topic string) (*int64, error) {
	if !r.s.Exact {
		return nil, nil
	}
	prefix := regexp.QuoteMeta("ingest-by:" + topic + "/")
	found, err := r.client.Manage(ctx, to.Database, ".show table "+kusto.QuoteName(to.Table)+
		" extents | mv-expand Tag = extract_all("+kusto.QuoteString("("+prefix+`\S+)`)+
		", Tags) to typeof(string) | summarize n = count(), Rows = max(RowCount) by Tag | where n > 1 | summarize Rows = tolong(coalesce(sum((n - 1) * Rows), 0))")
	switch {
	case kusto.Unauthorized(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("count rows of batches that came more than once: %w", err)
	case len(found.Rows) != 1:
		return nil, fmt.Errorf("count rows of batches that came more than once: %d rows answered", len(found.Rows))
	}
	n, err := strconv.ParseInt(found.Rows[0][0], 10, 64)
	if n == 0 {
		return nil, err
	}
	return &n, err
}

// present finds how the present rows of a table are asked for: the function <table>_current if
// there is one, else the latest row of each key by the column that holds a position, else by the
// time of ingestion.
func (r *tableReader) present(ctx context.Context, to route.Route,
	columns []digest.DescribedColumn) (currentRows, error) {
	functions, err := r.client.Manage(ctx, to.Database, ".show functions", "Name")
	if err != nil {
		return currentRows{}, err
	}
	for i := range functions.Rows {
		if functions.Value(i, "Name") == to.Table+"_current" {
			return currentRows{database: to.Database, source: kusto.QuoteName(to.Table+"_current") + "()"}, nil
		}
	}
	c := currentRows{database: to.Database, source: kusto.QuoteName(to.Table)}
	column := func(fields ...string) string {
		for _, field := range fields {
			for _, c := range columns {
				switch {
				case c.Field != field:
				case c.Type == string(kusto.String) && field != "_seq": // written so that it sorts as text
					return "tolong(" + kusto.QuoteName(c.Name) + ")"
				default:
					return kusto.QuoteName(c.Name)
				}
			}
		}
		return ""
	}
	c.latest = column("_seq", "__source_lsn", "__lsn", "__source_ts_ms", "__ts_ms")
	if deleted := column("_deleted", "__deleted"); deleted != "" {
		c.present = "not(coalesce(tobool(" + deleted + "), false))"
	}
	if c.latest == "" {
		c.latest = "ingestion_time()"
	}
	return c, nil
}

func (r *tableReader) Tables() []digest.Description { return r.tables }

func (r *tableReader) Table(name string, selection digest.Selection) (digest.Table, error) {
	c, ok := r.current[name]
	if !ok {
		return nil, fmt.Errorf("records of the connector's topics do not go to table %.300s", name)
	}
	query := func(ctx context.Context, text string) (*kusto.Table, error) {
		return r.client.Query(ctx, c.database, text)
	}
	table := &adxdigest.Table{Query: query, Source: c.source, Latest: c.latest, Present: c.present, Selection: selection}
	if c.changes == nil {
		return table, nil
	}
	of := c.changes
	return changedTable{table, &adxdigest.Changes{
		Raw: &adxdigest.Table{Query: query, Source: kusto.QuoteName(of.table), Latest: kusto.QuoteName(of.version),
			Present: "not(coalesce(" + kusto.QuoteName(of.deleted) + ", false))", Selection: selection},
		Manage: func(ctx context.Context, text string) (*kusto.Table, error) {
			return r.client.Manage(ctx, c.database, text)
		},
		Into: of.table, Columns: of.columns, Version: of.version, Values: of.values,
	}}, nil
}

// changedTable is a table of changes, whose present rows are compared.
type changedTable struct {
	digest.Table
	digest.Remover
}

func (r *tableReader) Close() { _ = r.client.Close() }
