// Package preflight looks at Kafka, and at the source or target of a configuration, before it is used.
//
// Model. A Checker takes a checked configuration and gives findings, each with what to do about it:
// whether the brokers answer, what the worker may do there, whether transactions are available, and
// whatever the class itself checks.
//
// Guarantees. Nothing is changed. A check takes no longer than its limit, few connect at the same
// time, and a class whose check panics is a finding. Findings show no secret. A Checker may be used
// by any goroutine.
package preflight
