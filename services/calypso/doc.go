// Package calypso runs the whole of Calypso in one process: `calypso up`.
//
// Model. Up starts the parts that are not given from outside (PostgreSQL as a child process; a
// Kafka broker and Azure Data Explorer inside this process), then the services, by the same Run
// functions as their own binaries, then, unless told not to, the orders use case: its tables, its
// two connectors, registered by the same REST calls as a user's, and the generator. Everything
// listens on loopback.
//
// Guarantees. All data is below one folder (for root PostgreSQL's may have to be elsewhere; its
// place is reported). Whatever ends the process, the next start with this folder goes on where it
// stopped. A part that ends by itself ends all, with its reason.
package calypso
