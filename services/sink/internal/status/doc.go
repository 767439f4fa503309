// Package status shows what the sinks of a worker are doing.
//
// Model. The parts of a task write what they did into its Task and its Troubles, and count it with
// Meters; the Registry has the tasks of a worker, and a State is what one of them says. Notices are
// what somebody should know or decide: those that pass are the Task's, those that last until they
// are acknowledged are notes of the connector's, which the runtime keeps. All are plain values.
//
// Guarantees. It goes one way: nothing in here changes what a task does, and the only question that
// it asks is where topics end. Secrets are taken out of what is shown. Everything may be called by
// any goroutine.
//
// Callers are all parts of a task as writers, and the service and the metrics as readers.
package status
