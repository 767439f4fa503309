// Package deliver writes a source connector's records, and the source offset that they lead to, to Kafka.
//
// Model. A batch of records and its offset are written by a producer that belongs to one task. It
// creates each topic before the topic's first record (topic.creation.*, KIP-158) and knows how
// large a record the topic accepts. Kafka transactions stay open as long as the caller likes:
// several batches share the cost of a commit.
//
// Guarantees. Where the broker has transactions, records and offset are in one, by a producer that
// fences any predecessor with the same transactional id: readers of committed records see each
// record exactly once, whatever is killed when. Elsewhere, or where the worker asks for it, records
// are delivered at least once: the offset is written after they are acknowledged.
//
// The deliverer of a capture, or the session of a poll, has a Producer of its own, and calls it from one goroutine.
package deliver
