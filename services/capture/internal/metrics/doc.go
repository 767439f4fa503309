// Package metrics turns the events of captures into metrics and traces.
//
// Model. Meters count events, for all captures of a worker; their gauges read the
// registry when metrics are collected. Traces makes the spans of one capture's sampled
// transactions. Both are observers (status.Observer) and know only the events they are given.
//
// Guarantees. Labels never carry LSNs, keys or values. Records without sampled transactions cost no
// span. A server that does not answer about its slot does not delay other captures' gauges.
//
// The plugin makes one Meters for a worker; each task makes its Traces. Both are safe for concurrent use.
package metrics
