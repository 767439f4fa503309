package spec

import (
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
)

// filterKeys declare what is captured. Names, types, defaults, groups and importance are Debezium's.
func (r *reading) filterKeys(event placed) []catalogue.Key {
	return []catalogue.Key{
		{Name: "table.include.list", Type: catalogue.List, Aliases: []string{"table.whitelist"}, Importance: catalogue.High,
			Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Include Tables",
			Into:         catalogue.Read(&r.Tables.Include, javaregex.ParseList),
			Doc:          "Tables to capture: regular expressions of schema.table, separated by commas, each matching the whole name without regard to case.",
			Consequences: captures(catalogue.Gains, catalogue.Loses)},
		{Name: "table.exclude.list", Type: catalogue.List, Aliases: []string{"table.blacklist"}, Importance: catalogue.Medium,
			Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Exclude Tables",
			Into:         catalogue.Read(&r.Tables.tableOut, javaregex.ParseList),
			Doc:          "Tables not to capture; not together with table.include.list.",
			Consequences: captures(catalogue.Shrinks, catalogue.Grows)},
		{Name: "table.ignore.builtin", Type: catalogue.Boolean, Default: catalogue.Default("true"), Importance: catalogue.Low,
			Group: "FILTERS", Width: catalogue.Short, DisplayName: "Ignore system databases",
			Into: catalogue.Flag(&r.Tables.ignoresBuiltin),
			Doc:  "Whether tables that extensions put into users' schemas are left out: spatial_ref_sys of PostGIS, in any schema. The server's own tables (pg_catalog, information_schema), temporary tables, views and foreign tables are never captured."},
		event(&r.Events.Columns.Exclude),
		event(&r.Events.Columns.Include),
		{Name: "schema.include.list", Type: catalogue.List, Dependents: []string{"table.include.list"},
			Aliases: []string{"schema.whitelist"}, Importance: catalogue.High, Group: "FILTERS", Width: catalogue.Wide,
			DisplayName:  "Include Schemas",
			Into:         catalogue.Read(&r.Tables.schemaIn, javaregex.ParseList),
			Doc:          "Schemas to capture: regular expressions, separated by commas.",
			Consequences: captures(catalogue.Gains, catalogue.Loses)},
		{Name: "schema.exclude.list", Type: catalogue.List, Aliases: []string{"schema.blacklist"},
			Importance: catalogue.Medium, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Exclude Schemas",
			Into:         catalogue.Read(&r.Tables.schemaOut, javaregex.ParseList),
			Doc:          "Schemas not to capture; not together with schema.include.list.",
			Consequences: captures(catalogue.Shrinks, catalogue.Grows)},
		{Name: "database.include.list", Type: catalogue.List, Dependents: []string{"table.include.list"},
			Importance: catalogue.High, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Include Databases",
			Doc:         "Databases to capture.",
			Unsupported: "A connector captures the one database of database.dbname."},
		{Name: "database.exclude.list", Type: catalogue.List, Importance: catalogue.Medium, Group: "FILTERS",
			Width: catalogue.Wide, DisplayName: "Exclude Databases",
			Doc:         "Databases not to capture.",
			Unsupported: "A connector captures the one database of database.dbname."},
	}
}

// captures are the consequences of a change of a list of what is captured: tables come when its items
// change in one way, and go when they change in the other.
func captures(added, removed func(before, after []string) bool) []catalogue.Consequence {
	return []catalogue.Consequence{
		{Effect: catalogue.TablesAdded, Items: added,
			Doc: "Changes of tables that are added are captured from now on. Rows that they hold already are read, while the stream goes on, only if publication.autocreate.mode=filtered adds the table to the publication, the table has a primary key, and snapshot.mode is not no_data; otherwise signal it: calypsoctl snapshot start <connector> <table>. Where a publication exists that is not FOR ALL TABLES and the mode is not filtered, add them to it by ALTER PUBLICATION."},
		{Effect: catalogue.TablesRemoved, Items: removed,
			Doc: "Changes of tables that are no longer captured are left out from now on. Their topics stay, and so does their place in the publication."},
	}
}
