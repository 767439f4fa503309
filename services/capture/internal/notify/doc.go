// Package notify reports the progress of snapshots, as Debezium's notifications do.
//
// Model. A notification is a record of a topic, a line of the log, both or neither, as the
// configuration says. It goes into the batch with the records that it is about, so that it becomes
// durable with them.
//
// Guarantees. The types, the names of the data and their order are Debezium's.
//
// Who may call. A Notifier is safe for concurrent use; the encoder and the batch are the caller's.
package notify
