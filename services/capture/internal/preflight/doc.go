// Package preflight puts the findings about a source, before a connector starts, into words.
//
// Model. A finding is a check of the connector API: a name, whether it is ok, a detail, and what to
// do. It is made from what an inspection returned: a detail in words, or an error, whose remedy is
// shown beside it and not twice.
//
// Guarantees. Nothing here does I/O. Long lists are cut to the first few, with the number of the
// others.
//
// The checks of captures (package check) and of polls (package poll) call it; all functions are
// safe for concurrent use.
package preflight
