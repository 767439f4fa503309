// Package pgrepl reads PostgreSQL's logical replication: it connects, finds or creates slot and publication, starts the
// stream, decodes the output plugin's messages in place and tells the server how far the changes are safe.
//
// Model. A Session speaks replication commands (protocol chapter "Streaming Replication Protocol" of the PostgreSQL
// manual); Stream takes its socket over once the server has switched to CopyBoth. One goroutine reads the Stream and
// hands each frame to a Decoder (pgoutput, wal2json, decoderbufs), which yields Messages whose tuples alias the read
// buffer. Another goroutine, owned by the Stream, writes standby statuses, so that they flow on time whatever the
// reader waits for. A Ring keeps which transactions are durable downstream; its mark is what a status confirms.
//
// Guarantees. A status always sets all three positions to the mark, never beyond it: the server may
// forget exactly what is durable. A Position names a change by commit LSN and ordinal, since
// several changes can share one LSN. Decoders check every length against the bytes at hand, return
// an error for what they do not understand and never skip it; the pgoutput decoder allocates
// nothing for a row. Errors that a user can fix are of type *Error and name a Reason and a remedy.
package pgrepl
