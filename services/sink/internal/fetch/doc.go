// Package fetch is the poll loop of a sink's task.
//
// Model. A Loop fetches records for a membership and hands them to the goroutines of their
// partitions. It fetches when there is memory for more and partitions want some, as much as there
// is room for, and checks in between that the topics are still there.
//
// Guarantees. It never waits for a partition. A fetch that fails is reported and tried again until
// one succeeds; records that are gone stop their topic or the task, and are never passed over.
//
// The caller is a task, which runs one loop for each membership.
package fetch
