// Package status is what is known about the captures of a worker while they run.
//
// Model. The parts of a capture report to an Observer what happens, as Events: a session connects,
// tables are found and read, the stream begins, records are durable, something is waited for, it
// failed. A Capture is the observer that remembers: a plain State, the captured Tables, and how far
// incremental snapshots are. A Registry has the Captures of a worker by name. Metrics and traces
// are observers of their own.
//
// Status flows one way. Nothing here can change what a capture does: commands go through package
// command, and all that this package holds of a stream is a function that reads its counters.
//
// Guarantees. A Phase follows another only if the table of transitions allows it; an event out of
// turn leaves the phase as it is. A wait that passes (Held, Slow) is shown in place of the phase
// without ending it. Secrets are removed from every text that is kept.
//
// A Capture and a Registry are safe for concurrent use. A capture's task and sessions report
// events; CaptureService and the gauges read.
package status
