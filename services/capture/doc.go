// Package capture is the service that reads PostgreSQL's changes and writes them to Kafka.
//
// Model. A capture connector is one task: a replication slot, read in sessions. A session takes up
// the last durable checkpoint (internal/progress), decides how to begin (internal/start), prepares
// the source (internal/prepare), reads tables if a snapshot is called for (internal/snapshot), and
// then streams: the reader (internal/stream) decodes and encodes changes (internal/encode) into the
// open batch of a buffer (internal/buffer), the deliverer writes the other batch to Kafka
// (internal/writer). No more than two batches are in memory; a reader without room stops reading
// the socket, while the connection's own status writer goes on.
//
// Guarantees. Where the broker has transactions, events and the checkpoint after them are written
// in one, by a producer that fences any predecessor: each change is in Kafka exactly once for
// readers of committed records, whatever is killed when. The slot is confirmed only up to durable
// checkpoints. A slot that is missing, lost, ahead of the checkpoint or of another server stops the
// task with a named reason; it is never silently recreated.
//
// Status flows one way: sessions report events (internal/status), from which the registry, metrics
// and traces (internal/metrics) derive what they show, and CaptureService (internal/api) its
// answers. Commands take a way of their own (internal/command) to the capture that runs them.
//
// Connectors for databases without logical replication ask for rows instead (internal/poll). Both
// write through the same producer (internal/deliver) and work in sessions that follow each other
// (internal/retry).
package capture
