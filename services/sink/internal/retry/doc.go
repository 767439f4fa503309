// Package retry waits for what is away.
//
// Model. A Retrier repeats a call until it succeeds or fails for good, with pauses that grow and
// vary, and shows meanwhile what stands in the way, also while a call has not returned.
//
// Guarantees. An outage is waited for without end unless the user bounds that
// (errors.retry.max.time.ms). What Permanent marks, and what the service calls permanent, is never
// repeated. A context that ends ends the waiting with its cause.
//
// It differs from capture's package of the same name, which begins whole sessions again and ends the
// task at an error that nobody has judged; why is said there.
//
// Callers are whoever asks the cluster, the brokers or a registry on a task's behalf.
package retry
