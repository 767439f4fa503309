// Package pgmodel is PostgreSQL's relation model: tables, columns, types, and rows as the server writes them.
//
// Model. A Relation describes one version of a table; a Tuple is one row, with a Datum for each
// column, which refers to the value in PostgreSQL's text output format without copying it.
//
// Guarantees. The package knows neither the replication protocol, from which its types are filled
// (pgrepl), nor what is made of the rows (debezium). A Relation is not changed once it is in use:
// another version of a table is another Relation, so code that compiles something for a Relation
// may recognize it by its address.
package pgmodel
