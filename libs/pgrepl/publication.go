package pgrepl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// PublicationMode is publication.autocreate.mode, which says what EnsurePublication may do.
type PublicationMode string

const (
	// PublishDisabled requires the publication to exist.
	PublishDisabled PublicationMode = "disabled"
	// PublishAll creates a missing publication FOR ALL TABLES. If the role may not do that, it acts
	// like PublishFiltered.
	PublishAll PublicationMode = "all_tables"
	// PublishFiltered creates a publication of the captured tables and adds missing ones. It never
	// removes a table, since others may use the publication too.
	PublishFiltered PublicationMode = "filtered"
	// PublishNone creates a missing publication without tables.
	PublishNone PublicationMode = "no_tables"
)

// Publication is the publication that a capture reads, and how to create it.
type Publication struct {
	Name string
	Mode PublicationMode
	// Tables are the captured tables.
	Tables []FoundTable
	// ViaRoot publishes changes of partitions as changes of their root, when the publication is created.
	ViaRoot bool
	// Operations is the publish option (insert, update, …) of a publication that is created; empty for all.
	Operations string
	// OnStandby is true if the server is a standby, which cannot create anything and gets the
	// publication from its primary.
	OnStandby bool
}

// where begins a remedy with the place where its statements must be run.
func (p Publication) where() string {
	if p.OnStandby {
		return "Run on the primary, from which the standby gets it:"
	}
	return "Run"
}

// publishable returns p without the tables that a publication cannot hold: PostgreSQL refuses
// unlogged ones.
func (p Publication) publishable() Publication {
	p.Tables = slices.DeleteFunc(slices.Clone(p.Tables), func(t FoundTable) bool { return t.Unlogged })
	return p
}

// EnsurePublication makes sure that the publication exists and holds the captured tables, as far as
// its mode allows. notes tells users what it did or noticed, one sentence each.
func EnsurePublication(ctx context.Context, conn *pgx.Conn, p Publication) (notes []string, err error) {
	p = p.publishable()
	op := fmt.Sprintf("set up publication %q", p.Name)
	var all bool
	err = conn.QueryRow(ctx, `SELECT puballtables FROM pg_publication WHERE pubname = $1`, p.Name).Scan(&all)
	missing := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !missing {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if missing {
		return p.create(ctx, conn, op)
	}
	if all || p.Mode == PublishNone {
		return nil, nil
	}
	absent, err := p.absent(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if len(absent) == 0 {
		return nil, nil
	}
	if p.Mode == PublishDisabled || p.Mode == PublishAll || p.OnStandby {
		note := fmt.Sprintf(
			"Publication %q does not hold %s: their changes do not arrive. %s ALTER PUBLICATION %s ADD TABLE %s;", p.Name,
			names(absent), p.where(), QuoteIdent(p.Name), quoted(absent))
		if !p.OnStandby {
			note += " or set publication.autocreate.mode=filtered."
		}
		return []string{note}, nil
	}
	if err := p.exec(ctx, conn, op, fmt.Sprintf("ALTER PUBLICATION %s ADD TABLE %s", QuoteIdent(p.Name),
		quoted(absent))); err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("Added %s to publication %q.", names(absent), p.Name)}, nil
}

// Missing returns the captured tables that an existing publication does not hold, so that their
// changes have not been sent so far; none if the publication does not exist.
func (p Publication) Missing(ctx context.Context, conn *pgx.Conn) ([]FoundTable, error) {
	var all bool
	err := conn.QueryRow(ctx, `SELECT puballtables FROM pg_publication WHERE pubname = $1`, p.Name).Scan(&all)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && all {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at publication %q: %w", p.Name, err)
	}
	return p.publishable().absent(ctx, conn)
}

// Restriction is what a publication withholds of a table.
type Restriction struct {
	// RowFilter is the condition under which a row is sent; empty for all.
	RowFilter string
	// Columns are the columns that are sent; nil for all.
	Columns []string
}

// Restrictions returns what an existing publication withholds: rows and columns of tables, by their
// oids (PostgreSQL 15), and the operations that it sends for no table.
func (p Publication) Restrictions(ctx context.Context, conn *pgx.Conn, server Server) (tables map[uint32]Restriction,
	operations []string, err error) {
	op := fmt.Sprintf("look at what publication %q sends", p.Name)
	var insert, update, del, truncate bool
	err = conn.QueryRow(ctx, `SELECT pubinsert, pubupdate, pubdelete, pubtruncate FROM pg_publication WHERE pubname = $1`,
		p.Name).Scan(&insert, &update, &del, &truncate)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	for _, o := range []struct {
		sent bool
		name string
	}{{insert, "insert"}, {update, "update"}, {del, "delete"}, {truncate, "truncate"}} {
		if !o.sent {
			operations = append(operations, o.name)
		}
	}
	if server.Major() < 15 {
		return nil, operations, nil
	}
	rows, err := conn.Query(ctx, `SELECT m.relid, coalesce(pg_get_expr(r.prqual, r.prrelid), ''),
			(SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY(r.prattrs::int2[]))
		FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
		CROSS JOIN LATERAL (SELECT r.prrelid::oid AS relid UNION SELECT t.relid::oid FROM pg_catalog.pg_partition_tree(r.prrelid) t) m
		WHERE p.pubname = $1 AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL)`, p.Name)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	tables = make(map[uint32]Restriction)
	var oid uint32
	var one Restriction
	_, err = pgx.ForEachRow(rows, []any{&oid, &one.RowFilter, &one.Columns}, func() error {
		tables[oid] = Restriction{one.RowFilter, slices.Clone(one.Columns)}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	return tables, operations, nil
}

// SendsViaRoot reports whether the publication sends changes of partitions as their root's, or will
// do so once it is created.
func (p Publication) SendsViaRoot(ctx context.Context, conn *pgx.Conn, server Server) (bool, error) {
	if server.Major() < 13 {
		return false, nil
	}
	via := p.ViaRoot
	err := conn.QueryRow(ctx, `SELECT pubviaroot FROM pg_publication WHERE pubname = $1`, p.Name).Scan(&via)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("look at publication %q: %w", p.Name, err)
	}
	return via, nil
}

func (p Publication) create(ctx context.Context, conn *pgx.Conn, op string) ([]string, error) {
	head := "CREATE PUBLICATION " + QuoteIdent(p.Name)
	tail := p.with()
	if p.OnStandby {
		return nil, &Error{ReasonPublication, op, errors.New("it does not exist, and a standby cannot create it"),
			fmt.Sprintf("%s %s FOR TABLE %s%s;", p.where(), head, quoted(p.Tables), tail)}
	}
	switch p.Mode {
	case PublishDisabled:
		return nil, &Error{ReasonPublication, op, errors.New("it does not exist and publication.autocreate.mode is disabled"),
			fmt.Sprintf("Run %s FOR TABLE %s; or set publication.autocreate.mode=filtered.", head, quoted(p.Tables))}
	case PublishNone:
		return []string{fmt.Sprintf("Created publication %q without tables.", p.Name)}, p.exec(ctx, conn, op, head+tail)
	case PublishAll:
		err := p.exec(ctx, conn, op, head+" FOR ALL TABLES"+tail)
		if err == nil {
			return []string{fmt.Sprintf("Created publication %q for all tables.", p.Name)}, nil
		}
		if ReasonOf(err) != ReasonPublicationMake {
			return nil, err
		}
		p.Mode = PublishFiltered
		notes, err := p.create(ctx, conn, op)
		return append([]string{fmt.Sprintf(
			"Only a superuser may publish all tables: publication %q gets the captured tables only, as with publication.autocreate.mode=filtered.", p.Name)}, notes...), err
	}
	if len(p.Tables) == 0 {
		return []string{fmt.Sprintf("Created publication %q without tables: no table matches the filters yet.", p.Name)},
			p.exec(ctx, conn, op, head+tail)
	}
	if err := p.exec(ctx, conn, op, head+" FOR TABLE "+quoted(p.Tables)+tail); err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("Created publication %q for %s.", p.Name, names(p.Tables))}, nil
}

func (p Publication) with() string {
	var set []string
	if p.ViaRoot {
		set = append(set, "publish_via_partition_root = true")
	}
	if p.Operations != "" {
		set = append(set, "publish = "+QuoteLiteral(p.Operations))
	}
	if len(set) == 0 {
		return ""
	}
	return " WITH (" + strings.Join(set, ", ") + ")"
}

func (p Publication) exec(ctx context.Context, conn *pgx.Conn, op, sql string) error {
	_, err := conn.Exec(ctx, sql)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "42710": // created by somebody else in between
			return nil
		case "42501":
			return &Error{ReasonPublicationMake, op, serverError(pg), p.makeRemedy(conn.Config(), sql)}
		case "25006":
			if by := readOnlyBy(ctx, conn); by != "" {
				return &Error{ReasonPublicationMake, op, serverError(pg),
					fmt.Sprintf("Run %s RESET default_transaction_read_only; or, as a role that may write: %s;", by, sql)}
			}
		}
	}
	if err != nil {
		return fmt.Errorf("%s: run %q: %w", op, sql, err)
	}
	return nil
}

// readOnlyBy returns the start of the statement that changes the setting, of the role or the
// database, which makes transactions read-only; empty if the cause is another one, which may be
// temporary: a standby, or a server without space.
func readOnlyBy(ctx context.Context, conn *pgx.Conn) string {
	var source string
	err := conn.QueryRow(ctx, "SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only' AND setting = 'on'").
		Scan(&source)
	role, database := "ALTER ROLE "+QuoteIdent(conn.Config().User), "DATABASE "+QuoteIdent(conn.Config().Database)
	switch {
	case err != nil:
		return ""
	case source == "user":
		return role
	case source == "database":
		return "ALTER " + database
	case source == "database user":
		return role + " IN " + database
	}
	return ""
}

// makeRemedy says who may run a statement that creates or extends the publication, and how the role
// can get that right.
func (p Publication) makeRemedy(c *pgx.ConnConfig, sql string) string {
	remedy := fmt.Sprintf(
		"Run as the tables' owner or a superuser: %s; or let the role do it: GRANT CREATE ON DATABASE %s TO %s;", sql,
		QuoteIdent(c.Database), QuoteIdent(c.User))
	for _, owner := range p.Owners() {
		remedy += fmt.Sprintf(" GRANT %s TO %s;", QuoteIdent(owner), QuoteIdent(c.User))
	}
	return remedy
}

// Owners returns the roles that own captured tables and for which the connector's role may not act.
// Only an owner may publish a table.
func (p Publication) Owners() (out []string) {
	for _, t := range p.publishable().Tables {
		if !t.Owned && !slices.Contains(out, t.Owner) {
			out = append(out, t.Owner)
		}
	}
	return out
}

// absent returns the captured tables that the publication does not hold. A partition counts as held
// if one of its ancestors is.
func (p Publication) absent(ctx context.Context, conn *pgx.Conn) ([]FoundTable, error) {
	rows, err := conn.Query(ctx,
		`SELECT r.prrelid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = $1
		UNION SELECT t.relid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid CROSS JOIN LATERAL pg_catalog.pg_partition_tree(r.prrelid) t WHERE p.pubname = $1
		UNION SELECT c.oid FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename WHERE t.pubname = $1`, p.Name)
	if err != nil {
		return nil, err
	}
	held := make(map[uint32]bool)
	var oid uint32
	if _, err := pgx.ForEachRow(rows, []any{&oid}, func() error { held[oid] = true; return nil }); err != nil {
		return nil, err
	}
	var out []FoundTable
	for _, t := range p.Tables {
		if !held[t.OID] {
			out = append(out, t)
		}
	}
	return out, nil
}

func quoted(tables []FoundTable) string {
	var b strings.Builder
	for i, t := range tables {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(QuoteTable(t.Schema, t.Name))
	}
	return b.String()
}

// names lists tables for a message, the first few of many.
func names(tables []FoundTable) string {
	const most = 5
	var b strings.Builder
	for i, t := range tables {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(tables)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(t.String())
	}
	return b.String()
}
