// Package pgserver runs a PostgreSQL server of our own as a child process, from the machine's server binaries.
//
// Model. Start makes the data directory if it is new (initdb), starts the server on loopback with
// wal_level=logical and the output plugins of connectors allowed, and returns when it accepts
// connections. Stop shuts it down; the data stays, and Start continues with it. The server is in a
// process group of its own, so that Ctrl-C in a terminal reaches only its parent, which shuts it
// down in order; on Linux it also stops when its parent dies.
//
// PostgreSQL refuses to run as root: root runs it as the user postgres, else nobody.
package pgserver
