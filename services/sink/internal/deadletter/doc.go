// Package deadletter sets records aside that cannot be delivered, and gives them back.
//
// Model. A Reporter does with such records what the user chose: it writes them to the dead letter
// topic, each with its position and the reason (Rejection), or passes over them, or stops the task.
// A Queue reads that topic, without the letters that are done with, which the log of resolutions in a
// topic beside it says, and edits, replays and discards letters for one call, on whichever worker is
// asked: the connector need not run.
//
// Guarantees. A record is durable in the dead letter topic before its offset is committed. A replay
// is noted before it is sent, with its rows, so that replays which overlap or were interrupted
// bring each letter into the table once. Nothing that is written or shown holds a secret.
//
// Callers are a task's partitions and deliveries (Reporter), and the sink's service (Queue).
package deadletter
