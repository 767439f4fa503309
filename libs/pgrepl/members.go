package pgrepl

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Member is one of the tables that a SELECT from a table reads: the table itself, or one that
// inherits from it at any depth (a partition, a child, a chunk of a hypertable).
type Member struct {
	Table
	Pages, RowEstimate int64
	// Direct is true if the member's rows can be read from the member itself, by ctid. That excludes
	// foreign tables, members that the role may read only through the parent, and tables with row
	// level security, whose policies may differ.
	Direct bool
	// File names the file that the member's rows are in (pg_class.relfilenode). It is another one
	// after what moves the rows: VACUUM FULL, CLUSTER, TRUNCATE, an ALTER TABLE that rewrites the
	// table, or a table that was put in its place. 0 for a foreign table.
	File uint32
}

// Inheriting returns the members of each given table from which others inherit: the table itself
// first, then the others sorted by name.
func (c *Catalog) Inheriting(oids []uint32) (map[uint32][]Member, error) {
	rows, err := c.query(c.ctx, `WITH RECURSIVE tree(root, member) AS (
			SELECT DISTINCT inhparent, inhparent FROM pg_inherits WHERE inhparent = ANY($1::oid[])
			UNION SELECT t.root, i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.member)
		SELECT t.root, n.nspname::text, c.relname::text, c.relpages::bigint, c.reltuples::bigint, c.relfilenode,
			c.relkind = 'r' AND has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid) AND NOT row_security_active(r.oid)
		FROM tree t JOIN pg_class c ON c.oid = t.member JOIN pg_class r ON r.oid = t.root JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'f') AND c.relpersistence <> 't'
		ORDER BY t.root, t.member <> t.root, n.nspname, c.relname`, oidArray(oids))
	if err != nil {
		return nil, fmt.Errorf("list the tables that inherit from others: %w", err)
	}
	out := make(map[uint32][]Member)
	var root uint32
	var m Member
	_, err = pgx.ForEachRow(rows, []any{&root, &m.Schema, &m.Name, &m.Pages, &m.RowEstimate, &m.File, &m.Direct}, func() error {
		out[root] = append(out[root], m)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the tables that inherit from others: %w", err)
	}
	return out, nil
}

// Members is like Inheriting, with members in the order in which a SELECT from the table reads
// them. To plan that, the server locks all of them for a moment.
func (c *Catalog) Members(oids []uint32) (map[uint32][]Member, error) {
	out, err := c.Inheriting(oids)
	if err != nil {
		return nil, err
	}
	for root, members := range out {
		if err := c.order(root, members); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// order sorts the members of a table as the server's plan of a SELECT reads them: partitions by
// their bounds, others by depth and age. Members that the plan leaves out come last.
func (c *Catalog) order(root uint32, members []Member) error {
	if len(members) < 2 {
		return nil
	}
	text, err := c.plan(root)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && !Transient(pg) {
		// the role has no right to the table, or there are too many partitions to lock at once; the order
		// does not matter for correctness
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask for the order in which table %d is read: %w", root, err)
	}
	var explained []struct{ Plan planNode }
	if err := json.Unmarshal(text, &explained); err != nil || len(explained) == 0 {
		return fmt.Errorf("read the order in which table %d is read: %w", root, err)
	}
	place := make(map[Table]int)
	explained[0].Plan.scans(func(t Table) {
		if _, known := place[t]; !known {
			place[t] = len(place)
		}
	})
	rank := func(m Member) int {
		if at, planned := place[m.Table]; planned {
			return at
		}
		return len(place)
	}
	slices.SortStableFunc(members, func(a, b Member) int { return rank(a) - rank(b) })
	return nil
}

// plan returns the server's plan for reading all of a table, as JSON.
func (c *Catalog) plan(table uint32) (text []byte, err error) {
	rows, err := c.query(c.ctx, "SELECT $1::oid::regclass::text", table)
	if err != nil {
		return nil, err
	}
	name, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	if rows, err = c.query(c.ctx, "EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT FROM "+name); err != nil {
		return nil, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[[]byte])
}

// planNode is a node of a plan, as EXPLAIN writes it.
type planNode struct {
	Schema   string
	Relation string `json:"Relation Name"`
	Plans    []planNode
}

// scans calls found for each table that the plan reads, in the plan's order.
func (n *planNode) scans(found func(Table)) {
	if n.Relation != "" {
		found(Table{n.Schema, n.Relation})
	}
	for i := range n.Plans {
		n.Plans[i].scans(found)
	}
}
