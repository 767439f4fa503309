// Package fidelity is what a server takes over from Azure's service although nothing needs it
// locally: forms of answers, delays, refusals and roles that a client has to live with there.
//
// Model. A Set of Traits, each of which is what documentation, the SDKs' sources or Microsoft's own
// connectors say of the service, in its worst form. Without any, the server does the simplest thing
// that keeps its promises.
//
// Guarantees. There is no I/O here, and no value changes.
//
// Who may call. Everything here is safe for concurrent use.
package fidelity
