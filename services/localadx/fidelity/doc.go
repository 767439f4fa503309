// Package fidelity lists traits of Azure's service that a server can imitate although nothing needs
// them locally: forms of answers, delays, refusals and roles that clients must cope with there.
//
// Model. A Set holds Traits. Each follows from documentation, the SDKs' sources or Microsoft's own
// connectors, in the worst form of what these say about the service. Without traits, the server
// does the simplest thing that keeps its promises.
//
// Guarantees. There is no I/O here, and no value changes.
//
// Who may call. Everything here is safe for concurrent use.
package fidelity
