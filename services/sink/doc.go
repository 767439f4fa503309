// Package sink is the service that brings Kafka's records into Azure Data Explorer.
//
// Model. A sink connector is a consumer group; each task is a member. A partition's records become
// rows, rows a compressed batch, and a batch covers a range of offsets (a cut). A batch is uploaded
// and queued (or streamed), its final status awaited, and only then is the offset after it
// committed. Several batches of a partition are under way at once; commits keep their order.
//
// Guarantees. With queued or inline ingestion and delivery.guarantee=exactly_once (the default)
// each record is in the table once: a cut is recorded in the group's commit before anything is
// sent, a crash repeats the same cut, and the cluster skips a cut whose tag it has. What this rests
// on: ADX promises that one ingestion with a given ingest-by tag is taken while an extent with the
// tag exists, so tags must outlive the longest standstill (tags.retention), and clearing or
// dropping extents forgets them. With streaming, adaptive and at_least_once nothing is lost, and a
// lost answer or a crash may repeat a batch.
//
// Nothing is passed over silently: a record that cannot be delivered stops the task, or goes to the
// dead letter topic, or, if the user asked for that, is logged and counted. Outages are waited for.
package sink
