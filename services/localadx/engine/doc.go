// Package engine runs compiled KQL plans on DuckDB.
//
// The engine does not own the database: it is handed a *sql.DB, and the storage layer creates the
// tables. Register must have run once on the database; it adds the Go scalar functions plans call.
// An Engine is safe for concurrent use.
package engine
