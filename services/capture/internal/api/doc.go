// Package api answers CaptureService for the captures of a worker.
//
// Model. Status, slots and versions are plain values; here they become messages, and errors become
// the API's codes and reasons. A call that changes something goes through the endpoint of the capture
// that it names.
//
// Guarantees. Texts are as callers may see them: the secrets of a configuration are removed. A
// server that does not respond delays an answer by a few seconds at most. Requested sizes are
// bounded before anything is allocated.
//
// The worker registers one Service, which is safe for concurrent use.
package api
