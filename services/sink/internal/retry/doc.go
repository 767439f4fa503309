// Package retry waits out outages.
//
// Model. A Retrier repeats a call until it succeeds or fails for good, with pauses that grow and
// vary, and shows meanwhile what stands in the way, even before a call has returned.
//
// Guarantees. An outage is waited for without end unless the user bounds that
// (errors.retry.max.time.ms). What Permanent marks, and what the service calls permanent, is never
// repeated; a refusal of a kind that is not known is repeated for ten minutes. A context that ends
// ends the waiting with its cause.
//
// It differs from capture's package of the same name, which restarts whole sessions and ends the
// task at an error that no rule covers; the reason is given there.
//
// Callers are all parts that ask the cluster, the brokers or a registry on a task's behalf.
package retry
