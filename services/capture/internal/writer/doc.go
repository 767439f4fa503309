// Package writer writes batches to Kafka, each with the checkpoint that it leads to.
//
// Model. While batches follow each other closely they share a Kafka transaction, for a span at
// most: readers of uncommitted records get them at once, and the cost of a commit is paid once for
// all. With the commit everything that was written is durable, and progress, status, metrics and
// traces are told so.
//
// Guarantees. A batch, its checkpoint and the versions of tables that it is the first of are in one
// transaction. What is told as delivered is durable in Kafka.
//
// Who may call. One goroutine at a time.
package writer
