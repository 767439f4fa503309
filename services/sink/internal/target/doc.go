// Package target knows the tables of Azure Data Explorer that a connector's topics go to.
//
// Model. Tables finds a topic's Table, once, and shares it among the partitions of a task. A Table
// is the one owner of what is known of it: its columns and mapping as they were last seen, with the
// version by which partitions tell that these have changed; whether it is to be made; whether it
// may be streamed into now; and how far the view of its current state is. It is made and widened
// for the schemas that records bring.
//
// Guarantees. No column's type is changed and none is dropped. One partition changes a table at a
// time, and others wait for it. What the user alone can change is a retry.Permanent error that says
// what to do. Columns that get no values any more are told of until that ends.
//
// Callers are partitions and deliveries, for any goroutine; checks of a configuration, which change
// nothing; and replays of dead letters.
package target
