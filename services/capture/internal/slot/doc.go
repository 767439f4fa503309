// Package slot creates, reads, drops and watches a connector's replication slot.
//
// Model. A Slot is the connector's, on the server that the session found. It has the replication
// connection that the session began with, until something needs one: a server has few. A Stream is
// the slot's stream from a position on, with the decoder of the output plugin.
//
// Guarantees. A stream begins only on the server that positions were compared with. A slot is
// dropped only if the caller says so. What the creation of a slot waits for is reported. A change
// that the server cannot send is named with table, row and column, by a second reading that
// confirms nothing.
//
// Who may call. The session, from one goroutine; a Stream then belongs to the reader. A View is for
// status, which only looks.
package slot
