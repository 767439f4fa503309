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
	// Doubles is set where the states of aggregates are not counted by the database, and are there
	// twice when those of its threads are put together, which nothing interrupts.
	Doubles bool
}

// Render is the render operator of a query: how a client is to draw the rows.
type Render struct {
	Visualization string            // columnchart, piechart, …
	Properties    map[string]string // the with (…) properties, keys in lower case
}
