// Package progress owns how far a capture is: the position in the stream, the ranges of an initial
// snapshot, the chunks of incremental ones, and the offset of the signal topic.
//
// Model. A Progress has two marks on one line: what was taken, which is to be written to Kafka, and
// what is durable there. Every batch takes a Step, which says how far its records advance the
// capture, and gets the Checkpoint to write beside them in the same Kafka transaction. When the
// transaction is committed everything taken is durable at once: transactions are not committed out
// of order, so nothing in between has to be kept.
//
// Guarantees. Nothing here does I/O or looks at a clock. A position of the stream never goes back.
// Durable, the LSN that may be confirmed to PostgreSQL, never passes the checkpoint that was
// committed last. Snapshot and Incremental are values: a checkpoint that was made keeps what it
// says. The JSON of a checkpoint is in json.go alone, and reads what any earlier version wrote, and
// Debezium's offsets.
//
// Who may call. One goroutine at a time: the session before it streams, then the one that delivers
// batches.
package progress
