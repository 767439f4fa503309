// Package kql compiles queries of the Kusto query language to SQL of DuckDB.
//
// A query goes through a lexer, a parser (parse.go), and a typed binder (bind_*.go) that resolves names against a
// Catalog, infers the type and the result name of every expression as Kusto does, and lowers operator by operator to a
// relation (relation.go), a SELECT under construction. The package does no I/O and does not use DuckDB; scalar functions that SQL
// cannot express are calls of Go functions of package scalar, which package engine registers.
//
// The guarantee: a query either means what it means in Kusto or is refused with an *Error. Known to differ: overflow of long in
// columns is an error where Kusto wraps around; decimal has ten fixed digits behind the point; dcount is exact; a datetime inside
// a dynamic is the string it is written as; which of several equal rows arg_max and take keep is not the same.
package kql

import "time"

// Options say what a query is compiled against.
type Options struct {
	Database   string            // the database unqualified names refer to
	Now        time.Time         // what now() is, fixed for the query; zero means the time of the call
	Parameters map[string]string // query parameters: name to KQL literal
	Catalog    Catalog
	Cursor     int64 // the database cursor: rows ingested at this time, in ticks, or before are there; 0 without cursors
	// Probe runs a plan while compiling. Operators whose result columns depend on data (evaluate pivot, bag_unpack,
	// narrow …) need it and are refused without.
	Probe func(*Plan) ([][]any, error)
}

// Plan is a compiled query: SQL for DuckDB and the schema of what it returns.
type Plan struct {
	SQL           string
	Columns       []Column
	Visualization *Render // nil without a render operator
}

// Render is the render operator of a query: how a client is to draw the rows.
type Render struct {
	Visualization string            // columnchart, piechart, …
	Properties    map[string]string // the with (…) properties, keys in lower case
}
