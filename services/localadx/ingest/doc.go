// Package ingest turns the bytes of a source (a blob, a request body, inline text) into rows of a table, as Azure Data
// Explorer's ingestion does.
//
// Model. A Format says how records are told apart and a Mapping which part of a record becomes which column; both and
// the table's columns make a Plan, once an ingestion. Plan.Read then walks the bytes and emits rows without building
// anything in between: JSON is scanned in place, guided by a tree of the paths that the mapping names, and a value goes
// from its bytes to the column's type directly. Avro and Parquet are read through their libraries and then take the
// way of JSON, so that paths, transformations and conversions exist once.
//
// What does not fit (kusto documentation, "Ingesting invalid data"): a value that does not fit its column's type is
// null, without an error; a malformed record is left out with format json and fails the source with multijson; a string
// longer than 1 MB is cut, a dynamic value longer than 1 MB is null; records of one CSV source must have one number of
// fields. An Error has ADX's code.
package ingest
