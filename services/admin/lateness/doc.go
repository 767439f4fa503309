// Package lateness finds how late each table of a pipeline is in each of its targets, where its
// oldest change is held, why, and what to do.
//
// Model. A table is as late as its oldest change that is not queryable is old. The steps themselves
// say where that is: capture for changes that are not in Kafka, by the server's counters
// (Capture.unread_tables); and for those that are, the sink, or whoever watches the offsets of one
// that does not run (PartitionProgress.waiting). The pipeline's checks say why: each place has the
// checks that can explain it. If something waits longer than it should and no check explains it,
// that becomes a check itself.
//
// If a step cannot be asked, what it said last still counts: what waited then is taken to wait
// still. If a sink had everything then, capture's last change of the table shows whether more has
// come since.
//
// Guarantees. Only what a step said to be waiting is late: for an idle table late_seconds is 0,
// whatever offsets, markers of transactions and the server's log look like. There is no clock and
// no I/O in here. Who may call: the observer of pipelines, which has one Memory for each.
package lateness
