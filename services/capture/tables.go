package capture

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/digest/pgdigest"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// tableReader reads the captured tables for comparisons.
type tableReader struct {
	conn   *pgx.Conn
	tables []digest.Description
}

// openTables connects to the source and finds the captured tables; partitions are read through their root.
func openTables(ctx context.Context, v catalogue.Values) (_ digest.Reader, err error) {
	s, err := parseSettings(v)
	if err != nil {
		return nil, err
	}
	events, err := change.ConfigFrom(v.Raw())
	if err != nil {
		return nil, err
	}
	conn, err := s.connection.Connect(ctx)
	if err != nil {
		return nil, err
	}
	r := &tableReader{conn: conn}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	found, err := pgrepl.NewCatalog(ctx, conn.Query, s.filter.read).Find(s.filter.captured)
	if err != nil {
		return nil, err
	}
	for _, t := range found {
		if t.Partition {
			continue
		}
		d := digest.Description{Name: t.String(), Topic: events.TableTopic(t.Schema, t.Name)}
		if err := r.describe(ctx, t.OID, &d); err != nil {
			return nil, fmt.Errorf("read the columns of table %s: %w", t, err)
		}
		r.tables = append(r.tables, d)
	}
	return r, nil
}

// describe reads a table's columns and primary key.
func (r *tableReader) describe(ctx context.Context, oid uint32, d *digest.Description) error {
	rows, err := r.conn.Query(ctx, `SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), coalesce(array_position(i.indkey::int2[], a.attnum), -1)
		FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
		WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, oid)
	if err != nil {
		return err
	}
	places := map[string]int{}
	var c digest.DescribedColumn
	var place int
	_, err = pgx.ForEachRow(rows, []any{&c.Name, &c.Type, &place}, func() error {
		c.Field = c.Name
		d.Columns = append(d.Columns, c)
		if place >= 0 {
			d.Key = append(d.Key, c.Name)
			places[c.Name] = place
		}
		return nil
	})
	slices.SortFunc(d.Key, func(a, b string) int { return places[a] - places[b] })
	return err
}

func (r *tableReader) Tables() []digest.Description { return r.tables }

func (r *tableReader) Table(name string, selection digest.Selection) (digest.Table, error) {
	for _, t := range r.tables {
		if t.Name == name {
			schema, table, _ := strings.Cut(name, ".")
			return &pgdigest.Table{Query: r.conn.Query, Schema: schema, Name: table, Selection: selection}, nil
		}
	}
	return nil, fmt.Errorf("table %.300s is not captured", name)
}

func (r *tableReader) Close() { _ = r.conn.Close(context.Background()) }
