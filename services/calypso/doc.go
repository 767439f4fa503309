// Package calypso runs the whole of Calypso in one process: `calypso up`.
//
// Model. Up starts the parts that are not given from outside (PostgreSQL as a child process; a
// Kafka broker and Azure Data Explorer inside this process), then the services, with the same Run
// functions as their own binaries, and then, unless it is turned off, the orders use case: its
// tables, its two connectors, registered by the same REST calls as a user's, and the generator.
// Everything listens on loopback.
//
// Guarantees. All data is below one directory (for root, PostgreSQL's may have to be elsewhere; its
// place is reported). However the process ends, the next start with this directory continues where
// it stopped. If a part ends by itself, everything ends, with that part's reason.
package calypso
