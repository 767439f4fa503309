// Package queued is queued ingestion: requests that clients put into a queue, each naming a blob, are gathered into
// batches by the table's batching policy and ingested, a batch in one transaction.
//
// Model. A Request is a queue message read. The Batcher, a state machine without clock and I/O, decides which requests
// go together and when. The Ingestor moves them: it takes requests from the queue, arms the timer that the Batcher
// asks for, and runs sealed batches.
//
// Guarantees. A request that was accepted is on disk and is ingested once, whatever happens in between: its message is
// deleted in the transaction that adds its rows and writes its status. A request that cannot be ingested ends with a
// failure, in `.show ingestion failures` and where its client asked for reports; the others of its batch are not
// affected. Requests guarded by ingestIfNotExists end as Skipped when the tag is there at commit.
package queued
