// Package buffer passes records from the goroutines that make them to the one that writes them to
// Kafka.
//
// Model. A Buffer has two batches: one is filled while the other is written. A Batch holds records
// and how far they advance the capture (progress.Step); its Summary is what status, metrics and
// traces get once the records are durable.
//
// Guarantees. Batches are taken in the order in which they were filled, and the position passes
// from each to the next, so that none is skipped. Memory is bounded: a goroutine that finds the
// open batch full waits. A batch leaves at once where it ends between transactions, and nothing
// waits for a timer. Closing wakes all waiters; what was not taken is dropped, and comes again from
// the source.
//
// Who may call. Any goroutine fills, between Fill and Unlock, which should be as close together as
// those of a mutex. One goroutine takes batches and reports what it has written and what is
// durable.
//
// # How the two sides meet
//
// Reader R fills, heartbeat H fills now and then, deliverer D takes. Batches are A and B; A is open.
//
//	R: Fill, one row, not Whole, Unlock    A has a row of an open transaction: not ready, D sleeps
//	R: Fill, commit, Whole, Unlock         A is ready and the spare is here: D is woken
//	D: Take                                A is D's; B is open, with A's position and Whole
//	R: Fill, rows …                        B grows while A is written, without anybody waiting
//	R: Fill                                B is full: R sleeps, and with it the socket
//	H: Fill                                so does H
//	D: Written(A)                          A is the spare; B is ready, so D goes on without committing, or
//	D: commits; Committed                  all that was taken is durable
//	D: Take                                B is D's; A is open. Both R and H are woken: if only one were, it
//	                                       might be H, which leaves a batch within a transaction as it is, and R
//	                                       would sleep for ever
//
// Draining, at the end of a stream that has one, is R's: it marks the open batch as Due and sleeps
// until that was taken and nothing is in flight. A batch cannot come in between: R is the only one
// that makes a position, and records of H are in what is taken.
//
//	R: Drain                               A is Due: D is woken even though A may be empty; R sleeps
//	D: Take                                A is D's: no longer Due, but in flight, so R sleeps on
//	D: Written(A), commits, Committed      nothing is in flight: R is woken, and everything that it read is durable
//	D: fails, Close                        R is woken with false: nothing is known of what was taken
package buffer
