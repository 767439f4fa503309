// Package command carries calls to captures that run.
//
// Model. Doors are those of a worker, one for each capture that takes commands now. A capture opens
// its Door while it can obey, and serves what comes through it. Who calls names the connector, and
// waits for the answer.
//
// Guarantees. The caller has no pointer to what runs: a command is taken by the capture that serves
// the door, or by none. Every call ends: with the answer, with ErrClosed where no capture takes it,
// or with the caller's context. A command that panics fails alone.
//
// All types are safe for concurrent use. Commands through one door are obeyed at the same time.
package command
