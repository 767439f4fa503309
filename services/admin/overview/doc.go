// Package overview is what lists of pipelines and tables show: pipelines in a line each, and the
// choosing, ordering and cutting into pages of both.
//
// Guarantees. A summary of a pipeline that does well is the same from look to look, so that a watch
// has nothing to say of it. There is no clock and no I/O in here; lists that come in are not changed.
package overview
