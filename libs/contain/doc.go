// Package contain limits the effect of a panic: one that nothing recovers, in any goroutine, ends
// the process and with it every connector that the process runs.
//
// Each goroutine that works for a connector or a call, or runs a loop of its own, is started here
// under a name, so that its panic becomes an error for the code that waits for it. What cannot be
// recovered (memory that ran out, a stack that overflowed, a map written by two goroutines) still
// ends the process; the connector runtime notices that (see connector's crashes).
package contain
