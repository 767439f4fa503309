// Package digest compares a table of PostgreSQL with its copy in Azure Data Explorer without moving the rows.
//
// Model. Both stores compute the same thing of the same row: a canonical text of the chosen columns
// (Form), and its MD5. A row has a place on a line of whole numbers, which follows from its key:
// the key itself where it is one whole number, else the first 60 bits of the MD5 of the key's text.
// A Span of that line is summed up by a Digest: how many rows, and the sums of two parts of their
// hashes. Compare asks both sides for the digests of the same spans and descends into those that
// differ, until few enough rows are left to be listed.
//
// Guarantees. Equal digests of different rows need two sums of 32 bits to agree by chance. What is
// compared is in flight while rows change: a difference counts only if it is still there after the
// patience that the caller gives to the pipeline, during which the source's row has not changed.
// Memory is bounded by the rows of one leaf and of the candidates, whatever the tables' size. NULL
// and the empty text are equal, since a string of Kusto is never null.
package digest
