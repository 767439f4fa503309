package sink

import (
	"context"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/digest/adxdigest"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
)

// tableReader reads the tables that topics go to, for comparisons.
type tableReader struct {
	client *kusto.Client
	s      *settings
	tables []digest.Description
	// current holds how the present rows of each table are found, by its name.
	current map[string]currentRows
}

// currentRows is where the latest row of each key is. A table that has only rows added has no better order than the time of their
// ingestion, which is the same for the rows of one batch.
type currentRows struct {
	database, source, latest, present string
}

func openTables(ctx context.Context, v catalogue.Values, topics []string, o Options) (digest.Reader, error) {
	s, err := parseSettings(v, o)
	if err != nil {
		return nil, err
	}
	client, err := kusto.New(s.kusto)
	if err != nil {
		return nil, err
	}
	r := &tableReader{client: client, s: s, current: map[string]currentRows{}}
	for _, topic := range topics {
		if to, ok := s.routes.Find(topic); ok {
			r.tables = append(r.tables, r.describe(ctx, topic, to))
		}
	}
	return r, nil
}

// describe finds a table's columns and where its present rows are.
func (r *tableReader) describe(ctx context.Context, topic string, to route.Route) digest.Description {
	d := digest.Description{Name: to.Database + "." + to.Table, Topic: topic}
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
	for _, c := range schema.Columns {
		if field, ok := fields[c.Name]; ok {
			d.Columns = append(d.Columns, digest.DescribedColumn{Name: c.Name, Type: string(c.Type), Field: field})
		}
	}
	if r.current[d.Name], err = r.present(ctx, to, d.Columns); err != nil {
		d.Failure = err.Error()
	}
	return d
}

// present finds how the present rows of a table are asked for: the function <table>_current if there is one, else the latest row of
// each key by the column that holds a position, else by the time of ingestion.
func (r *tableReader) present(ctx context.Context, to route.Route, columns []digest.DescribedColumn) (currentRows, error) {
	functions, err := r.client.Manage(ctx, to.Database, ".show functions")
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
	return &adxdigest.Table{
		Query: func(ctx context.Context, text string) (*kusto.Table, error) {
			return r.client.Query(ctx, c.database, text)
		},
		Source: c.source, Latest: c.latest, Present: c.present, Selection: selection,
	}, nil
}

func (r *tableReader) Close() { _ = r.client.Close() }
