package pgrepl

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// Table names a table.
type Table struct {
	Schema string
	Name   string
}

// String returns schema.table, unquoted: the form that filters match, and that of Debezium's data
// collections.
func (t Table) String() string { return t.Schema + "." + t.Name }

// Catalog holds what the server's catalog says of tables and types. At the start it reads all
// captured tables, with a few queries for each loadedAtOnce of them; it reads a table again when
// the stream describes it, which is before the table's first change and after anything that may
// have altered it. It must be used by one goroutine.
type Catalog struct {
	query func(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	ctx   context.Context
	// captured reports whether a table's details are wanted; for others only the columns' names are
	// read.
	captured func(Table) bool
	tables   map[uint32]*tableEntry
	types    map[uint32]*pgmodel.Type
}

// tableEntry is a table as the catalog has it, with the version that the stream described last.
type tableEntry struct {
	rel    pgmodel.Relation
	key    []string
	shaped *pgmodel.Relation
}

// NewCatalog makes an empty catalog that reads through query, which Query makes from a connection,
// until ctx ends.
func NewCatalog(ctx context.Context, query func(context.Context, string, ...any) (pgx.Rows, error),
	captured func(Table) bool) *Catalog {
	return &Catalog{query: query, ctx: ctx, captured: captured, tables: make(map[uint32]*tableEntry),
		types: make(map[uint32]*pgmodel.Type)}
}

// FoundTable is an existing table, with the properties that decide how it can be captured.
type FoundTable struct {
	Table
	OID             uint32
	ReplicaIdentity byte
	// Kind is pg_class.relkind: r for a table, p for the root of partitions.
	Kind byte
	// Partition is true for a partition of another table.
	Partition bool
	// RowEstimate is pg_class.reltuples; -1 if unknown.
	RowEstimate int64
	Pages       int64
	// File names the file that the rows are in, as that of Member does; 0 for the root of partitions.
	File   uint32
	HasKey bool
	// Unlogged is true if the table's changes are not in the write-ahead log, so that they never
	// stream.
	Unlogged bool
	// Readable is true if the role may read all of the table; otherwise it may still have rights to
	// some columns.
	Readable bool
	// Owner is the role that owns the table; Owned is true if the connector's role may act for it.
	Owner string
	Owned bool
	// Policies is true if row level security may hide rows from the role.
	Policies bool
}

// Find lists the tables and partition roots that match, sorted by name; system schemas and
// temporary tables are left out.
func (c *Catalog) Find(match func(Table) bool) ([]FoundTable, error) {
	rows, err := c.query(c.ctx,
		`SELECT c.oid, n.nspname::text, c.relname::text, c.relreplident::text, c.relkind::text, c.relispartition,
		c.reltuples::bigint, c.relpages::bigint, c.relfilenode, EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),
		c.relpersistence = 'u', has_table_privilege(c.oid, 'SELECT'), row_security_active(c.oid),
		pg_get_userbyid(c.relowner)::text, pg_has_role(c.relowner, 'USAGE')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname::text NOT LIKE 'pg\_toast%' AND n.nspname::text NOT LIKE 'pg\_temp%'
		ORDER BY n.nspname, c.relname`)
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	var out []FoundTable
	var t FoundTable
	var identity, kind string
	_, err = pgx.ForEachRow(rows, []any{&t.OID, &t.Schema, &t.Name, &identity, &kind, &t.Partition, &t.RowEstimate,
		&t.Pages, &t.File, &t.HasKey, &t.Unlogged, &t.Readable, &t.Policies, &t.Owner, &t.Owned}, func() error {
		if match(t.Table) {
			t.ReplicaIdentity, t.Kind = identity[0], kind[0]
			out = append(out, t)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	return out, nil
}

// Uncaptured is a relation that has or shows rows but cannot be captured.
type Uncaptured struct {
	Table
	// Sort is what kind of relation it is, such as "a view".
	Sort string
}

func (u Uncaptured) String() string { return u.Table.String() + " is " + u.Sort }

// Remedy says what to do instead of capturing it.
func (u Uncaptured) Remedy() string {
	switch u.Sort {
	case "a view", "a materialized view":
		return "Name the tables that it reads from."
	case "a foreign table":
		return "Run a connector on the server that has the rows."
	}
	return "Leave it out of the list."
}

// FindUncaptured lists the views, foreign tables, temporary tables and tables of the server that match, sorted by name.
func (c *Catalog) FindUncaptured(match func(Table) bool) ([]Uncaptured, error) {
	rows, err := c.query(c.ctx, `SELECT n.nspname::text, c.relname::text, CASE
			WHEN c.relkind = 'v' THEN 'a view' WHEN c.relkind = 'm' THEN 'a materialized view' WHEN c.relkind = 'f' THEN 'a foreign table'
			WHEN c.relpersistence = 't' THEN 'a temporary table' ELSE 'a table of the server' END
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('v', 'm', 'f') OR c.relkind IN ('r', 'p') AND (c.relpersistence = 't' OR n.nspname IN ('pg_catalog', 'information_schema'))
		ORDER BY n.nspname, c.relname`)
	if err != nil {
		return nil, fmt.Errorf("list what cannot be captured: %w", err)
	}
	var out []Uncaptured
	var u Uncaptured
	_, err = pgx.ForEachRow(rows, []any{&u.Schema, &u.Name, &u.Sort}, func() error {
		if match(u.Table) {
			out = append(out, u)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list what cannot be captured: %w", err)
	}
	return out, nil
}

// Unreadable returns the columns of a table that the role may not read, in the table's order.
func (c *Catalog) Unreadable(oid uint32) ([]string, error) {
	rows, err := c.query(c.ctx,
		`SELECT attname::text FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
		AND NOT has_column_privilege(attrelid, attnum, 'SELECT') ORDER BY attnum`, oid)
	if err != nil {
		return nil, fmt.Errorf("look at the role's rights to columns: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look at the role's rights to columns: %w", err)
	}
	return names, nil
}

// loadedAtOnce is how many tables one query reads. The size of an answer is bounded (maxAnswer),
// and each table may have 1,600 columns whose names, types, defaults and comments take some hundred
// bytes.
const loadedAtOnce = 100

// Load reads the given tables and replaces what is known of them.
func (c *Catalog) Load(oids []uint32) error {
	for some := range slices.Chunk(oids, loadedAtOnce) {
		if err := c.load(some); err != nil {
			return err
		}
	}
	return nil
}

func (c *Catalog) load(oids []uint32) error {
	loaded := make(map[uint32]*tableEntry, len(oids))
	typesOf := make(map[uint32][]uint32)
	if err := c.loadColumns(oids, loaded, typesOf); err != nil {
		return fmt.Errorf("read columns: %w", err)
	}
	var wanted []uint32
	for _, ts := range typesOf {
		wanted = append(wanted, ts...)
	}
	if err := c.loadTypes(wanted); err != nil {
		return fmt.Errorf("read types: %w", err)
	}
	for oid, e := range loaded {
		for i, t := range typesOf[oid] {
			col := &e.rel.Columns[i]
			col.Type = c.types[t]
			col.Toasted = col.Toasted && !fitsPointer(col.Type, col.TypeMod)
		}
	}
	if err := c.loadKeys(oids, loaded); err != nil {
		return fmt.Errorf("read indexes: %w", err)
	}
	for _, oid := range oids {
		delete(c.tables, oid)
	}
	for oid, e := range loaded {
		c.tables[oid] = e
	}
	return nil
}

func (c *Catalog) loadColumns(oids []uint32, into map[uint32]*tableEntry, typesOf map[uint32][]uint32) error {
	rows, err := c.query(c.ctx, `SELECT c.oid, n.nspname::text, c.relname::text, c.relreplident::text,
			CASE WHEN c.relispartition OR c.relkind = 'p' THEN coalesce((SELECT rn.nspname::text || '.' || r.relname::text FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace WHERE r.oid = pg_catalog.pg_partition_root(c.oid)::oid), '') ELSE '' END,
			coalesce(a.attname::text, ''), coalesce(a.atttypid, 0), coalesce(a.atttypmod, -1), coalesce(a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), false),
			coalesce(a.attnotnull, false) AND NOT EXISTS (SELECT FROM pg_constraint n WHERE n.conrelid = c.oid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum] AND NOT n.convalidated)
				AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_attribute m ON m.attrelid = i.inhrelid AND m.attname = a.attname WHERE i.inhparent = c.oid AND NOT m.attnotnull),
			coalesce(a.attgenerated <> '', false), coalesce(a.attidentity <> '', false),
			coalesce(pg_get_expr(d.adbin, d.adrelid), ''), coalesce(pg_catalog.col_description(c.oid, a.attnum), ''),
			coalesce(a.attnum, 0), coalesce(format_type(a.atttypid, a.atttypmod), ''), coalesce(a.attstorage IN ('x', 'e') AND (c.reltoastrelid <> '0' OR EXISTS (SELECT FROM pg_inherits i JOIN pg_class m ON m.oid = i.inhrelid WHERE i.inhparent = c.oid AND m.reltoastrelid <> '0')), false)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_type t ON t.oid = a.atttypid
		LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE c.oid = ANY($1::oid[]) ORDER BY c.oid, a.attnum`, oidArray(oids))
	if err != nil {
		return err
	}
	var (
		oid, typ                               uint32
		schema, name, identity, root, expr, c2 string
		col                                    pgmodel.Column
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &schema, &name, &identity, &root, &col.Name, &typ, &col.TypeMod,
		&col.NotNull, &col.NeverNull, &col.Generated, &col.Identity, &expr, &c2, &col.Number, &col.Declared, &col.Toasted}, func() error {
		e := into[oid]
		if e == nil {
			e = &tableEntry{rel: pgmodel.Relation{OID: oid, Schema: schema, Name: name, ReplicaIdentity: identity[0], Root: root}}
			into[oid] = e
		}
		if col.Number == 0 { // a table without columns
			return nil
		}
		col := col
		col.Default, col.Comment = expr, c2
		e.rel.Columns = append(e.rel.Columns, col)
		typesOf[oid] = append(typesOf[oid], typ)
		return nil
	})
	return err
}

// loadKeys finds the columns of the replica identity and those of the key: the primary key, else
// the unique index, without expressions, whose name sorts first, as Debezium chooses.
func (c *Catalog) loadKeys(oids []uint32, loaded map[uint32]*tableEntry) error {
	rows, err := c.query(c.ctx, `SELECT i.indrelid, i.indisprimary, i.indisreplident,
			(SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.n) FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n)
			 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.n <= i.indnkeyatts)
		FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
		WHERE i.indrelid = ANY($1::oid[]) AND i.indisunique AND i.indisvalid AND i.indexprs IS NULL
		ORDER BY i.indrelid, i.indisprimary DESC, x.relname`, oidArray(oids))
	if err != nil {
		return err
	}
	var oid uint32
	var primary, identity bool
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&oid, &primary, &identity, &columns}, func() error {
		e := loaded[oid]
		if e == nil {
			return nil
		}
		if e.key == nil {
			e.key = slices.Clone(columns)
		}
		if (primary && e.rel.ReplicaIdentity == 'd') || (identity && e.rel.ReplicaIdentity == 'i') {
			for i := range e.rel.Columns {
				e.rel.Columns[i].InIdentity = slices.Contains(columns, e.rel.Columns[i].Name)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range loaded {
		e.rel.Key = keyIndexes(&e.rel, e.key)
		if e.rel.ReplicaIdentity == 'f' {
			for i := range e.rel.Columns {
				e.rel.Columns[i].InIdentity = true
			}
		}
	}
	return nil
}

// fitsPointer reports whether every value of a type is at most as large as the pointer that
// PostgreSQL would leave in its place, so that none is stored out of line however large the row is
// (toast_tuple_find_biggest_attribute). Sizes are those within a row, with a header of one byte and
// up to four bytes for a character. A domain is judged by its base type.
func fitsPointer(t *pgmodel.Type, mod int32) bool {
	const pointer, header = 24, 1
	const counted = 4 // the header that modifiers count; the field with the number of bits
	if t == nil {
		return false
	}
	t, mod = t.Base(mod)
	switch t.OID {
	case pgtype.BPCharOID, pgtype.VarcharOID: // the modifier is the length and a header
		return mod >= counted && (mod-counted)*utf8.UTFMax+header <= pointer
	case pgtype.BitOID, pgtype.VarbitOID:
		return mod > 0 && (mod+7)/8+counted+header <= pointer
	}
	return false
}

// keyIndexes returns the indexes of the named columns; nil if one is missing.
func keyIndexes(rel *pgmodel.Relation, names []string) []int {
	var key []int
	for _, n := range names {
		i := slices.IndexFunc(rel.Columns, func(c pgmodel.Column) bool { return c.Name == n })
		if i < 0 {
			return nil
		}
		key = append(key, i)
	}
	return key
}

// loadTypes reads the given types and those that they consist of. Enums are read again each time,
// since they can grow.
func (c *Catalog) loadTypes(oids []uint32) error {
	type link struct{ of, elem uint32 }
	var links []link
	read := make(map[uint32]bool)
	for len(oids) > 0 {
		slices.Sort(oids)
		oids = slices.DeleteFunc(slices.Compact(oids), func(o uint32) bool {
			t := c.types[o]
			return read[o] || (t != nil && !growing(t))
		})
		if len(oids) == 0 {
			break
		}
		rows, err := c.query(c.ctx, `SELECT t.oid, n.nspname::text, t.typname::text,
				CASE WHEN e.typarray = t.oid THEN 'A' ELSE t.typtype::text END, t.typtypmod,
				coalesce(CASE WHEN e.typarray = t.oid THEN t.typelem WHEN t.typtype = 'd' THEN t.typbasetype WHEN t.typtype = 'r' THEN r.rngsubtype END, 0)::oid,
				coalesce((SELECT pg_catalog.array_agg(l.enumlabel::text ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid), '{}'),
				n.nspname <> ALL (current_schemas(true)), t.typdelim::text,
				coalesce((SELECT s.nspname::text FROM pg_opclass f JOIN pg_am m ON m.oid = f.opcmethod AND m.amname = 'btree'
					JOIN pg_amop g ON g.amopfamily = f.opcfamily AND g.amoplefttype = f.opcintype AND g.amoprighttype = f.opcintype AND g.amopstrategy = 5
					JOIN pg_operator o ON o.oid = g.amopopr JOIN pg_namespace s ON s.oid = o.oprnamespace
					WHERE f.opcintype = t.oid AND f.opcdefault LIMIT 1), '')
			FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
			LEFT JOIN pg_type e ON e.oid = t.typelem LEFT JOIN pg_range r ON r.rngtypid = t.oid
			WHERE t.oid = ANY($1::oid[])`, oidArray(oids))
		if err != nil {
			return err
		}
		for _, o := range oids {
			read[o] = true
		}
		oids = nil
		var t pgmodel.Type
		var kind, delimiter string
		var elem uint32
		_, err = pgx.ForEachRow(rows, []any{&t.OID, &t.Schema, &t.Name, &kind, &t.TypeMod, &elem, &t.Labels, &t.OffPath,
			&delimiter, &t.Operators}, func() error {
			n := t
			n.Kind, n.Labels, n.Delimiter = pgmodel.TypeKind(kind[0]), slices.Clone(t.Labels), delimiter[0]
			if n.Kind == 'p' { // no column has a pseudo-type
				n.Kind = pgmodel.BaseType
			}
			c.types[n.OID] = &n
			if elem != 0 {
				links = append(links, link{n.OID, elem})
				oids = append(oids, elem)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, l := range links {
		c.types[l.of].Elem = c.types[l.elem]
	}
	return nil
}

// growing reports whether a type can change without a message in the stream.
func growing(t *pgmodel.Type) bool {
	for ; t != nil; t = t.Elem {
		if t.Kind == pgmodel.EnumType {
			return true
		}
	}
	return false
}

// Relation returns a loaded table with all its columns, as a snapshot reads it; nil if the table is
// not loaded.
func (c *Catalog) Relation(oid uint32) *pgmodel.Relation {
	if e := c.tables[oid]; e != nil {
		return &e.rel
	}
	return nil
}

// Resolve implements Relations. Columns, their types and their order come from the stream,
// everything else from the catalog as it is now. Where the two disagree, because the table was
// altered after the change at hand, the stream wins.
func (c *Catalog) Resolve(s RelationShape) (*pgmodel.Relation, error) {
	if !c.captured(Table{s.Schema, s.Name}) {
		rel := &pgmodel.Relation{OID: s.OID, Schema: s.Schema, Name: s.Name, ReplicaIdentity: s.ReplicaIdentity,
			Columns: make([]pgmodel.Column, len(s.Columns))}
		for i, col := range s.Columns {
			rel.Columns[i] = pgmodel.Column{Name: col.Name, TypeMod: col.TypeMod, InIdentity: col.InIdentity}
		}
		return rel, nil
	}
	// What the shape does not show may have changed since the table was read: indexes, defaults, NOT NULL.
	old := c.tables[s.OID]
	if err := c.Load([]uint32{s.OID}); err != nil {
		return nil, err
	}
	e := c.tables[s.OID]
	switch {
	case e != nil && old != nil:
		e.shaped = old.shaped
	case e == nil: // dropped since
		if e = old; e == nil {
			e = &tableEntry{rel: pgmodel.Relation{OID: s.OID}}
		}
		c.tables[s.OID] = e
	}
	rel, err := c.shape(e, s)
	if err != nil {
		return nil, err
	}
	if e.shaped != nil && reflect.DeepEqual(e.shaped, rel) {
		return e.shaped, nil
	}
	e.shaped = rel
	return rel, nil
}

func (e *tableEntry) column(name string) *pgmodel.Column {
	for i := range e.rel.Columns {
		if e.rel.Columns[i].Name == name {
			return &e.rel.Columns[i]
		}
	}
	return nil
}

func (c *Catalog) shape(e *tableEntry, s RelationShape) (*pgmodel.Relation, error) {
	var unknown []uint32
	for _, col := range s.Columns {
		if c.types[col.TypeOID] == nil {
			unknown = append(unknown, col.TypeOID)
		}
	}
	if err := c.loadTypes(unknown); err != nil {
		return nil, err
	}
	declared, err := c.declared(e, s)
	if err != nil {
		return nil, err
	}
	rel := &pgmodel.Relation{OID: s.OID, Schema: s.Schema, Name: s.Name, ReplicaIdentity: s.ReplicaIdentity,
		Root: e.rel.Root, Streamed: true, Columns: make([]pgmodel.Column, len(s.Columns))}
	var identity []int
	for i, col := range s.Columns {
		n := pgmodel.Column{Name: col.Name, Type: c.types[col.TypeOID], TypeMod: col.TypeMod, InIdentity: col.InIdentity,
			Declared: declared[i]}
		if n.Type == nil { // dropped since: its text output is all there is
			n.Type = &pgmodel.Type{OID: col.TypeOID, Name: fmt.Sprintf("dropped type %d", col.TypeOID),
				Kind: pgmodel.BaseType, TypeMod: -1}
		}
		if k := e.column(col.Name); k != nil {
			n.NotNull, n.NeverNull, n.Default, n.Generated = k.NotNull, k.NeverNull, k.Default, k.Generated
			n.Identity, n.Comment, n.Number, n.Toasted = k.Identity, k.Comment, k.Number, k.Toasted
		}
		if col.NotNull != nil {
			n.NotNull = *col.NotNull
		}
		if col.InIdentity {
			identity = append(identity, i)
		}
		rel.Columns[i] = n
	}
	rel.Key = keyIndexes(rel, e.key)
	if rel.Key == nil && s.ReplicaIdentity != 'f' && len(identity) > 0 {
		rel.Key = identity // the key was renamed or dropped since; the identity is what it was
	}
	return rel, nil
}

// declared returns the types of a shape's columns as SQL writes them. It asks the server only for
// types that the table no longer has.
func (c *Catalog) declared(e *tableEntry, s RelationShape) ([]string, error) {
	out := make([]string, len(s.Columns))
	var types, mods []string
	var asked []int
	for i, col := range s.Columns {
		if k := e.column(col.Name); k != nil && k.Type != nil && k.Type.OID == col.TypeOID && k.TypeMod == col.TypeMod {
			out[i] = k.Declared
			continue
		}
		types, mods, asked = append(types, strconv.FormatUint(uint64(col.TypeOID), 10)),
			append(mods, strconv.Itoa(int(col.TypeMod))), append(asked, i)
	}
	if len(asked) == 0 {
		return out, nil
	}
	rows, err := c.query(c.ctx,
		`SELECT format_type(t, m) FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY u(t, m, n) ORDER BY n`,
		"{"+strings.Join(types, ",")+"}", "{"+strings.Join(mods, ",")+"}")
	if err != nil {
		return nil, fmt.Errorf("ask for the names of types: %w", err)
	}
	var name string
	_, err = pgx.ForEachRow(rows, []any{&name}, func() error {
		if len(asked) > 0 {
			out[asked[0]], asked = name, asked[1:]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the names of types: %w", err)
	}
	return out, nil
}

// Known implements Relations.
func (c *Catalog) Known(schema, name string) *pgmodel.Relation {
	for _, e := range c.tables {
		if e.rel.Schema == schema && e.rel.Name == name {
			return &e.rel
		}
	}
	return nil
}

// Named implements Relations.
func (c *Catalog) Named(schema, name string) (*pgmodel.Relation, error) {
	found, err := c.Find(func(t Table) bool { return t.Schema == schema && t.Name == name })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if err := c.Load([]uint32{found[0].OID}); err != nil {
		return nil, err
	}
	return c.Relation(found[0].OID), nil
}

// oidArray writes an array literal, the form that works with the simple protocol and on old servers
// too.
func oidArray(oids []uint32) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, o := range oids {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, o)
	}
	b.WriteByte('}')
	return b.String()
}
