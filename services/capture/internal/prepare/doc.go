// Package prepare finds what is to be captured and sets the server up for it, before a session starts.
//
// Model. A Preparation has the tables that the filters match, as the catalog has them, the output
// plugin to use, and what the server keeps back of the tables. On the way it sets replica
// identities and the publication as the configuration says, and migrates a slot to pgoutput
// where the server refuses its plugin.
//
// Guarantees. What tables hold that a running connector is about to add to its publication is
// planned to be read before the publication changes, durably: no row is passed over. A slot is
// migrated only where no change can be lost or come twice by it.
//
// Who may call. The session, once it has a connection and knows how far the connector is; it is one goroutine's.
package prepare
