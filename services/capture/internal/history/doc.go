// Package history keeps the versions that the captured tables have had, as readers of their topics
// see them.
//
// Model. A version is what a table's events are made of: the columns that are sent, with type,
// optionality and place in the key, and the replica identity. It holds from the first change that
// was seen with it until the first change that differs; a change of the table that is followed by
// no row change is not seen, since the replication stream announces it only with the next row.
// Versions of a table are numbered from 1 without gaps.
//
// Guarantees. A description that equals the last version makes no new one. Versions that are seen
// again, because the stream is read again from an earlier position, get the same numbers (see
// Rewind), so that a version which is written twice replaces itself. There is no I/O, clock or
// goroutine here.
//
// A capture's session owns a History, one goroutine at a time.
package history
