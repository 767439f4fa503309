// Package signaltable finds why signals that are written into the signal table would not arrive, or
// incremental snapshots could not mark their chunks in it.
//
// Model. A signal table has to be there, with text columns for id, type and data in this order, may
// be inserted into by the connector's role, and its inserts are published. What is wrong is an error
// with a remedy.
//
// Guarantees. Nothing is changed. What is found is of the moment when it was looked at.
//
// Who may call. The check of a source, and the session while it streams.
package signaltable
