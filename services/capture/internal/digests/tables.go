package digests

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/digest/pgdigest"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/visibility"
)

// tableReader reads the captured tables for comparisons.
type tableReader struct {
	conn   *pgx.Conn
	tables []digest.Description
}

// Open connects to the source and finds the captured tables; partitions are read through their root.
func Open(ctx context.Context, v catalogue.Values, _ []digest.Description) (_ digest.Reader, err error) {
	s, err := spec.Parse(v)
	if err != nil {
		return nil, err
	}
	conn, err := s.Connection.Connect(ctx)
	if err != nil {
		return nil, err
	}
	r := &tableReader{conn: conn}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	catalog := pgrepl.NewCatalog(ctx, pgrepl.Query(conn), s.Tables.Read)
	found, err := catalog.Find(s.Tables.Captured)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(t pgrepl.FoundTable) bool { return t.Partition })
	server, err := pgrepl.InspectServer(ctx, conn)
	if err != nil {
		return nil, err
	}
	find := visibility.Find
	if s.Output.Plugin == spec.Pgoutput && s.Snapshot.Streams {
		find = visibility.FindPublished
	}
	kept, err := find(ctx, conn, server, s, found)
	if err != nil {
		return nil, err
	}
	oids := make([]uint32, len(found))
	for i, t := range found {
		oids[i] = t.OID
	}
	if err := catalog.Load(oids); err != nil {
		return nil, err
	}
	for _, t := range found {
		if rel := catalog.Relation(t.OID); rel != nil { // nil: it was dropped meanwhile
			d := describe(rel, t.HasKey, &s.Events)
			if d.Failure == "" {
				kept.Restrict(&d, t)
			}
			r.tables = append(r.tables, d)
		}
	}
	digest.RefuseShared(r.tables, func(d digest.Description) (place, tenant string) { return "topic " + d.Topic, d.Name })
	return r, nil
}

// describe says how the table's rows come out of the connector, transforms included.
func describe(rel *pgmodel.Relation, primaryKey bool, events *debezium.Config) digest.Description {
	d := digest.Description{Name: pgrepl.Table{Schema: rel.Schema, Name: rel.Name}.String(),
		Topic: events.TableTopic(rel.Schema, rel.Name)}
	if primaryKey {
		for _, i := range rel.Key {
			d.Key = append(d.Key, rel.Columns[i].Name)
		}
	}
	encoder, err := debezium.NewEncoder(rel, events)
	if err != nil {
		d.Failure = err.Error()
		return d
	}
	lineage, err := encoder.Lineage()
	if err != nil {
		d.Failure = err.Error()
		return d
	}
	d.Topic, d.Envelope = lineage.Topic, lineage.Envelope
	for _, r := range encoder.Representations() {
		c := pgdigest.Describe(r, events)
		if c.Withheld == "" {
			carrier, ok := lineage.Carriers[c.Field]
			if c.Field = carrier; !ok {
				c.Withheld = "the source's transforms drop or change its values"
			}
		}
		d.Columns = append(d.Columns, c)
	}
	return d
}

func (r *tableReader) Tables() []digest.Description { return r.tables }

func (r *tableReader) Table(name string, selection digest.Selection) (digest.Table, error) {
	for _, t := range r.tables {
		if t.Name == name {
			schema, table, _ := strings.Cut(name, ".")
			return &pgdigest.Table{Query: pgrepl.Query(r.conn), Schema: schema, Name: table, Selection: selection}, nil
		}
	}
	return nil, fmt.Errorf("table %.300s is not captured", name)
}

func (r *tableReader) Close() { _ = r.conn.Close(context.Background()) }
