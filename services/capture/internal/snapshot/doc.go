// Package snapshot reads tables as one exported snapshot shows them and delivers their rows as events of operation r.
//
// Model. As with Debezium, a table is read with everything that inherits from it, whether that is
// captured itself (and then read again) or not. Plan cuts the tables into ranges of pages; a Queue
// hands them out in order to workers, which read with COPY, each on a connection of its own that
// has imported the snapshot. Every batch records how far its ranges are, so that after a crash the
// next run continues where the last durable batch ended. It then reads under a later snapshot, once
// the stream is delivered up to that.
//
// Guarantees. All rows that the snapshot shows are delivered. After an interruption rows that
// changed since the earlier snapshot are read again and can come twice, each time with the state
// that they had; none is left out. A table that cannot be resumed is read again from its beginning,
// and Plan says so. The first and the last row, of the snapshot and of each table, are marked as
// such.
//
// Who may call. The session, before it streams. Ranges and plans (ranges.go, plan.go) do no I/O; a
// Queue is safe for concurrent use.
package snapshot
