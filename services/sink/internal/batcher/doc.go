// Package batcher turns one partition's records into rows and puts them into batches.
//
// Model. A Batcher finds the table that records go to, has it created or widened for their schemas,
// and has the encoder write each record's row into the open batch. A record that makes no row joins
// the batch's refused ones, if there is somewhere for them to go, and stops the partition
// otherwise. What a table cannot follow (a truncated source, a repeated snapshot) is reported
// before the record counts as taken.
//
// Guarantees. Each record that is added without an error is a row of the batch, one of its refused
// records, or counted as one that is no row. Nothing of a Batcher waits: what a record waits for
// (a registry, the cluster, a table that is changed, a note) comes back as Waits, so that what is
// ahead of the record is not held by it. Outages are waited out there. Adding a record of a known
// schema allocates nothing.
//
// The caller is a partition, whose goroutine owns its Batcher.
package batcher
