// Package offsets reads and checks the source offset of a capture connector: it has one partition,
// whose value is its checkpoint.
//
// Model. The partition is named by topic.prefix; Key is the key of its records, Read reads it from
// the connector's offsets. Problem checks an offset that somebody wants to set.
//
// Guarantees. An offset that Read does not understand is an error, not a new beginning.
//
// Who may call. Tasks read their own offset; the watch of connectors that do not run (package idle)
// reads those of others.
package offsets
