// Package pgmodel is PostgreSQL's relation model: tables, columns, types, and rows as the server writes them.
//
// Model. A Relation describes a table as of one version; a Tuple is one row, with a Datum for each
// column, in PostgreSQL's text output format and without a copy of it.
//
// Guarantees. The package knows neither the replication protocol, which fills it in (pgrepl), nor
// what becomes of the rows (debezium). A Relation is not changed once it is in use: another version
// of a table is another Relation, so that whoever compiles something for one may know it by its
// address.
package pgmodel
