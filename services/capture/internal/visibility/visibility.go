package visibility

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/preflight"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// Limits are what PostgreSQL keeps from a connector.
type Limits struct {
	role, publication string
	tables            map[uint32]pgrepl.FoundTable
	restrictions      map[uint32]pgrepl.Restriction
	// unheld are the tables that the publication does not contain, except those that the start will
	// add to it.
	unheld map[uint32]bool
	// operations are those that the publication does not send for any table.
	operations []string
	// children are the tables that inherit from captured ones and are not captured themselves, by the ancestor's oid.
	children map[uint32][]pgrepl.Member
	// distributed are the tables whose rows Citus keeps in shards on other servers.
	distributed map[uint32]bool
	// viaRoot is true if changes of partitions come as their root's, mayViaRoot if the server is able
	// to send them so.
	viaRoot, mayViaRoot bool
}

// Find finds what is kept back from a connector that reads no publication: with another plugin, or
// without streaming.
func Find(ctx context.Context, conn *pgx.Conn, server pgrepl.Server, s *spec.Spec,
	tables []pgrepl.FoundTable) (*Limits, error) {
	l := of(server, s, tables)
	return l, l.findChildren(ctx, conn, s, tables)
}

// FindPublished finds what Find does, and what the publication keeps back.
func FindPublished(ctx context.Context, conn *pgx.Conn, server pgrepl.Server, s *spec.Spec,
	tables []pgrepl.FoundTable) (*Limits, error) {
	l, err := published(ctx, conn, server, s, tables)
	if err == nil && s.Publication.Mode == pgrepl.PublishFiltered && !server.InRecovery {
		l.unheld = nil // the start adds them
	}
	return l, err
}

// Table is a captured table that exists.
type Table struct {
	Topic string
	// KeptBack is what Of says of it.
	KeptBack []string
}

// Streaming finds the captured tables that exist now, by their names, while the stream runs, and what
// is kept back from each. Tables and a publication may change at any time, and PostgreSQL does not
// report that.
func Streaming(ctx context.Context, conn *pgx.Conn, server pgrepl.Server, s *spec.Spec) (map[string]Table, error) {
	tables, err := pgrepl.NewCatalog(ctx, pgrepl.Query(conn), s.Tables.Read).Find(s.Tables.Captured)
	if err != nil {
		return nil, err
	}
	l, err := published(ctx, conn, server, s, tables)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Table, len(tables))
	for _, t := range tables {
		out[t.String()] = Table{Topic: s.Events.TableTopic(t.Schema, t.Name), KeptBack: l.of(t)}
	}
	return out, nil
}

// published finds all limits, with the publication as it is now.
func published(ctx context.Context, conn *pgx.Conn, server pgrepl.Server, s *spec.Spec,
	tables []pgrepl.FoundTable) (_ *Limits, err error) {
	l := of(server, s, tables)
	if l.restrictions, l.operations, err = s.Publication.Restrictions(ctx, conn, server); err != nil {
		return nil, err
	}
	if l.viaRoot, err = s.Publication.SendsViaRoot(ctx, conn, server); err != nil {
		return nil, err
	}
	if l.unheld, err = unheld(ctx, conn, s, tables); err != nil {
		return nil, err
	}
	return l, l.findChildren(ctx, conn, s, tables)
}

// unheld finds the tables that the publication does not contain.
func unheld(ctx context.Context, conn *pgx.Conn, s *spec.Spec, tables []pgrepl.FoundTable) (map[uint32]bool, error) {
	p := s.Publication
	p.Tables = tables
	missing, err := p.Missing(ctx, conn)
	if err != nil {
		return nil, err
	}
	out := make(map[uint32]bool, len(missing))
	for _, t := range missing {
		out[t.OID] = true
	}
	return out, nil
}

func of(server pgrepl.Server, s *spec.Spec, tables []pgrepl.FoundTable) *Limits {
	l := &Limits{role: s.Connection.User, publication: s.Publication.Name, mayViaRoot: server.Major() >= 13,
		tables: make(map[uint32]pgrepl.FoundTable, len(tables))}
	for _, t := range tables {
		l.tables[t.OID] = t
	}
	return l
}

// findChildren finds tables that snapshots read together with the captured ones, and whose changes
// come under names that the filters do not match.
func (l *Limits) findChildren(ctx context.Context, conn *pgx.Conn, s *spec.Spec, tables []pgrepl.FoundTable) error {
	oids := make([]uint32, len(tables))
	for i, t := range tables {
		oids[i] = t.OID
	}
	members, err := pgrepl.NewCatalog(ctx, pgrepl.Query(conn), s.Tables.Read).Inheriting(oids)
	if err != nil {
		return err
	}
	if l.distributed, err = distributed(ctx, conn); err != nil {
		return err
	}
	l.children = make(map[uint32][]pgrepl.Member)
	for oid, all := range members {
		if l.viaRoot && l.tables[oid].Kind == 'p' {
			continue
		}
		all = slices.DeleteFunc(all, func(m pgrepl.Member) bool {
			return m.Table == l.tables[oid].Table || s.Tables.Captured(m.Table)
		})
		if len(all) > 0 {
			l.children[oid] = all
		}
	}
	return nil
}

// Of says what is kept back from a table: a sentence for each limit, which ends with the statement
// that lifts it.
func (l *Limits) Of(rel *pgmodel.Relation) []string {
	t, ok := l.tables[rel.OID]
	if !ok {
		return nil
	}
	return l.of(t)
}

func (l *Limits) of(t pgrepl.FoundTable) []string {
	return slices.Concat(l.unread(t), l.unsent(t), l.unstreamed(t), l.renamed(t), l.elsewhere(t))
}

// distributed finds the tables that Citus distributes, by their oids; none where there is no Citus.
// Its catalog is pg_dist_partition, where n is the method of tables that each server has whole.
func distributed(ctx context.Context, conn *pgx.Conn) (map[uint32]bool, error) {
	var installed bool
	err := conn.QueryRow(ctx, "SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL").Scan(&installed)
	if err != nil || !installed {
		return nil, err
	}
	rows, err := conn.Query(ctx, "SELECT logicalrelid::oid FROM pg_catalog.pg_dist_partition WHERE partmethod <> 'n'")
	if err != nil {
		return nil, fmt.Errorf("ask which tables Citus distributes: %w", err)
	}
	out := map[uint32]bool{}
	var oid uint32
	if _, err := pgx.ForEachRow(rows, []any{&oid}, func() error { out[oid] = true; return nil }); err != nil {
		return nil, fmt.Errorf("ask which tables Citus distributes: %w", err)
	}
	return out, nil
}

// unread says what snapshots and comparisons do not see of a table.
func (l *Limits) unread(t pgrepl.FoundTable) []string {
	if !t.Policies {
		return nil
	}
	return []string{fmt.Sprintf(
		"Row level security keeps rows of it from role %s: snapshots and comparisons lack them, while the stream has the changes of all rows: ALTER ROLE %s BYPASSRLS; lets the role read all.", l.role, pgrepl.QuoteIdent(l.role))}
}

// unsent says what the publication keeps back of a table.
func (l *Limits) unsent(t pgrepl.FoundTable) (out []string) {
	if l.unheld[t.OID] && !t.Unlogged {
		return []string{fmt.Sprintf(
			"Publication %s does not hold it: its changes never stream, while snapshots read its rows: ALTER PUBLICATION %s ADD TABLE %s; sends them from then on, and a snapshot brings the rows that changed before.",
			l.publication, pgrepl.QuoteIdent(l.publication), pgrepl.QuoteTable(t.Schema, t.Name))}
	}
	r := l.restrictions[t.OID]
	again := fmt.Sprintf("ALTER PUBLICATION %s DROP TABLE %s; ALTER PUBLICATION %[1]s ADD TABLE %[2]s; sends all.",
		pgrepl.QuoteIdent(l.publication), pgrepl.QuoteTable(t.Schema, t.Name))
	if r.RowFilter != "" {
		out = append(out,
			fmt.Sprintf(
				"Publication %s has a row filter for it: changes of rows for which %s is not true never stream, while snapshots read all rows: %s", l.publication, r.RowFilter, again))
	}
	if r.Columns != nil {
		out = append(out,
			fmt.Sprintf(
				"Publication %s has a column list for it: events of the stream have only %s, while snapshots read all columns: %s",
				l.publication, strings.Join(r.Columns, ", "), again))
	}
	if len(l.operations) > 0 && !t.Unlogged {
		out = append(out,
			fmt.Sprintf(
				"Publication %s does not send %s, so that such changes never stream: ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate');", l.publication, strings.Join(l.operations, " and "), pgrepl.QuoteIdent(l.publication)))
	}
	return out
}

// Restrict tells a comparison which columns do not stream, and that it must fail if the role does
// not see all rows, since it would then find the tables equal. Rows and changes that do not stream
// need no mention: the comparison finds them.
func (l *Limits) Restrict(d *digest.Description, t pgrepl.FoundTable) {
	if unread := l.unread(t); len(unread) > 0 {
		d.Failure = unread[0]
		return
	}
	r := l.restrictions[t.OID]
	for i := range d.Columns {
		if c := &d.Columns[i]; r.Columns != nil && c.Withheld == "" && !slices.Contains(r.Columns, c.Name) {
			c.Withheld = fmt.Sprintf("publication %s does not send it (column list)", l.publication)
		}
	}
}

// unstreamed says that a table's changes never stream.
func (l *Limits) unstreamed(t pgrepl.FoundTable) []string {
	if !t.Unlogged {
		return nil
	}
	return []string{fmt.Sprintf(
		"It is unlogged: its changes are not in PostgreSQL's log and never stream, only snapshots read it: ALTER TABLE %s SET LOGGED; makes them stream.", pgrepl.QuoteTable(t.Schema, t.Name))}
}

// elsewhere says that a table's rows change on other servers.
func (l *Limits) elsewhere(t pgrepl.FoundTable) []string {
	if !l.distributed[t.OID] {
		return nil
	}
	return []string{
		"Citus keeps its rows in shards on its workers, whose logs have their changes: none comes through this server's slot, while snapshots read all rows: Add the shards to table.include.list of a connector for each worker."}
}

// timescaleChunks is the schema where TimescaleDB keeps the chunks of hypertables.
const timescaleChunks = "_timescaledb_internal"

// renamed says that changes of a table's rows come under other names than the table's.
func (l *Limits) renamed(t pgrepl.FoundTable) []string {
	children := l.children[t.OID]
	if len(children) == 0 {
		return nil
	}
	names := make([]string, len(children))
	for i, m := range children {
		names[i] = m.Table.String()
	}
	what := fmt.Sprintf(
		"Its rows are stored in %s, under whose names their changes come; the filters do not match these, so that they never stream, while snapshots read the rows", preflight.Few(names))
	switch {
	case children[0].Schema == timescaleChunks:
		return []string{what +
			`: Add _timescaledb_internal\._hyper_.* to table.include.list, with a publication FOR ALL TABLES, or from PostgreSQL 15 on FOR TABLES IN SCHEMA _timescaledb_internal, so that chunks to come are in it; ByLogicalTableRouter brings the chunks' topics together.`}
	case t.Kind == 'p' && l.mayViaRoot:
		return []string{what + fmt.Sprintf(
			": Set publish.via.partition.root=true (where the publication exists already, ALTER PUBLICATION %s SET (publish_via_partition_root = true);), or add the partitions to table.include.list.", pgrepl.QuoteIdent(l.publication))}
	}
	return []string{what + ": Add them to table.include.list."}
}

// Checks reports what is kept back, for the check of a source before the connector starts.
func (l *Limits) Checks() []connector.Check {
	tables := make([]pgrepl.FoundTable, 0, len(l.tables))
	for _, t := range l.tables {
		tables = append(tables, t)
	}
	slices.SortFunc(tables, func(a, b pgrepl.FoundTable) int { return strings.Compare(a.String(), b.String()) })
	var out []connector.Check
	for _, kind := range []struct {
		name, fine string
		of         func(pgrepl.FoundTable) []string
	}{
		{"row level security", "no policy keeps rows from role " + l.role, l.unread},
		{"publication filters", "the publication keeps nothing back", l.unsent},
		{"unlogged tables", "the changes of all tables are in the log", l.unstreamed},
		{"inherited rows", "changes come under the names of the captured tables", l.renamed},
		{"distributed tables", "", l.elsewhere}, // where there is Citus
	} {
		if kind.fine == "" && len(l.distributed) == 0 {
			continue
		}
		c := preflight.Finding(kind.name, kind.fine, nil)
		var found []string
		for _, t := range tables {
			for _, text := range kind.of(t) {
				what, remedy := SplitRemedy(text)
				found = append(found, fmt.Sprintf("%s: %s", t, what))
				if c.Remedy == "" {
					c.Remedy = remedy
				}
			}
		}
		if len(found) > 0 {
			c.Detail = preflight.Few(found)
		}
		out = append(out, c)
	}
	return out
}

// SplitRemedy splits a sentence of Of into what is kept back and the statement that changes it.
func SplitRemedy(text string) (what, remedy string) {
	for _, begin := range []string{": Set ", ": Add ", ": ALTER "} {
		if at := strings.LastIndex(text, begin); at >= 0 {
			return text[:at], text[at+2:]
		}
	}
	return text, ""
}
