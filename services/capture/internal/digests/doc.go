// Package digests reads digests of the captured tables, for comparisons with their copies.
//
// Model. A digest.Reader: each captured table, with how its rows come out of the connector,
// transforms included. Partitions are read through their root.
//
// Guarantees. A table of which the role cannot see all rows is reported as a failure, since a
// comparison would otherwise find it equal. Nothing is changed on the server.
//
// Who may call. The plugin, for the runtime's digests. A reader has a connection of its own, which Close ends.
package digests
