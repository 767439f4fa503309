// Package preflight words what a look at a source found before a connector starts.
//
// Model. A finding is a check of the connector API: a name, whether it is well, a detail, and what
// to do. It is made of what an inspection returned: a detail in words, or an error, whose remedy is
// shown beside it and not twice.
//
// Guarantees. Nothing here does I/O. Lists of many are cut to the first few, with how many more there are.
//
// The checks of captures (package check) and of polls (package poll) call it; all functions are
// safe for concurrent use.
package preflight
