// Package state is what a fleet knows and decides, without Kafka, clock or goroutine: records in, decisions out.
//
// Model. A View holds what the config and status topics say, record by record. A Lifecycle decides
// from the configurations, the partitions that this worker holds and the ends of runs which tasks
// start and stop, and what is reported; its Sweep repairs what the status topic says. Share divides
// the partitions among the workers. A Lease says how long a worker that hears nothing from the
// group may go on. The configurations that a connector has had are its versions.
//
// Guarantees. A task has at most one run, only where its partition is held; deciding again changes
// nothing; a record that no worker writes is an error that names it, and leaves the view as it was,
// except that an unreadable status removes the one before. Records and keys are those of Kafka
// Connect.
//
// Nothing here is safe for use by several goroutines: the store owns the view, the worker's loop the life cycle, and
// the group's hooks the lease.
package state
