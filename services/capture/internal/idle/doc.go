// Package idle shows captures that do not run: paused, stopped or failed, and this worker's all the same.
//
// Model. A Watch looks now and then which connectors are the worker's and do not run, and keeps
// them in the registry with their last durable position. The server keeps log for their slots
// whether somebody reads them or not, and the registry is where slots are looked at.
//
// Guarantees. What a task shows is never replaced. A connector whose configuration cannot be read
// is told of in the log.
//
// The worker runs one Watch, in a goroutine of its own.
package idle
