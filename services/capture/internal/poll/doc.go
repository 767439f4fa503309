// Package poll is the connector class for databases without logical replication: it queries for
// rows again and again and writes the new ones to Kafka.
//
// Model. Each polled table, or the one query, is a source with an offset of its own: the values of
// the mode's columns in the last row delivered. A poll is one COPY of the rows after the offset, in
// the order of those columns, streamed into batches; a batch and the offset after it are written in
// one Kafka transaction. Keys, records and offsets are those of Confluent's JDBC source connector,
// which may have polled before.
//
// Guarantees. Where the broker has transactions, a row that a poll saw is delivered exactly once
// over crashes and restarts, and memory holds one batch. What polling cannot see is not delivered:
// deletes, updates that do not move the mode's columns, and rows that commit behind the offset
// (timestamp.delay.interval.ms).
//
// The plugin makes a task for each connector. A task is one goroutine, and only that calls its
// Report.
package poll
