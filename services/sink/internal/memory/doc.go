// Package memory counts what the tasks of one process hold, and bounds it.
//
// Model. Process is the limit that all tasks share, Share what one of them holds: fetched records,
// rows, batches under way, and files for the moment in which they are made. Half of the limit is
// for whoever comes first, the other half is divided evenly.
//
// Guarantees. A task whose table is away leaves every other task room to go on. Waiting for room
// ends when nothing of the task's own would make any. Everything may be called by any goroutine.
//
// Callers are a task's poll loop and the parts that hold bytes for it. The Go heap is bounded
// elsewhere, by sink.LimitHeap.
package memory
