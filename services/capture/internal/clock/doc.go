// Package clock says when events are processed.
//
// Model. To ask the system for every row of a busy stream would cost as much as to encode a column,
// so a reading stands for the next events too. Whoever waits for data stops the clock, so that the
// event that ends the wait has the time of its coming.
//
// Guarantees. An event's time is at most readings events old, and never that of an event before a wait.
//
// Who may call. One goroutine: whoever makes events has a clock of its own.
package clock
