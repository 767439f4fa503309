package capture

import "github.com/calypso-cdc/calypso/libs/connector/catalogue"

// filterKeys declare what is captured. Names, types, defaults, groups and importance are Debezium's.
func filterKeys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "table.include.list", Type: catalogue.List, Aliases: []string{"table.whitelist"}, Importance: catalogue.High, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Include Tables",
			Doc: "Tables to capture: regular expressions of schema.table, separated by commas, each matching the whole name without regard to case."},
		{Name: "table.exclude.list", Type: catalogue.List, Aliases: []string{"table.blacklist"}, Importance: catalogue.Medium, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Exclude Tables",
			Doc: "Tables not to capture; not together with table.include.list."},
		{Name: "table.ignore.builtin", Type: catalogue.Boolean, Default: catalogue.Default("true"), Importance: catalogue.Low, Group: "FILTERS", Width: catalogue.Short, DisplayName: "Ignore system databases",
			Doc:         "Whether system tables are left out.",
			Unsupported: "System tables are never captured."},
		{Name: "column.exclude.list", Type: catalogue.List, Aliases: []string{"column.blacklist"}, Importance: catalogue.Medium, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Exclude Columns",
			Doc: "Columns to leave out of values; not together with column.include.list."},
		{Name: "column.include.list", Type: catalogue.List, Aliases: []string{"column.whitelist"}, Importance: catalogue.Medium, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Include Columns",
			Doc: "Columns to keep in values: regular expressions of schema.table.column, separated by commas. Keys always keep their columns."},
		{Name: "schema.include.list", Type: catalogue.List, Dependents: []string{"table.include.list"}, Aliases: []string{"schema.whitelist"}, Importance: catalogue.High, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Include Schemas",
			Doc: "Schemas to capture: regular expressions, separated by commas."},
		{Name: "schema.exclude.list", Type: catalogue.List, Aliases: []string{"schema.blacklist"}, Importance: catalogue.Medium, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Exclude Schemas",
			Doc: "Schemas not to capture; not together with schema.include.list."},
		{Name: "database.include.list", Type: catalogue.List, Dependents: []string{"table.include.list"}, Importance: catalogue.High, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Include Databases",
			Doc:         "Databases to capture.",
			Unsupported: "A connector captures the one database of database.dbname."},
		{Name: "database.exclude.list", Type: catalogue.List, Importance: catalogue.Medium, Group: "FILTERS", Width: catalogue.Wide, DisplayName: "Exclude Databases",
			Doc:         "Databases not to capture.",
			Unsupported: "A connector captures the one database of database.dbname."},
	}
}
