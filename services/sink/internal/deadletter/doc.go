// Package deadletter sets aside records that cannot be delivered, and returns them.
//
// Model. A Reporter does with such records what the user chose: it writes them to the dead letter
// topic, each with its position and the reason (Rejection), or passes over them, or stops the task.
// A Queue reads that topic, without the resolved letters, which are listed in a second topic, the
// log of resolutions. It edits, replays and discards letters for one call, on whichever worker is
// asked: the connector need not run.
//
// Guarantees. A record is durable in the dead letter topic before its offset is committed. A replay
// is noted before it is sent, with its rows, so that replays which overlap or were interrupted
// bring each letter into the table once. Nothing that is written or shown holds a secret.
//
// Callers are a task's partitions and deliveries (Reporter), and the sink's service (Queue).
package deadletter
