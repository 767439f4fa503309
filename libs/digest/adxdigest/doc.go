// Package adxdigest is Azure Data Explorer's side of package digest: it computes digests in KQL.
//
// A Table reads the rows as they stand, Changes the latest version of each key of a table of
// changes. The canonical texts are those that package pgdigest has PostgreSQL write of the same
// values, bit by bit for floating point. A query reads and moves no more than digests, or the rows
// of one span. The sink's TableService is its caller.
package adxdigest
