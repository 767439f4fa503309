// Package connections opens a session's ordinary connections to PostgreSQL and watches what they wait for.
//
// Model. A Set has the connections that are open, each with a phrase that says what it is used for.
// Statements have no timeout, since a server may rightly take long; but what a connection waits
// for, and since when, is reported, and a connection whose process on the server has ended is given
// up. Connections of the replication protocol are opened here too, and slow calls over them are
// reported.
//
// Guarantees. Watch reports a wait at most once a second, and asks the server about it every few
// seconds. It ends the session only when nothing more can come.
//
// Who may call. A Set is safe for concurrent use; a Conn is used by one goroutine at a time.
package connections
