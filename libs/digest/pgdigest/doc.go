// Package pgdigest is PostgreSQL's side of package digest: it computes digests in SQL.
//
// A Table needs SELECT on the columns that it compares, and writes nothing on the server. The
// canonical texts are those of the values that come out of the pipeline, by the settings that shape
// them (Describe). Capture's TableService is its caller.
package pgdigest
