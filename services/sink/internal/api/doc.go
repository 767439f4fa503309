// Package api answers SinkService for the sinks of a worker.
//
// Model. The status of tasks and their notices are plain values; here they become messages, and
// errors become the API's codes and reasons. Connectors that belong to this worker but do not run
// are shown with what waits for them. Dead letters are read, replayed and discarded on whichever
// worker is asked, whether or not the connector's tasks run.
//
// Guarantees. Texts are as callers may see them: the secrets of a configuration are taken out.
// Brokers that do not respond delay an answer by a few seconds at most.
//
// The worker registers one Service, which is safe for concurrent use.
package api
