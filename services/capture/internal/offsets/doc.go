// Package offsets is the source offset of a capture connector: the one partition that it has, whose
// value is its checkpoint.
//
// Model. The partition is named by topic.prefix; Key is the key of its records, Read reads it from
// the connector's offsets. Problem checks an offset that somebody wants to set.
//
// Guarantees. An offset that Read does not understand is an error, not a new beginning.
//
// Tasks read and write their own; the watch of connectors that do not run reads those of others.
package offsets
