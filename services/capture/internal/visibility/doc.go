// Package visibility finds what PostgreSQL silently keeps from a connector.
//
// Model. Limits are rows that the connector's role may not see, changes that are not in the log,
// rows, columns and operations that the publication does not send, and rows whose changes come under
// the name of another table. Each is described in a sentence, with the statement that lifts it.
//
// Guarantees. Nothing is changed. Limits are those of the moment when they were found.
//
// Who may call. The session when it begins, the check of a source, comparisons, and the view of the
// slot while the stream runs. Limits do not change, and are safe for concurrent use.
package visibility
