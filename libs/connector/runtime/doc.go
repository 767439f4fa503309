// Package runtime runs this worker's share of a fleet's tasks.
//
// Model. A Worker follows the store and is a member of the fleet's consumer group. Its supervisor is a loop that tells
// the life cycle (package state) what happened, one thing after the other: configurations as they are now, partitions
// that come and go, the lease, ends of runs. The life cycle decides, and the supervisor acts: the runner runs tasks,
// the store reports. Nobody else changes what the life cycle knows.
//
//	the group's callbacks ─┐
//	the lease's clock      ├─ events ─→ supervisor ─→ state.Lifecycle
//	ends of runs           ┘                │ actions
//	the store's changes ────────────────────┤
//	                                        ├─→ runner ─→ tasks
//	                                        └─→ store.Report
//
// Guarantees. A task has at most one run here, and none without its partition; when partitions are revoked the group
// waits until their tasks have ended, as long as they may take, and the last word about them precedes the first of
// their next owner. A task that panics fails alone. The worker runs without Kafka as long as its lease lasts.
//
// New and Run are called once; everything else may be called by any goroutine.
package runtime
