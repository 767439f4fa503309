package kql

import "github.com/calypso-cdc/calypso/services/localadx/kql/value"

// Type is a scalar type; see the value package.
type Type = value.Type

// Column is a named, typed column of a table or a result.
type Column struct {
	Name string
	Type Type
}

// Table is what a query needs to know about a stored table.
type Table struct {
	Name    string
	Columns []Column
	// Physical is the SQL expression that names the relation, for example "db1"."Orders". Its columns have the quoted
	// names of Columns and the types Column.Type.Physical() gives.
	Physical string
	// Extents is the SQL name of a relation that has the columns id (BIGINT), guid (UUID) and tags
	// (a JSON array) of extents; empty for tables that have no extents, such as views. With it,
	// Ingested and Extent name columns of Physical: when the row was ingested, in ticks, and the id
	// of its extent.
	Extents, Ingested, Extent string
}

// Function is a stored function. Params is its parameter list in KQL, "(a:long, b:string='x')", and
// Body its body with or without braces, both as `.create function` was given them.
type Function struct {
	Name   string
	Params string
	Body   string
}

// Catalog is the schema a query is bound against. It must not change while a Compile runs; Compile reads it from one
// goroutine. Names are case-sensitive. An empty db means the query's database.
type Catalog interface {
	Table(db, name string) (Table, bool)
	Function(db, name string) (Function, bool)
	// Tables lists the tables of a database, in name order, for wildcards and search.
	Tables(db string) []Table
}
