// Package slots looks at the replication slots of captures, for those who watch them.
//
// Model. A View is of one connector's slot. It keeps what it saw last: the state of the slot and what decoding has cost, the
// transactions that hold it up, or that the server could not be asked.
//
// Guarantees. A server is asked on a connection of its own, for three seconds at most, and not again while what was seen is fresh
// enough for the caller. Nothing is changed on the server.
//
// A View is safe for concurrent use; callers that ask at the same time share one question.
package slots
