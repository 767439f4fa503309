// Package clock gives the times at which events are processed.
//
// Model. Asking the system for every row of a busy stream would cost as much as encoding a column,
// so a reading is used for the next events too. A goroutine that waits for data stops the clock, so
// that the event that ends the wait gets the time when it came.
//
// Guarantees. An event's time is at most readings events old, and never that of an event before a wait.
//
// Who may call. One goroutine: each one that makes events has a clock of its own.
package clock
