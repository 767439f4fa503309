// Package lateness says of each table of a pipeline how late it is in each of its targets, where its
// oldest change is held, why, and what to do.
//
// Model. A table is as late as its oldest change that is not queryable is old. Where that is, the
// steps say themselves: of changes that are not in Kafka capture does, by the server's counters
// (Capture.unread_tables); of those that are, the sink, or whoever watches the offsets of one that
// does not run (PartitionProgress.waiting). Why, the pipeline's checks say: each place has the checks
// that can explain it. What waits for longer than it should and no check explains is a check itself.
//
// Where a step cannot be asked, what it said last holds on: what waited then waits still. Of a sink
// that had everything, capture's last change of the table tells whether more has come since.
//
// Guarantees. Nothing that was not said to wait is late: of an idle table late_seconds is 0 whatever
// offsets, markers of transactions and the server's log look like. There is no clock and no I/O in
// here. Callers are the observer of pipelines, which has one Memory of each.
package lateness
