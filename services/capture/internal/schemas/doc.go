// Package schemas keeps the versions of captured tables in Kafka.
//
// Model. A Log is a connector's part of a compacted topic with one partition. Each record has one
// JSON object (history.Version) as its value and ["connector","schema.table",number] as its key.
// Record makes the record of a version; the caller writes it.
//
// Guarantees. A version that is written in the Kafka transaction of the first events that have it
// is there if, and only if, they are. A record that cannot be read is logged and left out. Logs do
// not change, and are safe for concurrent use.
//
// A capture reads its own log when a session begins and writes to it with its batches;
// CaptureService reads that of any connector.
package schemas
