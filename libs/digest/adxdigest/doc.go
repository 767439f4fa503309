// Package adxdigest is Azure Data Explorer's side of package digest: it computes digests in KQL.
//
// A Table reads rows as they are, Changes the latest version of each key in a table of changes. The
// canonical texts equal those that package pgdigest makes PostgreSQL write for the same values, bit
// by bit for floating point. A query returns only digests, or the rows of one span without their
// values. The sink's TableService is its caller.
package adxdigest
