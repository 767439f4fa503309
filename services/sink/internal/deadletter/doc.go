// Package deadletter sets records aside that cannot be delivered, and gives them back.
//
// Model. An Outbox does with such records what the user chose: it writes them to the dead letter
// topic, each with its position and the reason (Rejection), or passes over them, or stops the task.
// Letters reads that topic, without those that are done with, which marks in a topic beside it say.
// A Desk lists, edits, replays and discards letters for one call, on whichever worker is asked: the
// connector need not run.
//
// Guarantees. A record is durable in the dead letter topic before its offset is committed. A replay
// is noted before it is sent, with its rows, so that replays which overlap or were interrupted
// bring each letter into the table once. Nothing that is written or shown holds a secret.
//
// Callers are a task's partitions and deliveries (Outbox), and the sink's service (Desk).
package deadletter
