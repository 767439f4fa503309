package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
)

// Hidden columns of every stored table.
const (
	extentColumn   = "$extent"
	ingestedColumn = "$ingested"
)

// Catalog is the schema of all databases at one moment. It is immutable, also its parts.
type Catalog struct {
	databases map[string]*Database // by lower-case name: database names are not case-sensitive
}

// Database is one database's schema. Tables, functions and views share one name space.
type Database struct {
	ID         int64
	Name       string
	PrettyName string
	Created    time.Time
	// Version counts the changes of the schema, as the major part of Kusto's "v12.3".
	Version   int64
	Tables    map[string]*Table
	Functions map[string]*Function
	Views     map[string]*View
	// Mappings are the database's own, for all its tables.
	Mappings map[MappingKey]Mapping
	Policies map[PolicyName]json.RawMessage
}

// Table is a stored table's schema.
type Table struct {
	ID        int64
	Name      string
	Folder    string
	DocString string
	// Physical is the name of the DuckDB table within the database's schema. It stays when the table is renamed.
	Physical string
	// Columns are in the order users see. Their IDs ascend in the order of the DuckDB table's columns.
	Columns  []Column
	Mappings map[MappingKey]Mapping
	Policies map[PolicyName]json.RawMessage
}

// Column is a stored table's column.
type Column struct {
	ID        int64
	Name      string
	Type      kql.Type
	DocString string
	Policies  map[PolicyName]json.RawMessage
}

// MappingKey names an ingestion mapping: names are per kind.
type MappingKey struct {
	Kind string // json, csv, avro, parquet, orc, w3clogfile
	Name string
}

// MarshalText writes the key as it stands in stored schemas.
func (k MappingKey) MarshalText() ([]byte, error) { return []byte(k.Kind + ":" + k.Name), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *MappingKey) UnmarshalText(text []byte) error {
	kind, name, ok := strings.Cut(string(text), ":")
	if !ok {
		return fmt.Errorf("mapping key %q has no kind", text)
	}
	k.Kind, k.Name = kind, name
	return nil
}

// Mapping is an ingestion mapping: the JSON text a user gave.
type Mapping struct {
	Text    string
	Updated time.Time
}

// Function is a stored function; Params and Body are as kql.Function has them.
type Function struct {
	Name, Params, Body, Folder, DocString string
}

// View is a materialized view over one table.
type View struct {
	ID        int64
	Name      string
	Source    string // the source table's name
	Query     string
	Folder    string
	DocString string
	Columns   []kql.Column
	Enabled   bool
	// Lookback, EffectiveDateTime and AutoUpdateSchema are kept and shown; results do not depend on them.
	Lookback          string
	LookbackColumn    string
	EffectiveDateTime time.Time
	AutoUpdateSchema  bool
	// From is the time of ingestion, in ticks, after which rows of the source are in the view; 0 is all rows.
	From     int64 `json:",omitempty"`
	Policies map[PolicyName]json.RawMessage
}

// PolicyName is a policy's name in lower case, such as "ingestionbatching".
type PolicyName string

// Databases lists the databases in name order.
func (c *Catalog) Databases() []*Database {
	return slices.SortedFunc(maps.Values(c.databases), func(a, b *Database) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
}

// defaultDatabase is the name by which clients ask for whichever database is the default.
const defaultDatabase = "netdefaultdb"

// Database finds a database by its name, in any case. No name, and Kusto's name for the default, stand for the first
// database unless there is one of that name.
func (c *Catalog) Database(name string) (*Database, error) {
	lower := strings.ToLower(name)
	if d, ok := c.databases[lower]; ok {
		return d, nil
	}
	if all := c.Databases(); len(all) > 0 && (lower == "" || lower == defaultDatabase) {
		return all[0], nil
	}
	return nil, notFound("Database", name)
}

// Table finds a table by its exact name.
func (d *Database) Table(name string) (*Table, error) {
	if t, ok := d.Tables[name]; ok {
		return t, nil
	}
	return nil, notFound("Table", name)
}

// SortedTables lists the tables in name order.
func (d *Database) SortedTables() []*Table { return sortedByName(d.Tables) }

// SortedFunctions lists the functions in name order.
func (d *Database) SortedFunctions() []*Function { return sortedByName(d.Functions) }

// SortedViews lists the materialized views in name order.
func (d *Database) SortedViews() []*View { return sortedByName(d.Views) }

func sortedByName[V any](entities map[string]V) []V {
	sorted := make([]V, 0, len(entities))
	for _, name := range slices.Sorted(maps.Keys(entities)) {
		sorted = append(sorted, entities[name])
	}
	return sorted
}

// Column finds a column by its exact name.
func (t *Table) Column(name string) (int, bool) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	return i, i >= 0
}

// KQLColumns returns the columns as queries see them.
func (t *Table) KQLColumns() []kql.Column {
	columns := make([]kql.Column, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = kql.Column{Name: c.Name, Type: c.Type}
	}
	return columns
}

// Schema returns the columns in the form of `.show table T cslschema`: "a:string,b:long".
func (t *Table) Schema() string {
	var b strings.Builder
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(QuoteName(c.Name))
		b.WriteByte(':')
		b.WriteString(c.Type.String())
	}
	return b.String()
}

// Policy returns the policy that holds for the table: its own, else the database's, else false.
func (d *Database) Policy(t *Table, name PolicyName) (json.RawMessage, bool) {
	if p, ok := t.Policies[name]; ok {
		return p, true
	}
	p, ok := d.Policies[name]
	return p, ok
}

// Mapping finds an ingestion mapping for the table: its own, else the database's.
func (d *Database) Mapping(t *Table, key MappingKey) (Mapping, bool) {
	if m, ok := t.Mappings[key]; ok {
		return m, true
	}
	m, ok := d.Mappings[key]
	return m, ok
}

// relation returns the SQL name of the table within DuckDB.
func (d *Database) relation(t *Table) string {
	return quoteIdent(d.schemaName()) + "." + quoteIdent(t.Physical)
}

func (d *Database) schemaName() string { return fmt.Sprintf("db%d", d.ID) }

// clone copies the database deeply, for a change. The schema is plain data, and stored as JSON anyway.
func (d *Database) clone() (*Database, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("copy the schema of %s: %w", d.Name, err)
	}
	return decodeDatabase(body)
}

func decodeDatabase(body []byte) (*Database, error) {
	d := newDatabase()
	if err := json.Unmarshal(body, d); err != nil {
		return nil, fmt.Errorf("read a database's schema: %w", err)
	}
	return d, nil
}

func newDatabase() *Database {
	return &Database{
		Tables:    map[string]*Table{},
		Functions: map[string]*Function{},
		Views:     map[string]*View{},
		Mappings:  map[MappingKey]Mapping{},
		Policies:  map[PolicyName]json.RawMessage{},
	}
}

// QuoteName returns the name as KQL text: ['a b'] when it is not a plain identifier.
func QuoteName(name string) string {
	plain := name != ""
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			plain = false
		}
	}
	if plain {
		return name
	}
	return "['" + strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), "'", `\'`) + "']"
}

func quoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// VersionText is the database's version as Kusto writes it.
func (d *Database) VersionText() string { return fmt.Sprintf("v%d.0", d.Version) }
