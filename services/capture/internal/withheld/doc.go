// Package withheld finds what PostgreSQL keeps from a connector without refusing anything.
//
// Model. Rows that the connector's role may not see, changes that are not in the log, rows, columns
// and operations that the publication does not send, and rows whose changes come under the name of
// another table. Each is said in a sentence with what sends it.
//
// Guarantees. Nothing is changed. What is found is as of the moment when it was asked for.
//
// Who may call. The session when it begins, the check of a source, and comparisons. A Withheld does
// not change, and is safe for concurrent use.
package withheld
