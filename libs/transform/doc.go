// Package transform implements single message transforms and predicates of Kafka Connect, Debezium
// and Confluent: those that pipelines of Debezium's connectors and of the Kusto sink use.
//
// Model. A Transform maps a record to a record or drops it. A Chain is the configured sequence,
// each step optionally under a predicate. Names, options and results are those of Kafka Connect 4.3
// and Debezium 3.6 (and Debezium 1.2's spelling of options where it differs). Transforms keep no
// state but derived schemas; a Chain is used by one goroutine at a time. Each transform declares
// its settings as keys, with the fields that they fill: one declaration says what Kafka Connect's
// API shows, what is checked and what is read (Parts).
package transform
