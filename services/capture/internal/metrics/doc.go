// Package metrics makes metrics and traces of what happens to captures.
//
// Model. Meters count what events tell of, for all captures of a worker; their gauges read the
// registry when metrics are collected. Traces makes the spans of one capture's sampled
// transactions. Both are observers (status.Observer) and know of nothing but what they are told.
//
// Guarantees. Labels never carry LSNs, keys or values. Records without sampled transactions cost no
// span. A server that does not answer for its slot holds up no other capture's gauges.
//
// The plugin makes one Meters for a worker; each task makes its Traces. Both are safe for concurrent use.
package metrics
