// Package scalar implements the scalar functions of the Kusto query language that SQL cannot express, as Go functions
// over plain values. The query engine registers them with its database; the compiler binds calls by their signatures.
// Functions are pure: no I/O, no clock, no state.
package scalar
