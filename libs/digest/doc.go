// Package digest compares a table of PostgreSQL with its copy in Azure Data Explorer without moving the rows.
//
// Model. Both stores compute the same from the same row: a canonical text of the chosen columns
// (Form), and its MD5. A row has a place on the line of whole numbers, which follows from its key:
// the key itself if it is one whole number, else the first 60 bits of the MD5 of the key's text. A
// Digest sums up a Span of that line: how many rows it has, and the sums of two parts of their
// hashes. Compare asks both sides for the digests of the same spans and descends into those that
// differ, until few enough rows are left to be listed.
//
// Guarantees. Different rows have equal digests only if two sums of 32-bit values agree by chance.
// Rows may change while they are compared: a difference counts only if it lasts for the patience
// that the caller grants the pipeline, while the source's row does not change. Memory is bounded by
// the rows of one leaf and the candidates, whatever the tables' size. NULL and the empty text count
// as equal, since a string of Kusto is never null.
package digest
