// Package contain keeps a panic to what panicked: a panic in any goroutine that nothing recovers
// ends the process, and with it every connector that the process runs.
//
// Each goroutine that works for a connector, a call or a loop of its own is started here, under a
// name, so that its panic becomes an error of the one who waits for it. What cannot be recovered
// (memory that ran out, a stack that overflowed, a map written by two goroutines) still ends the
// process; the connector runtime notices that (see connector's crashes).
package contain
