// Package lag says how far the steps of a pipeline are behind each other, in bytes or records and
// in time.
//
// Model. Positions say a distance, not a time. A History remembers where the steps of one pipeline
// were; a step that is now where the step before it was ten seconds ago is ten seconds late. From
// the same samples follow where the pipeline is going (Trends), and when a slot will have lost its
// log.
//
// Guarantees. What is not known is said to be unknown, never 0. A History is bounded in samples,
// has no clock of its own, does no I/O, and is not safe for concurrent use; admin's observer is
// its only caller.
package lag
