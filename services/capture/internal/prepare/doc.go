// Package prepare finds the tables to capture and sets up the server for them, before a session
// starts.
//
// Model. A Preparation has the tables that the filters match, as the catalog has them, the output
// plugin to use, and what the server keeps back of the tables. On the way it sets replica
// identities and the publication as the configuration says, and migrates a slot to pgoutput
// where the server refuses its plugin.
//
// Guarantees. Before a running connector adds tables to its publication, the plan to read their
// rows is durable: no row is passed over. A slot is migrated only if no change can be lost or come
// twice.
//
// Who may call. The session, once it has a connection and knows how far the connector is, from one
// goroutine.
package prepare
