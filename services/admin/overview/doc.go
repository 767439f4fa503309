// Package overview makes the lists of pipelines and tables: a one-line summary of each pipeline,
// and the selection, order and pages of both.
//
// Guarantees. The summary of a pipeline that does well is the same from look to look, so that a
// watch need not send it again. There is no clock and no I/O in here; lists that are passed in are
// not changed.
package overview
