package command

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

func tableCommands() []definition {
	return []definition{
		{".create table <table> <columns:schema> [ with <options:props> ]",
			"make a table; one that is there already with the same columns is left as it is", createTable},
		{".create-merge table <table> <columns:schema> [ with <options:props> ]", "make a table, or add the columns it lacks",
			createMergeTable},
		{".create table <table> based-on <source> [ with <options:props> ]", "make a table with the columns of another",
			createTableBasedOn},
		{".create tables <tables:rest>", "make several tables: T1 (a:string), T2 (b:long)", createTables},
		{".create-merge tables <tables:rest>", "make several tables, or add the columns they lack", createMergeTables},
		{".alter table <table> <columns:schema> [ with <options:props> ]",
			"make the table's columns these: others are dropped with their values", alterTable},
		{".alter-merge table <table> <columns:schema> [ with <options:props> ]", "add the columns that the table lacks",
			alterMergeTable},
		{".alter table <table> docstring <text:string>", "describe a table", alterTableDocString},
		{".alter table <table> folder <text:string>", "put a table into a folder", alterTableFolder},
		{".drop table <table> [ ifexists ]", "remove a table with its rows", dropTable},
		{".drop tables <tables:list> [ ifexists ]", "remove several tables with their rows", dropTables},
		{".rename table <table> to <name>", "give a table another name", renameTable},
		{".rename tables <renames:rest>", "give several tables other names in one step, also swapping them: A = B, B = A",
			renameTables},
		{".alter column <column:column> type = <type>", "give a column another type and empty it", alterColumnType},
		{".alter table <table> column-docstrings <docstrings:params>", "describe columns: (a:'text')", alterColumnDocStrings},
		{".alter-merge table <table> column-docstrings <docstrings:params>", "describe some columns: (a:'text')",
			alterColumnDocStrings},
		{".rename column <column:column> to <name>", "give a column another name", renameColumn},
		{".drop column <column:column>", "remove a column with its values", dropColumn},
		{".drop table <table> columns <columns:list>", "remove columns with their values", dropColumns},
		{".clear table <table> data", "remove a table's rows", clearTable},
		{".clear table <table> cache streamingingestion schema", "make streaming ingestion see a changed schema at once",
			clearSchemaCache},
		{".clear database cache streamingingestion schema", "make streaming ingestion see a changed schema at once",
			clearSchemaCache},
		{".delete table <table> records [ with <options:props> ] <| <query:rest>",
			"remove the rows that the query returns (soft delete)", deleteRecords},
		{".delete async table <table> records [ with <options:props> ] <| <query:rest>",
			"remove the rows that the query returns (soft delete)", deleteRecords},
		{".update table <table> delete <old> append <new> [ with <options:props> ] <| <query:rest>",
			"replace the rows of one let statement of the query by those of another, in one step", updateTable},
		{".update table <table> on <column> [ with <options:props> ] <| <query:rest>",
			"replace the rows that have the column's value in common with the query's rows by these, in one step", updateTable},
		{".purge table <table> records in database <database> [ with <options:props> ] <| <query:rest>",
			"remove the rows that the predicate selects", purge},
		{".purge table <table> records [ with <options:props> ] <| <query:rest>",
			"remove the rows that the predicate selects", purge},
		{".show tables", "list the tables", showTables},
		{".show tables <tables:list>", "list some tables", showTables},
		{".show tables details", "list the tables with sizes and policies", showTablesDetails},
		{".show tables <tables:list> details", "list some tables with sizes and policies", showTablesDetails},
		{".show table <table> details", "show a table with sizes and policies", showTableDetails},
		{".show table <table>", "list a table's columns", showTable},
		{".show table <table> cslschema", "show a table's columns in the form of .create table", showTableSchema},
		{".show table <table> schema as csl", "show a table's columns in the form of .create table", showTableSchema},
		{".show table <table> schema as json", "show a table's schema as JSON", showTableSchemaAsJSON},
		{".show table <table> principals", "who may use a table; localadx has no users of its own", showTablePrincipals},
		{".show table <table> data statistics", "sizes of a table's columns", showTable},
	}
}

func tableSchemaResult() *Result {
	return newResult("TableName:string", "Schema:string", "DatabaseName:string", "Folder:string", "DocString:string")
}

// jsonColumns is a table's schema as `.create table` answers it.
func tableSchemaJSON(t *store.Table) (string, error) {
	table := tableJSON{Name: t.Name, OrderedColumns: []columnJSON{}}
	for _, c := range t.Columns {
		table.OrderedColumns = append(table.OrderedColumns,
			columnJSON{c.Name, dotNetName(c.Type), c.Type.String(), c.DocString})
	}
	text, err := json.Marshal(table)
	if err != nil {
		return "", fmt.Errorf("write the schema of %s as JSON: %w", t.Name, err)
	}
	return string(text), nil
}

// changeTables runs a change of the current database and answers with the schema of the tables that it returns.
func changeTables(c *call, change func(*store.Change) ([]*store.Table, error)) (*Result, error) {
	r := tableSchemaResult()
	err := c.env.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		tables, err := change(d)
		if err != nil {
			return err
		}
		for _, t := range tables {
			schema, err := tableSchemaJSON(t)
			if err != nil {
				return err
			}
			r.add(t.Name, schema, d.Database.Name, t.Folder, t.DocString)
		}
		return nil
	})
	return r, err
}

// changeTable is changeTables for the table that the argument "table" names.
func changeTable(c *call, change func(*store.Change, *store.Table) error) (*Result, error) {
	return changeTables(c, func(d *store.Change) ([]*store.Table, error) {
		t, err := d.Database.Table(c.Text("table"))
		if err != nil {
			return nil, err
		}
		if options, ok := c.Args.options["options"]; ok {
			t.Folder, t.DocString = given(options, "folder", t.Folder), given(options, "docstring", t.DocString)
		}
		return []*store.Table{t}, change(d, t)
	})
}

func given(options map[string]string, key, otherwise string) string {
	if v, ok := options[key]; ok {
		return v
	}
	return otherwise
}

func createTable(c *call) (*Result, error) {
	return changeTables(c, func(d *store.Change) ([]*store.Table, error) {
		t, err := createOrCheck(d, c.Text("table"), c.columns["columns"])
		return tableWithOptions(t, err, c.Args.options["options"])
	})
}

func tableWithOptions(t *store.Table, err error, options map[string]string) ([]*store.Table, error) {
	if err != nil {
		return nil, err
	}
	t.Folder, t.DocString = given(options, "folder", t.Folder), given(options, "docstring", t.DocString)
	return []*store.Table{t}, nil
}

// createOrCheck makes a table. As in Kusto, one that is there already with the same columns is no error.
func createOrCheck(d *store.Change, name string, columns []kql.Column) (*store.Table, error) {
	t, ok := d.Database.Tables[name]
	if !ok {
		return d.CreateTable(name, columns)
	}
	existing := t.KQLColumns()
	if len(existing) != len(columns) {
		return nil, &store.ExistsError{Kind: "Table", Name: name}
	}
	for i := range columns {
		if existing[i] != columns[i] {
			return nil, &store.ExistsError{Kind: "Table", Name: name}
		}
	}
	return t, nil
}

func createOrMerge(d *store.Change, name string, columns []kql.Column) (*store.Table, error) {
	t, ok := d.Database.Tables[name]
	if !ok {
		return d.CreateTable(name, columns)
	}
	return t, d.MergeColumns(t, columns)
}

func createMergeTable(c *call) (*Result, error) {
	return changeTables(c, func(d *store.Change) ([]*store.Table, error) {
		t, err := createOrMerge(d, c.Text("table"), c.columns["columns"])
		return tableWithOptions(t, err, c.Args.options["options"])
	})
}

func createTableBasedOn(c *call) (*Result, error) {
	return changeTables(c, func(d *store.Change) ([]*store.Table, error) {
		from, err := d.Database.Table(c.Text("source"))
		if err != nil {
			return nil, err
		}
		t, err := createOrCheck(d, c.Text("table"), from.KQLColumns())
		return tableWithOptions(t, err, c.Args.options["options"])
	})
}

func createTables(c *call) (*Result, error) { return severalTables(c, createOrCheck) }

func createMergeTables(c *call) (*Result, error) {
	return severalTables(c, createOrMerge)
}

// severalTables reads "T1 (a:string), T2 (b:long) with (…)".
func severalTables(c *call, make func(*store.Change, string, []kql.Column) (*store.Table, error)) (*Result, error) {
	one, with := compilePattern("<table> <columns:schema>"), compilePattern("with <options:props>")
	return changeTables(c, func(d *store.Change) ([]*store.Table, error) {
		var tables []*store.Table
		options := map[string]string{}
		text := c.Text("tables")
		for offset := 0; ; {
			m := match{text: text, args: newArgs(), reached: -1}
			end, ok := m.sequence(one, offset)
			if !ok {
				return nil, syntaxError(text, m.reached, m.expected)
			}
			t, err := make(d, m.args.Text("table"), m.args.columns["columns"])
			if err != nil {
				return nil, err
			}
			tables = append(tables, t)
			separator := next(text, end)
			if separator.text == "," {
				offset = separator.end
				continue
			}
			if separator.kind != endToken {
				if after, ok := m.sequence(with, end); !ok || next(text, after).kind != endToken {
					return nil, syntaxError(text, separator.start, []string{",", "with (…)", "the end of the command"})
				}
				options = m.args.options["options"]
			}
			break
		}
		for _, t := range tables {
			t.Folder, t.DocString = given(options, "folder", t.Folder), given(options, "docstring", t.DocString)
		}
		return tables, nil
	})
}

func alterTable(c *call) (*Result, error) {
	return changeTable(c, func(d *store.Change, t *store.Table) error { return d.SetColumns(t, c.columns["columns"]) })
}

func alterMergeTable(c *call) (*Result, error) {
	return changeTable(c, func(d *store.Change, t *store.Table) error { return d.MergeColumns(t, c.columns["columns"]) })
}

func alterTableDocString(c *call) (*Result, error) {
	return changeTable(c, func(_ *store.Change, t *store.Table) error {
		t.DocString = c.Text("text")
		return nil
	})
}

func alterTableFolder(c *call) (*Result, error) {
	return changeTable(c, func(_ *store.Change, t *store.Table) error {
		t.Folder = c.Text("text")
		return nil
	})
}

func dropTable(c *call) (*Result, error) {
	return drop(c, []string{c.Text("table")})
}

func dropTables(c *call) (*Result, error) { return drop(c, c.lists["tables"]) }

func drop(c *call, names []string) (*Result, error) {
	ifExists := strings.HasSuffix(strings.ToLower(strings.TrimRight(c.Statement, "; \t\r\n")), "ifexists")
	r := newResult("TableName:string", "DatabaseName:string")
	err := c.env.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		for _, name := range names {
			if _, ok := d.Database.Tables[name]; !ok && ifExists {
				continue
			}
			for _, v := range d.Database.SortedViews() {
				if v.Source == name {
					return badRequest("Table '%s' is the source of the materialized view '%s': drop the view first", name, v.Name)
				}
			}
			if err := d.DropTable(name); err != nil {
				return err
			}
		}
		for _, t := range d.Database.SortedTables() {
			r.add(t.Name, d.Database.Name)
		}
		return nil
	})
	return r, err
}

func renameTable(c *call) (*Result, error) {
	return rename(c, map[string]string{c.Text("name"): c.Text("table")})
}

// renameTables takes New = Old, ….
func renameTables(c *call) (*Result, error) {
	renames := map[string]string{}
	text := c.Text("renames")
	pair := compilePattern("<new> = <old>")
	for offset := 0; ; {
		m := match{text: text, args: newArgs(), reached: -1}
		end, ok := m.sequence(pair, offset)
		if !ok {
			return nil, syntaxError(text, m.reached, m.expected)
		}
		renames[m.args.Text("new")] = m.args.Text("old")
		separator := next(text, end)
		if separator.text != "," {
			break
		}
		offset = separator.end
	}
	return rename(c, renames)
}

// rename gives tables new names, all at once: names go from new to old.
func rename(c *call, names map[string]string) (*Result, error) {
	r := newResult("TableName:string", "DatabaseName:string", "Folder:string", "DocString:string")
	err := c.env.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		// By way of names that nobody has, so that tables can swap theirs.
		for to, from := range names {
			if err := d.RenameTable(from, passingName(to)); err != nil {
				return err
			}
		}
		for to := range names {
			if err := d.RenameTable(passingName(to), to); err != nil {
				return err
			}
			for _, v := range d.Database.Views {
				if v.Source == names[to] {
					return badRequest("Table '%s' is the source of the materialized view '%s' and cannot be renamed",
						names[to], v.Name)
				}
			}
			t := d.Database.Tables[to]
			r.add(t.Name, d.Database.Name, t.Folder, t.DocString)
		}
		return nil
	})
	return r, err
}

func passingName(to string) string { return "renaming " + to }

func columnResult() *Result {
	return newResult("EntityName:string", "DataType:string", "Policy:string")
}

// changeColumn changes the table and column of the argument "column".
func changeColumn(c *call, change func(d *store.Change, t *store.Table, column string) error) error {
	return c.env.Store.ChangeDatabase(c.ctx, c.Database, func(d *store.Change) error {
		t, err := d.Database.Table(c.Text("column"))
		if err != nil {
			return err
		}
		return change(d, t, c.Text("column.column"))
	})
}

func alterColumnType(c *call) (*Result, error) {
	typ, ok := value.ParseType(c.Text("type"))
	if !ok {
		return nil,
			badRequest("'%s' is not a type: use string, int, long, real, decimal, bool, datetime, timespan, guid or dynamic",
				c.Text("type"))
	}
	err := changeColumn(c, func(d *store.Change, t *store.Table, column string) error {
		return d.AlterColumnType(t, column, typ)
	})
	r := columnResult()
	r.add(c.Text("column.column"), dotNetName(typ), "")
	return r, err
}

func renameColumn(c *call) (*Result, error) {
	err := changeColumn(c, func(d *store.Change, t *store.Table, column string) error {
		return d.RenameColumn(t, column, c.Text("name"))
	})
	r := newResult("EntityName:string", "DataType:string", "Policy:string")
	r.add(c.Text("name"), "", "")
	return r, err
}

func dropColumn(c *call) (*Result, error) {
	r := tableSchemaResult()
	err := changeColumn(c, func(d *store.Change, t *store.Table, column string) error {
		if err := d.DropColumn(t, column); err != nil {
			return err
		}
		schema, err := tableSchemaJSON(t)
		r.add(t.Name, schema, d.Database.Name, t.Folder, t.DocString)
		return err
	})
	return r, err
}

func dropColumns(c *call) (*Result, error) {
	return changeTable(c, func(d *store.Change, t *store.Table) error {
		for _, name := range c.lists["columns"] {
			if err := d.DropColumn(t, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func alterColumnDocStrings(c *call) (*Result, error) {
	pairs := strings.TrimSuffix(strings.TrimPrefix(c.Text("docstrings"), "("), ")")
	merge := strings.Contains(strings.ToLower(c.Statement), ".alter-merge")
	one := compilePattern("<column> : <text:string>")
	return changeTable(c, func(_ *store.Change, t *store.Table) error {
		if !merge {
			for i := range t.Columns {
				t.Columns[i].DocString = ""
			}
		}
		for offset := 0; offset < len(pairs); {
			m := match{text: pairs, args: newArgs(), reached: -1}
			end, ok := m.sequence(one, offset)
			if !ok {
				return syntaxError(pairs, m.reached, m.expected)
			}
			i, ok := t.Column(m.args.Text("column"))
			if !ok {
				return &store.NotFoundError{Kind: "Column", Name: m.args.Text("column")}
			}
			t.Columns[i].DocString = m.args.Text("text")
			offset = max(next(pairs, end).end, end)
		}
		return nil
	})
}

func clearTable(c *call) (*Result, error) {
	if err := c.env.Store.ClearTable(c.ctx, c.Database, c.Text("table")); err != nil {
		return nil, err
	}
	r := newResult("Status:string")
	r.add("Success")
	return r, nil
}

func clearSchemaCache(c *call) (*Result, error) {
	if c.env.Loader.Schemas != nil {
		c.env.Loader.Schemas.Clear(c.Database, c.Text("table"))
	}
	r := newResult("NodeId:string", "Status:string")
	r.add("localadx", "Succeeded")
	return r, nil
}

// deleteRecords removes the rows of the query, which starts with the table.
func deleteRecords(c *call) (*Result, error) {
	if strings.EqualFold(c.option("options", "whatif"), "true") {
		return nil, badRequest("whatif is not supported: run the query itself with | count")
	}
	return deleteRows(c, c.Text("query"))
}

// purge removes the rows of a predicate: "where city == 'x'".
func purge(c *call) (*Result, error) {
	return deleteRows(c, store.QuoteName(c.Text("table"))+"\n| "+
		strings.TrimPrefix(strings.TrimSpace(c.Text("query")), "|"))
}

func deleteRows(c *call, text string) (*Result, error) {
	deleted, err := c.env.Store.DeleteRows(c.ctx, c.Database, c.Text("table"), rowPlan(c, text))
	if err != nil {
		return nil, err
	}
	r := newResult("ExtentId:guid", "DatabaseName:string", "TableName:string", "DeletedRowCount:long")
	r.add(uuid.Nil.String(), c.Database, c.Text("table"), deleted)
	return r, nil
}

// updateTable replaces rows. The old ones are a filter of the table, by name in the query's let
// statements or by a column that they share with the new ones.
func updateTable(c *call) (*Result, error) {
	if strings.EqualFold(c.option("options", "whatif"), "true") {
		return nil, badRequest("whatif is not supported: run the parts of the query themselves")
	}
	query := strings.TrimRight(strings.TrimSpace(c.Text("query")), ";")
	doomed, fresh := query+";\n"+store.QuoteName(c.Text("old")), query+";\n"+store.QuoteName(c.Text("new"))
	if c.Has("column") {
		doomed = store.QuoteName(c.Text("table")) + "\n| join kind=leftsemi (" + query + "\n) on " +
			store.QuoteName(c.Text("column"))
		fresh = query
	}
	added, deleted, err := c.env.Store.UpdateRows(c.ctx, c.Database, c.Text("table"), rowPlan(c, doomed),
		func(d *store.Database, _ *store.Table) (*kql.Plan, error) {
			return c.env.Query.Compile(c.ctx, d.Name, fresh, nil)
		})
	if err != nil {
		return nil, err
	}
	r := newResult("Table:string", "Action:string", "ExtentId:guid", "RowCount:long")
	if deleted > 0 {
		r.add(c.Text("table"), "Delete", uuid.Nil.String(), deleted)
	}
	if added.Rows > 0 {
		r.add(c.Text("table"), "Append", added.GUID.String(), added.Rows)
	}
	return r, nil
}

// rowPlan plans the numbers of the rows of a query that filters the command's table.
func rowPlan(c *call, text string) store.RowPlan {
	return func(d *store.Database, t *store.Table) (*kql.Plan, error) {
		scope := c.env.Store.Catalog().Scope(d.Name).With(d.RowTable(t))
		return c.env.Query.CompileIn(c.ctx, scope, d.Name, text+"\n| project ['"+store.RowColumn+"']", nil)
	}
}

// selectedTables are the current database's tables, or those that the argument "tables" lists.
func selectedTables(c *call) (*store.Database, []*store.Table, error) {
	d, err := c.env.Store.Catalog().Database(c.Database)
	if err != nil {
		return nil, nil, err
	}
	names, ok := c.lists["tables"]
	if !ok {
		return d, d.SortedTables(), nil
	}
	var tables []*store.Table
	for _, name := range names {
		t, err := d.Table(name)
		if err != nil {
			return nil, nil, err
		}
		tables = append(tables, t)
	}
	return d, tables, nil
}

func showTables(c *call) (*Result, error) {
	d, tables, err := selectedTables(c)
	if err != nil {
		return nil, err
	}
	r := newResult("TableName:string", "DatabaseName:string", "Folder:string", "DocString:string")
	for _, t := range tables {
		r.add(t.Name, d.Name, t.Folder, t.DocString)
	}
	return r, nil
}

func showTablesDetails(c *call) (*Result, error) {
	d, tables, err := selectedTables(c)
	if err != nil {
		return nil, err
	}
	return tableDetails(c, d, tables)
}

func showTableDetails(c *call) (*Result, error) {
	d, t, err := c.table("table")
	if err != nil {
		return nil, err
	}
	return tableDetails(c, d, []*store.Table{t})
}

func tableDetails(c *call, d *store.Database, tables []*store.Table) (*Result, error) {
	statistics, err := c.env.Store.Statistics(c.ctx)
	if err != nil {
		return nil, err
	}
	r := newResult("TableName:string", "DatabaseName:string", "Folder:string", "DocString:string", "TotalExtents:long",
		"TotalExtentSize:real",
		"TotalOriginalSize:real", "TotalRowCount:long", "HotExtents:long", "HotExtentSize:real", "HotOriginalSize:real",
		"HotRowCount:long",
		"AuthorizedPrincipals:string", "RetentionPolicy:string", "CachingPolicy:string", "ShardingPolicy:string",
		"MergePolicy:string",
		"StreamingIngestionPolicy:string", "IngestionBatchingPolicy:string", "MinExtentsCreationTime:datetime",
		"MaxExtentsCreationTime:datetime",
		"RowOrderPolicy:string", "TableId:guid")
	for _, t := range tables {
		s := statistics[t.ID]
		var oldest, newest any
		if s.Extents > 0 {
			oldest, newest = s.MinCreated, s.MaxCreated
		}
		size := float64(s.OriginalSize)
		policy := func(name store.PolicyName) string {
			p, ok := d.Policy(t, name)
			if !ok {
				return "null"
			}
			return string(p)
		}
		r.add(t.Name, d.Name, t.Folder, t.DocString, s.Extents, size, size, s.Rows, s.Extents, size, size, s.Rows, "[]",
			policy("retention"), policy("caching"), policy("sharding"), policy("merge"), policy("streamingingestion"),
			policy("ingestionbatching"),
			oldest, newest, policy("roworder"), uuid.NewSHA1(uuid.NameSpaceOID,
				fmt.Appendf(nil, "localadx/table/%d", t.ID)).String())
	}
	return r, nil
}

func showTable(c *call) (*Result, error) {
	_, t, err := c.table("table")
	if err != nil {
		return nil, err
	}
	r := newResult("AttributeName:string", "AttributeType:string", "ExtentSize:long", "CompressionRatio:real",
		"IndexSize:long",
		"IndexSizePercent:real", "OriginalSize:long", "AttributeId:guid", "SharedIndexSize:long",
		"StorageEngineVersion:string")
	for _, column := range t.Columns {
		id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "localadx/table/%d/column/%d", t.ID, column.ID))
		r.add(column.Name, dotNetName(column.Type), int64(0), 0.0, int64(0), 0.0, int64(0), id.String(), int64(0), "DuckDB")
	}
	return r, nil
}

func showTableSchema(c *call) (*Result, error) {
	d, t, err := c.table("table")
	if err != nil {
		return nil, err
	}
	r := tableSchemaResult()
	r.add(t.Name, t.Schema(), d.Name, t.Folder, t.DocString)
	return r, nil
}

func showTableSchemaAsJSON(c *call) (*Result, error) {
	d, t, err := c.table("table")
	if err != nil {
		return nil, err
	}
	schema, err := tableSchemaJSON(t)
	if err != nil {
		return nil, err
	}
	r := tableSchemaResult()
	r.add(t.Name, schema, d.Name, t.Folder, t.DocString)
	return r, nil
}

func showTablePrincipals(c *call) (*Result, error) {
	d, t, err := c.table("table")
	if err != nil {
		return nil, err
	}
	r := principalsResult()
	r.add(fmt.Sprintf("Database %s Admin on table %s", d.Name, t.Name), "Anyone", "everyone who can reach localadx",
		"", "*", "", "")
	return r, nil
}
