// Package batcher makes rows of one partition's records and puts them into batches.
//
// Model. A Batcher finds the table that records go to, has it made or widened for the schemas that
// they bring, and has the encoder write each record's row into the open batch. A record that makes
// no row is among the batch's refused ones, if there is somewhere for them to go, and stops the
// partition otherwise. What a table of rows cannot follow (a truncated source, a repeated snapshot)
// is noted before the record counts as taken.
//
// Guarantees. Each record that is added without an error is a row of the batch, one of its refused
// records, or counted as one that is no row. Outages of the cluster and of registries are waited
// for. Adding a record of a known schema allocates nothing.
//
// The caller is a partition, whose goroutine owns its Batcher.
package batcher
