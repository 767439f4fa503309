// Package command carries calls to the captures that run on a worker.
//
// Model. A worker has Endpoints, one for each capture that currently takes commands. A capture
// opens its Endpoint while it can run commands, and serves those that come in. A caller names the
// connector and waits for the answer.
//
// Guarantees. The caller has no pointer to what runs: a command is taken by the capture that serves
// the endpoint, or by none. Every call ends: with the answer, with ErrClosed if no capture takes it,
// or with the caller's context. A command that panics fails alone.
//
// All types are safe for concurrent use. Commands of one endpoint run concurrently.
package command
