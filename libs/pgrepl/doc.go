// Package pgrepl reads PostgreSQL's logical replication: it connects, finds or creates slot and
// publication, starts the stream, decodes the output plugin's messages in place and tells the
// server which changes are safely delivered.
//
// Model. A Session speaks replication commands (protocol chapter "Streaming Replication Protocol"
// of the PostgreSQL manual); a Stream takes over its socket once the server has switched to
// CopyBoth. One goroutine reads the Stream and hands each frame to a Decoder (pgoutput, wal2json,
// decoderbufs), which yields Messages whose tuples alias the read buffer. Another goroutine, owned
// by the Stream, writes standby statuses, so that they are sent on time whatever the reader waits
// for. They confirm the mark, up to which the caller has called the changes durable downstream
// (Stream.Confirm).
//
// Guarantees. A status sets all three positions to the mark and never beyond: the server may
// discard only what is durable. A Position names a change by commit LSN and ordinal, since several
// changes can share one LSN. Decoders check every length against the bytes at hand, and return an
// error for whatever they do not understand instead of skipping it; the pgoutput decoder allocates
// nothing for a row. Errors that a user can fix are of type *Error, with a Reason and a remedy.
package pgrepl
