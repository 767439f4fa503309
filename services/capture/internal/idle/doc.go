// Package idle shows captures that belong to this worker but do not run: paused, stopped or failed.
//
// Model. A Watch looks from time to time for connectors that belong to the worker but do not run,
// and keeps them in the registry with their last durable position. The server keeps log for their
// slots whether somebody reads them or not, and slots are watched through the registry.
//
// Guarantees. The status that a running task shows is never replaced. A connector whose
// configuration cannot be read is reported in the log.
//
// The worker runs one Watch, in a goroutine of its own.
package idle
