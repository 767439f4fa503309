// Package target knows the tables of Azure Data Explorer that a connector's topics go to.
//
// Model. Tables finds a topic's Table, once, and shares it among the partitions of a task. A Table
// is the one owner of what is known about it: its columns and mapping as they were last seen, with
// a version that shows partitions when these have changed; whether it must be created; whether rows
// may be streamed into it now; and how far the view of its current state is. It is created and
// widened for the schemas of the records.
//
// Guarantees. No column's type is changed and none is dropped. One partition changes a table at a
// time, and others wait for it. What only the user can change is a retry.Permanent error that says
// what to do. Columns that no longer get values are reported until they do.
//
// Callers are partitions and deliveries, from any goroutine; checks of a configuration, which
// change nothing; and replays of dead letters.
package target
