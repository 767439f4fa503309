// Package verify compares what PostgreSQL committed with what arrived in Kafka and in Azure Data Explorer: by identity,
// change by change, never by count, since a loss and a repetition would cancel each other out.
//
// Model. A Change is one committed change of one row, whichever store it was read from. The truth
// is a Witness: triggers that note every change in a table of the same database, inside the same
// transaction, so that what is rolled back was never noted, savepoints included. A TopicReader reads
// the change topics, ADX a table. Validators get a topic's changes one after another and
// watch over one promise each: Identity compares with what was committed, key by key, Order, Chain
// and Transactions find what cannot be in any stream of changes, Fingerprint compares with the table
// as it was at places of the log. Rows compares unordered rows, State compares the table itself with
// the one rebuilt from the topic.
//
// All values are compared as text ("42", "true", "2006-01-02 15:04:05"), so that stores with different
// types can be compared; floating-point and nested values should be left out by choosing columns.
package verify
