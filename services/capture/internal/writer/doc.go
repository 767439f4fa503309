// Package writer writes batches to Kafka, each with the checkpoint that it leads to.
//
// Model. Batches that follow each other closely share a Kafka transaction, for a limited span of
// time: readers of uncommitted records get them at once, and the cost of a commit is paid once for
// all. With the commit everything that was written is durable, which is reported to progress,
// status, metrics and traces.
//
// Guarantees. A batch, its checkpoint and the versions of tables that begin with it are in one
// transaction. What is reported as delivered is durable in Kafka.
//
// Who may call. One goroutine at a time.
package writer
