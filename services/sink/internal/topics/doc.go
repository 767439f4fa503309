// Package topics follows what happens to the topics that a task reads.
//
// Model. A topic may be deleted, and recreated under its name, while a task reads it: its offsets
// then mean other records. Registry knows which topics these are, by the ids that brokers give
// them, and which of their partitions begin at the first record whatever is committed. A Reader is
// the member of the group that reads them: it finds those that a pattern matches, reports
// transactions that hold them up, and deals with records that are missing. Its Watcher checks that
// they are still there.
//
// What was read of a topic that was deleted still comes into its table, under tags that hold the
// old topic's id. When that is done the task joins its group again, which reads the new topic from
// its beginning; its other topics go on until then.
//
// Guarantees. An offset that was committed for one topic never counts for another of its name, as
// far as brokers give topics ids. Registry asks nobody.
//
// Callers are a task's membership of its group, and its poll loop, which owns the Watcher.
package topics
