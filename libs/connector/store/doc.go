// Package store keeps what a fleet knows in Kafka.
//
// Model. A Store reads the config and status topics into memory (Known), and appends to them; every
// worker has one and reads both topics whole. A StateTopic is a compacted topic in which tasks
// themselves keep state, such as their offsets; it is read when somebody asks. The Timeline is a
// topic of events.
//
// Guarantees. Append returns when this worker has read back what it wrote, so a worker's own answers always reflect the
// calls it took. Reports are written in the order of the calls, and tried until they succeed. What a StateTopic returns
// is all that was committed when it was asked, and nothing that was not: see StateTopic for the race between the commit
// of a task and its owner's end. What is kept in memory is bounded by what the compacted topics hold.
//
// Follow runs in one goroutine; everything else may be called by any.
package store
