package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

func databaseCommands() []definition {
	return []definition{
		{".create database <database> [ persist <paths:params> ] [ volatile ] [ ifnotexists ]", "make a database",
			createDatabase},
		{".drop database <database> [ ifexists ]", "remove a database with all it holds", dropDatabase},
		{".show databases", "list the databases", showDatabases},
		{".show databases details", "list the databases with their sizes", showDatabasesDetails},
		{".show databases entities [ with <options:props> ]", "list the tables, views and functions of all databases",
			showDatabasesEntities},
		{".show databases schema [ as json ]", "the schema of all databases as JSON", showSchemaAsJSON},
		{".show database [ <database> ]", "show the current database", showDatabase},
		{".show database [ <database> ] details", "show a database with its size", showDatabaseDetails},
		{".show database [ <database> ] schema", "list a database's tables and columns", showDatabaseSchema},
		{".show database [ <database> ] schema as json", "a database's schema as JSON", showDatabaseSchemaAsJSON},
		{".show database [ <database> ] schema as csl [ script ]", "the commands that make a database's schema",
			showDatabaseScript},
		{".show database [ <database> ] cslschema [ script ]", "the commands that make a database's schema",
			showDatabaseScript},
		{".show database [ <database> ] principals", "who may use a database; localadx has no users of its own",
			showDatabasePrincipals},
		{".show schema as json", "the schema of all databases as JSON", showSchemaAsJSON},
		{".show schema", "list the tables and columns of all databases", showSchema},
		{".alter database <database> prettyname <name:string>", "set a database's display name", alterPrettyName},
	}
}

func createDatabase(c *call) (*Result, error) {
	name := c.Text("database")
	var exists *store.ExistsError
	err := c.env.Store.CreateDatabase(c.ctx, name)
	if err != nil && !(errors.As(err, &exists) && strings.Contains(strings.ToLower(c.Statement), "ifnotexists")) {
		return nil, err
	}
	r := newResult("DatabaseName:string", "PersistentPath:string", "Created:string", "StoresMetadata:bool",
		"StoresData:bool")
	r.add(name, "", "True", true, true)
	return r, nil
}

func dropDatabase(c *call) (*Result, error) {
	d, err := c.env.Store.Catalog().Database(c.Text("database"))
	if err != nil {
		if strings.HasSuffix(strings.ToLower(strings.TrimSpace(c.Statement)), "ifexists") {
			return newResult("Table:string", "NumberOfRemovedExtents:string"), nil
		}
		return nil, err
	}
	r := newResult("Table:string", "NumberOfRemovedExtents:string")
	statistics, err := c.env.Store.Statistics(c.ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range d.SortedTables() {
		r.add(t.Name, fmt.Sprint(statistics[t.ID].Extents))
	}
	return r, c.env.Store.DropDatabase(c.ctx, c.Text("database"))
}

func showDatabases(c *call) (*Result, error) {
	return listDatabases(c, c.env.Store.Catalog().Databases()), nil
}

func showDatabase(c *call) (*Result, error) {
	d, err := c.database("database")
	if err != nil {
		return nil, err
	}
	return listDatabases(c, []*store.Database{d}), nil
}

func listDatabases(c *call, databases []*store.Database) *Result {
	r := newResult("DatabaseName:string", "PersistentStorage:string", "Version:string", "IsCurrent:bool",
		"DatabaseAccessMode:string",
		"PrettyName:string", "ReservedSlot1:bool", "DatabaseId:guid", "InTransitionTo:string", "SuspensionState:string")
	for _, d := range databases {
		r.add(d.Name, "", d.VersionText(), strings.EqualFold(d.Name, c.Database), "ReadWrite", d.PrettyName, nil,
			databaseID(d), "", "")
	}
	return r
}

// databaseID is stable over the database's life.
func databaseID(d *store.Database) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "localadx/database/%d", d.ID)).String()
}

var databaseDetailColumns = []string{"DatabaseName:string", "PersistentStorage:string", "Version:string",
	"IsCurrent:bool", "DatabaseAccessMode:string",
	"PrettyName:string", "ReservedSlot1:bool", "DatabaseId:guid", "InTransitionTo:string", "TotalSize:real",
	"NumberOfTables:long", "RowCount:long"}

func showDatabasesDetails(c *call) (*Result, error) {
	return databaseDetails(c, c.env.Store.Catalog().Databases())
}

func showDatabaseDetails(c *call) (*Result, error) {
	d, err := c.database("database")
	if err != nil {
		return nil, err
	}
	return databaseDetails(c, []*store.Database{d})
}

func databaseDetails(c *call, databases []*store.Database) (*Result, error) {
	statistics, err := c.env.Store.Statistics(c.ctx)
	if err != nil {
		return nil, err
	}
	r := newResult(databaseDetailColumns...)
	for _, d := range databases {
		var rows, size int64
		for _, t := range d.Tables {
			rows += statistics[t.ID].Rows
			size += statistics[t.ID].OriginalSize
		}
		r.add(d.Name, "", d.VersionText(), strings.EqualFold(d.Name, c.Database), "ReadWrite", d.PrettyName, nil,
			databaseID(d), "",
			float64(size), int64(len(d.Tables)), rows)
	}
	return r, nil
}

func showDatabasesEntities(c *call) (*Result, error) {
	r := newResult("DatabaseName:string", "EntityType:string", "EntityName:string", "DocString:string", "Folder:string",
		"CslInputSchema:string",
		"Content:string", "CslOutputSchema:string", "Properties:dynamic")
	for _, d := range c.env.Store.Catalog().Databases() {
		for _, t := range d.SortedTables() {
			r.add(d.Name, "Table", t.Name, t.DocString, t.Folder, t.Schema(), "", t.Schema(), "{}")
		}
		for _, v := range d.SortedViews() {
			r.add(d.Name, "MaterializedView", v.Name, v.DocString, v.Folder, "", v.Query, cslSchema(v.Columns), "{}")
		}
		for _, f := range d.SortedFunctions() {
			r.add(d.Name, "Function", f.Name, f.DocString, f.Folder, f.Params, f.Body, "", "{}")
		}
	}
	return r, nil
}

func cslSchema(columns []kql.Column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = store.QuoteName(c.Name) + ":" + c.Type.String()
	}
	return strings.Join(parts, ",")
}

func schemaResult() *Result {
	return newResult("DatabaseName:string", "TableName:string", "ColumnName:string", "ColumnType:string",
		"IsDefaultTable:bool", "IsDefaultColumn:bool",
		"PrettyName:string", "Version:string", "Folder:string", "DocString:string")
}

func (r *Result) addSchema(d *store.Database) {
	r.add(d.Name, "", "", "", false, false, d.PrettyName, d.VersionText(), "", "")
	for _, t := range d.SortedTables() {
		r.add(d.Name, t.Name, "", "", false, false, "", "", t.Folder, t.DocString)
		for _, column := range t.Columns {
			r.add(d.Name, t.Name, column.Name, dotNetName(column.Type), false, false, "", "", "", column.DocString)
		}
	}
}

func showDatabaseSchema(c *call) (*Result, error) {
	d, err := c.database("database")
	if err != nil {
		return nil, err
	}
	r := schemaResult()
	r.addSchema(d)
	return r, nil
}

func showSchema(c *call) (*Result, error) {
	r := schemaResult()
	for _, d := range c.env.Store.Catalog().Databases() {
		r.addSchema(d)
	}
	return r, nil
}

// dotNetName is the type's name in schemas: bool is System.SByte in results and System.Boolean in schemas.
func dotNetName(t kql.Type) string {
	if t == value.Bool {
		return "System.Boolean"
	}
	return t.DotNet()
}

// Schemas as JSON, in the form that Kusto's editors read.
type (
	clusterJSON struct {
		Plugins   []string
		Databases map[string]databaseJSON
	}
	databaseJSON struct {
		Name              string
		Tables            map[string]tableJSON
		ExternalTables    map[string]tableJSON
		MaterializedViews map[string]tableJSON
		EntityGroups      map[string]string
		Graphs            map[string]string
		MajorVersion      int64
		MinorVersion      int64
		Functions         map[string]functionJSON
		DatabaseAccessMode,
		StoredQueryResultsVersion string
	}
	tableJSON struct {
		Name           string
		Folder         string `json:",omitempty"`
		DocString      string `json:",omitempty"`
		OrderedColumns []columnJSON
	}
	columnJSON struct {
		Name      string
		Type      string // .NET
		CslType   string
		DocString string `json:",omitempty"`
	}
	functionJSON struct {
		Name            string
		InputParameters []columnJSON
		Body            string
		Folder          string
		DocString       string
		FunctionKind    string
		OutputColumns   []columnJSON
	}
)

func newDatabaseJSON(d *store.Database) databaseJSON {
	j := databaseJSON{
		Name: d.Name, Tables: map[string]tableJSON{}, ExternalTables: map[string]tableJSON{},
		MaterializedViews: map[string]tableJSON{},
		EntityGroups:      map[string]string{}, Graphs: map[string]string{}, MajorVersion: d.Version,
		Functions:          map[string]functionJSON{},
		DatabaseAccessMode: "ReadWrite",
	}
	for _, t := range d.Tables {
		table := tableJSON{Name: t.Name, Folder: t.Folder, DocString: t.DocString, OrderedColumns: []columnJSON{}}
		for _, c := range t.Columns {
			table.OrderedColumns = append(table.OrderedColumns,
				columnJSON{c.Name, dotNetName(c.Type), c.Type.String(), c.DocString})
		}
		j.Tables[t.Name] = table
	}
	for _, v := range d.Views {
		j.MaterializedViews[v.Name] = tableJSON{Name: v.Name, Folder: v.Folder, DocString: v.DocString,
			OrderedColumns: columnsJSON(v.Columns)}
	}
	for _, f := range d.Functions {
		j.Functions[f.Name] = functionJSON{Name: f.Name, InputParameters: parametersJSON(f.Params), Body: f.Body,
			Folder:    f.Folder,
			DocString: f.DocString, FunctionKind: "Unknown", OutputColumns: []columnJSON{}}
	}
	return j
}

func columnsJSON(columns []kql.Column) []columnJSON {
	list := make([]columnJSON, len(columns))
	for i, c := range columns {
		list[i] = columnJSON{Name: c.Name, Type: dotNetName(c.Type), CslType: c.Type.String()}
	}
	return list
}

// parametersJSON lists a function's scalar parameters; others are left to the function's text.
func parametersJSON(params string) []columnJSON {
	m := match{text: params, args: newArgs()}
	if _, ok := m.schema(part{word: "params"}, next(params, 0), 0); !ok {
		return []columnJSON{}
	}
	return columnsJSON(m.args.columns["params"])
}

func showDatabaseSchemaAsJSON(c *call) (*Result, error) {
	d, err := c.database("database")
	if err != nil {
		return nil, err
	}
	return schemaText("DatabaseSchema:string", d)
}

func showSchemaAsJSON(c *call) (*Result, error) {
	return schemaText("ClusterSchema:string", c.env.Store.Catalog().Databases()...)
}

func schemaText(column string, databases ...*store.Database) (*Result, error) {
	cluster := clusterJSON{Plugins: []string{}, Databases: map[string]databaseJSON{}}
	for _, d := range databases {
		cluster.Databases[d.Name] = newDatabaseJSON(d)
	}
	text, err := json.Marshal(cluster)
	if err != nil {
		return nil, fmt.Errorf("write the schema as JSON: %w", err)
	}
	r := newResult(column)
	r.add(string(text))
	return r, nil
}

// showDatabaseScript gives the commands by which the database could be made again.
func showDatabaseScript(c *call) (*Result, error) {
	d, err := c.database("database")
	if err != nil {
		return nil, err
	}
	r := newResult("DatabaseSchemaScript:string")
	for _, t := range d.SortedTables() {
		r.add(fmt.Sprintf(".create-merge table %s (%s)%s", store.QuoteName(t.Name), t.Schema(),
			withProperties(t.Folder, t.DocString)))
		for _, m := range sortedMappings(t.Mappings) {
			r.add(fmt.Sprintf(".create-or-alter table %s ingestion %s mapping %s %s", store.QuoteName(t.Name), m.key.Kind,
				stringLiteral(m.key.Name), stringLiteral(m.Text)))
		}
		for _, p := range sortedPolicies(t.Policies) {
			r.add(fmt.Sprintf(".alter table %s policy %s %s", store.QuoteName(t.Name), p, stringLiteral(string(t.Policies[p]))))
		}
	}
	for _, f := range d.SortedFunctions() {
		r.add(fmt.Sprintf(".create-or-alter function%s %s%s %s", withProperties(f.Folder, f.DocString),
			store.QuoteName(f.Name), f.Params, f.Body))
	}
	for _, v := range d.SortedViews() {
		r.add(fmt.Sprintf(".create-or-alter materialized-view%s %s on table %s { %s }", withProperties(v.Folder, v.DocString),
			store.QuoteName(v.Name), store.QuoteName(v.Source), v.Query))
	}
	return r, nil
}

func withProperties(folder, docString string) string {
	if folder == "" && docString == "" {
		return ""
	}
	return fmt.Sprintf(" with (folder=%s, docstring=%s)", stringLiteral(folder), stringLiteral(docString))
}

func principalsResult() *Result {
	return newResult("Role:string", "PrincipalType:string", "PrincipalDisplayName:string", "PrincipalObjectId:string",
		"PrincipalFQN:string",
		"Notes:string", "RoleAssignmentIdentifier:string")
}

func showDatabasePrincipals(c *call) (*Result, error) {
	d, err := c.database("database")
	if err != nil {
		return nil, err
	}
	r := principalsResult()
	r.add(fmt.Sprintf("Database %s Admin", d.Name), "Anyone", "everyone who can reach localadx", "", "*", "", "")
	return r, nil
}

func alterPrettyName(c *call) (*Result, error) {
	err := c.env.Store.ChangeDatabase(c.ctx, c.Text("database"), func(change *store.Change) error {
		change.Database.PrettyName = c.Text("name")
		return nil
	})
	if err != nil {
		return nil, err
	}
	r := newResult("DatabaseName:string", "PrettyName:string")
	r.add(c.Text("database"), c.Text("name"))
	return r, nil
}
