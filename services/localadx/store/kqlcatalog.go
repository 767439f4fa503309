package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
)

// maxViewDepth is how many views may be defined over views.
const maxViewDepth = 8

// Scope is the catalog a query of one database is compiled against.
type Scope struct {
	catalog  *Catalog
	database string
	// overrides replace or add tables of the current database, by name.
	overrides map[string]kql.Table
	depth     int
}

// Scope returns the view of the catalog that queries of the database have.
func (c *Catalog) Scope(database string) *Scope {
	return &Scope{catalog: c, database: database}
}

// With returns a scope in which the table stands in for the stored one of its name.
func (s *Scope) With(t kql.Table) *Scope {
	changed := *s
	changed.overrides = maps.Clone(s.overrides)
	if changed.overrides == nil {
		changed.overrides = map[string]kql.Table{}
	}
	changed.overrides[t.Name] = t
	return &changed
}

// Table implements kql.Catalog. A materialized view is a table whose relation is the view's query.
func (s *Scope) Table(db, name string) (kql.Table, bool) {
	if db == "" || db == s.database {
		if t, ok := s.overrides[name]; ok {
			return t, true
		}
	}
	d, ok := s.in(db)
	if !ok {
		return kql.Table{}, false
	}
	if t, ok := d.Tables[name]; ok {
		return d.kqlTable(t), true
	}
	if v, ok := d.Views[name]; ok {
		return s.view(d, v)
	}
	return kql.Table{}, false
}

// Function implements kql.Catalog.
func (s *Scope) Function(db, name string) (kql.Function, bool) {
	d, ok := s.in(db)
	if !ok {
		return kql.Function{}, false
	}
	f, ok := d.Functions[name]
	if !ok {
		return kql.Function{}, false
	}
	return kql.Function{Name: f.Name, Params: f.Params, Body: f.Body}, true
}

// Tables implements kql.Catalog.
func (s *Scope) Tables(db string) []kql.Table {
	d, ok := s.in(db)
	if !ok {
		return nil
	}
	tables := make([]kql.Table, 0, len(d.Tables))
	for _, name := range slices.Sorted(maps.Keys(d.Tables)) {
		t, _ := s.Table(db, name)
		tables = append(tables, t)
	}
	return tables
}

func (s *Scope) in(db string) (*Database, bool) {
	if db == "" {
		db = s.database
	}
	d, err := s.catalog.Database(db)
	return d, err == nil
}

func (s *Scope) view(d *Database, v *View) (kql.Table, bool) {
	if s.depth >= maxViewDepth {
		return kql.Table{}, false
	}
	inner := *s
	inner.database = d.Name
	inner.depth++
	catalog := &inner
	if t, ok := d.Tables[v.Source]; ok && v.From != 0 {
		later := d.kqlTable(t)
		later.Physical = fmt.Sprintf("(SELECT * FROM %s WHERE %s > %d)", d.relation(t), quoteIdent(ingestedColumn), v.From)
		catalog = inner.With(later)
	}
	plan, err := kql.Compile(v.Query, kql.Options{Database: d.Name, Catalog: catalog})
	if err != nil {
		return kql.Table{}, false
	}
	named := make([]string, len(plan.Columns))
	for i, c := range plan.Columns {
		named[i] = fmt.Sprintf("CAST(p%d AS %s) AS %s", i, c.Type.Physical(), quoteIdent(c.Name))
	}
	relation := fmt.Sprintf("(SELECT %s FROM (%s) %s)", strings.Join(named, ", "), plan.SQL, positional(plan))
	return kql.Table{Name: v.Name, Columns: plan.Columns, Physical: relation}, true
}

func (d *Database) kqlTable(t *Table) kql.Table {
	return kql.Table{
		Name: t.Name, Columns: t.KQLColumns(), Physical: d.relation(t),
		Extents: "adx.extents", Ingested: ingestedColumn, Extent: extentColumn,
	}
}

// ExtentTable returns the table as it would be if it held only the given extent.
func (d *Database) ExtentTable(t *Table, extent int64) kql.Table {
	table := d.kqlTable(t)
	table.Physical = fmt.Sprintf("(SELECT * FROM %s WHERE %s = %d)", d.relation(t), quoteIdent(extentColumn), extent)
	return table
}
