package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
)

// Limits on names and tables, Kusto's.
const (
	maxNameLength = 1024
	maxColumns    = 10000
)

// Change is a change of one database's schema under way. It must not be used after the function it
// was given to returns.
type Change struct {
	Database *Database
	ctx      context.Context
	conn     *sql.Conn
	store    *Store
	// held are the writers of tables whose rows or columns change; they are let go after the commit.
	held []*tableWriter
	// dropped are tables whose extents go.
	dropped []int64
}

// ChangeDatabase runs fn on a copy of the database's schema; what fn did becomes visible, and durable, in one step when
// it returns nil, and not at all when it fails.
func (s *Store) ChangeDatabase(ctx context.Context, name string, fn func(*Change) error) error {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	current, err := s.Catalog().Database(name)
	if err != nil {
		return err
	}
	draft, err := current.clone()
	if err != nil {
		return err
	}
	change := &Change{Database: draft, ctx: ctx, store: s}
	defer change.letGo()
	err = transact(ctx, s, func(conn *sql.Conn) error {
		change.conn = conn
		if err := fn(change); err != nil {
			return err
		}
		draft.Version++
		return change.save()
	})
	if err != nil {
		return err
	}
	for _, table := range change.dropped {
		forgetTags(s, table)
	}
	swap(s, func(databases map[string]*Database) { databases[strings.ToLower(draft.Name)] = draft })
	return nil
}

func (c *Change) letGo() {
	for _, w := range c.held {
		w.lock.Unlock()
	}
}

// hold waits for the table's writer, so that no ingestion sees the table half changed.
func (c *Change) hold(table int64) {
	w := writer(c.store, table)
	if slices.Contains(c.held, w) {
		return
	}
	w.lock.Lock()
	c.held = append(c.held, w)
}

func (c *Change) exec(query string, args ...any) error {
	if _, err := c.conn.ExecContext(c.ctx, query, args...); err != nil {
		return fmt.Errorf("change the schema of %s: %w", c.Database.Name, err)
	}
	return nil
}

func (c *Change) save() error {
	body, err := json.Marshal(c.Database)
	if err != nil {
		return fmt.Errorf("write the schema of %s: %w", c.Database.Name, err)
	}
	if err := c.exec("DELETE FROM adx.databases WHERE id = ?", c.Database.ID); err != nil {
		return err
	}
	return c.exec("INSERT INTO adx.databases VALUES (?, ?)", c.Database.ID, string(body))
}

// swap publishes a new catalog.
func swap(s *Store, edit func(map[string]*Database)) {
	databases := maps.Clone(s.Catalog().databases)
	edit(databases)
	s.catalog.Store(&Catalog{databases: databases})
}

// CreateDatabase makes an empty database; ExistsError when the name is taken.
func (s *Store) CreateDatabase(ctx context.Context, name string) error {
	if err := checkName("database", name); err != nil {
		return err
	}
	s.ddl.Lock()
	defer s.ddl.Unlock()
	if _, taken := s.Catalog().databases[strings.ToLower(name)]; taken {
		return &ExistsError{Kind: "Database", Name: name}
	}
	d := newDatabase()
	d.Name, d.Created, d.Version = name, now(), 1
	err := transact(ctx, s, func(conn *sql.Conn) error {
		id, err := nextID(ctx, s)
		if err != nil {
			return err
		}
		d.ID = id
		change := &Change{Database: d, ctx: ctx, conn: conn, store: s}
		if err := change.exec("CREATE SCHEMA " + quoteIdent(d.schemaName())); err != nil {
			return err
		}
		return change.save()
	})
	if err != nil {
		return err
	}
	swap(s, func(databases map[string]*Database) { databases[strings.ToLower(name)] = d })
	return nil
}

// DropDatabase removes a database with all it holds. It must be named by its own name.
func (s *Store) DropDatabase(ctx context.Context, name string) error {
	if _, ok := s.Catalog().databases[strings.ToLower(name)]; !ok {
		return notFound("Database", name)
	}
	err := s.ChangeDatabase(ctx, name, func(c *Change) error {
		for _, t := range c.Database.SortedTables() {
			if err := c.DropTable(t.Name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.ddl.Lock()
	defer s.ddl.Unlock()
	d, err := s.Catalog().Database(name)
	if err != nil {
		return err
	}
	err = transact(ctx, s, func(conn *sql.Conn) error {
		change := &Change{Database: d, ctx: ctx, conn: conn, store: s}
		if err := change.exec("DROP SCHEMA " + quoteIdent(d.schemaName()) + " CASCADE"); err != nil {
			return err
		}
		return change.exec("DELETE FROM adx.databases WHERE id = ?", d.ID)
	})
	if err != nil {
		return err
	}
	swap(s, func(databases map[string]*Database) { delete(databases, strings.ToLower(name)) })
	return nil
}

// CreateTable makes a table; ExistsError when a table, function or view has the name.
func (c *Change) CreateTable(name string, columns []kql.Column) (*Table, error) {
	if err := c.checkFree(name); err != nil {
		return nil, err
	}
	if err := c.checkColumns(columns); err != nil {
		return nil, err
	}
	id, err := nextID(c.ctx, c.store)
	if err != nil {
		return nil, err
	}
	t := &Table{ID: id, Name: name, Physical: c.freePhysical(name, id), Mappings: map[MappingKey]Mapping{},
		Policies: map[PolicyName]json.RawMessage{}}
	ddl := fmt.Sprintf("CREATE TABLE %s (%s BIGINT, %s BIGINT", c.Database.relation(t), quoteIdent(extentColumn),
		quoteIdent(ingestedColumn))
	for i, column := range columns {
		t.Columns = append(t.Columns, Column{ID: int64(i + 1), Name: column.Name, Type: column.Type})
		ddl += ", " + physicalColumn(column)
	}
	if err := c.exec(ddl + ")"); err != nil {
		return nil, err
	}
	c.Database.Tables[name] = t
	return t, nil
}

func physicalColumn(column kql.Column) string {
	return quoteIdent(column.Name) + " " + column.Type.Physical() + columnDefault(column.Type)
}

// columnDefault fills rows that were there before the column: a string is never null.
func columnDefault(t kql.Type) string {
	if t.Physical() == "VARCHAR" && t.String() == "string" {
		return " DEFAULT ''"
	}
	return ""
}

// freePhysical picks the DuckDB name of a new table. DuckDB's names are not case-sensitive, Kusto's are.
func (c *Change) freePhysical(name string, id int64) string {
	for _, t := range c.Database.Tables {
		if strings.EqualFold(t.Physical, name) {
			return fmt.Sprintf("%s~%d", name, id)
		}
	}
	return name
}

func (c *Change) checkFree(name string) error {
	if err := c.checkName("table", name); err != nil {
		return err
	}
	if _, ok := c.Database.Tables[name]; ok {
		return &ExistsError{Kind: "Table", Name: name}
	}
	if _, ok := c.Database.Views[name]; ok {
		return &ExistsError{Kind: "Materialized view", Name: name}
	}
	return nil
}

// DropTable removes a table with its rows.
func (c *Change) DropTable(name string) error {
	t, err := c.Database.Table(name)
	if err != nil {
		return err
	}
	c.hold(t.ID)
	if err := c.exec("DROP TABLE " + c.Database.relation(t)); err != nil {
		return err
	}
	if err := c.exec("DELETE FROM adx.extents WHERE table_id = ?", t.ID); err != nil {
		return err
	}
	c.dropped = append(c.dropped, t.ID)
	delete(c.Database.Tables, name)
	return nil
}

// RenameTable gives a table another name; its rows and mappings stay.
func (c *Change) RenameTable(from, to string) error {
	t, err := c.Database.Table(from)
	if err != nil {
		return err
	}
	if err := c.checkFree(to); err != nil {
		return err
	}
	delete(c.Database.Tables, from)
	t.Name = to
	c.Database.Tables[to] = t
	return nil
}

// MergeColumns adds the columns the table lacks, at its end; a column of the same name with another type is an error.
func (c *Change) MergeColumns(t *Table, columns []kql.Column) error {
	var added []kql.Column
	for _, column := range columns {
		i, ok := t.Column(column.Name)
		if !ok {
			added = append(added, column)
			continue
		}
		if t.Columns[i].Type != column.Type {
			return invalid(
				"Column '%s' of table '%s' has type %s and cannot be merged with type %s: add a column of another name, or use .alter column, which empties it",
				column.Name, t.Name, t.Columns[i].Type, column.Type)
		}
	}
	return c.addColumns(t, added)
}

func (c *Change) addColumns(t *Table, columns []kql.Column) error {
	if err := c.checkColumns(append(t.KQLColumns(), columns...)); err != nil {
		return err
	}
	c.hold(t.ID)
	for _, column := range columns {
		if err := c.exec(fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s", c.Database.relation(t),
			physicalColumn(column))); err != nil {
			return err
		}
		t.Columns = append(t.Columns, Column{ID: t.nextColumnID(), Name: column.Name, Type: column.Type})
	}
	return nil
}

func (t *Table) nextColumnID() int64 {
	id := int64(0)
	for _, c := range t.Columns {
		id = max(id, c.ID)
	}
	return id + 1
}

// SetColumns makes the table's columns exactly these, in this order: others are dropped with their values.
func (c *Change) SetColumns(t *Table, columns []kql.Column) error {
	if err := c.checkColumns(columns); err != nil {
		return err
	}
	if err := c.MergeColumns(t, columns); err != nil {
		return err
	}
	for _, existing := range slices.Clone(t.Columns) {
		if !slices.ContainsFunc(columns, func(wanted kql.Column) bool { return wanted.Name == existing.Name }) {
			if err := c.DropColumn(t, existing.Name); err != nil {
				return err
			}
		}
	}
	ordered := make([]Column, len(columns))
	for i, wanted := range columns {
		at, _ := t.Column(wanted.Name)
		ordered[i] = t.Columns[at]
	}
	t.Columns = ordered
	return nil
}

// DropColumn removes a column with its values.
func (c *Change) DropColumn(t *Table, name string) error {
	i, ok := t.Column(name)
	if !ok {
		return notFound("Column", name)
	}
	if len(t.Columns) == 1 {
		return invalid("Column '%s' is the only one of table '%s' and cannot be dropped: drop the table", name, t.Name)
	}
	c.hold(t.ID)
	if err := c.exec(fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", c.Database.relation(t), quoteIdent(name))); err != nil {
		return err
	}
	t.Columns = slices.Delete(t.Columns, i, i+1)
	return nil
}

// RenameColumn gives a column another name.
func (c *Change) RenameColumn(t *Table, from, to string) error {
	i, ok := t.Column(from)
	if !ok {
		return notFound("Column", from)
	}
	renamed := t.KQLColumns()
	renamed[i].Name = to
	if err := c.checkColumns(renamed); err != nil {
		return err
	}
	c.hold(t.ID)
	if err := c.exec(fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", c.Database.relation(t), quoteIdent(from),
		quoteIdent(to))); err != nil {
		return err
	}
	t.Columns[i].Name = to
	return nil
}

// AlterColumnType gives a column another type and empties it, as Kusto does.
func (c *Change) AlterColumnType(t *Table, name string, to kql.Type) error {
	i, ok := t.Column(name)
	if !ok {
		return notFound("Column", name)
	}
	if t.Columns[i].Type == to {
		return nil
	}
	c.hold(t.ID)
	if err := c.exec(fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", c.Database.relation(t), quoteIdent(name))); err != nil {
		return err
	}
	if err := c.exec(fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s", c.Database.relation(t),
		physicalColumn(kql.Column{Name: name, Type: to}))); err != nil {
		return err
	}
	t.Columns[i].ID, t.Columns[i].Type = t.nextColumnID(), to
	return nil
}

// checkName refuses the names that Kusto reserves too, where the store is to be like it.
func (c *Change) checkName(kind, name string) error {
	if c.store.reserved && (strings.HasPrefix(name, "__") || strings.HasSuffix(name, "__")) {
		return invalid("The %s name '%s' is reserved: names may not begin or end with two underscores", kind, name)
	}
	return checkName(kind, name)
}

func checkName(kind, name string) error {
	if name == "" || len(name) > maxNameLength {
		return invalid("A %s name must have between 1 and %d characters", kind, maxNameLength)
	}
	for _, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && !strings.ContainsRune("_ .-", r) && r < 0x80 {
			return invalid("The %s name '%s' may not contain %q: use letters, digits, '_', ' ', '.' and '-'", kind, name, r)
		}
	}
	return nil
}

// checkColumns refuses what Kusto refuses, and names that differ only in case: DuckDB takes those for the same.
func (c *Change) checkColumns(columns []kql.Column) error {
	if len(columns) == 0 {
		return invalid("A table needs at least one column")
	}
	if len(columns) > maxColumns {
		return invalid("A table may have at most %d columns", maxColumns)
	}
	seen := make(map[string]string, len(columns))
	for _, column := range columns {
		if err := c.checkName("column", column.Name); err != nil {
			return err
		}
		lower := strings.ToLower(column.Name)
		if other, ok := seen[lower]; ok {
			if other == column.Name {
				return invalid("Column '%s' is given twice", column.Name)
			}
			return invalid("Columns '%s' and '%s' differ only in case, which localadx does not support: rename one",
				other, column.Name)
		}
		seen[lower] = column.Name
	}
	return nil
}
