// Package partition turns one partition's records into batches and follows these until their
// offsets are committed.
//
// Model. The poll loop leaves fetched records in a Partition's inbox. Its one goroutine turns them
// into rows, cuts batches, sends these on their way and notes in the ledger which have arrived;
// everything that waits (deliveries, commits) runs in goroutines of its own and reports back. The
// Committer commits the positions of a membership's partitions, one request at a time.
//
// Guarantees. With exactly-once delivery a cut is committed before anything of it is sent. Offsets
// are committed in order, whatever order batches end in, and only by the partition's present life
// at this member. Offering records never blocks.
//
// Callers are a task's membership of its group (Member is what it gives its partitions) and its poll loop.
package partition
