// Package batch collects the rows of a range of offsets.
//
// Model. A Batch takes the rows of one partition's records, compresses them as they come, and
// counts what became no row. It remembers what its delivery needs besides: the records that were
// refused, sampled traces, and how old the rows are (AgeGroups).
//
// Guarantees. It does no I/O. A Batch belongs to one goroutine at a time: to its partition until it
// is closed, then to its delivery. What was gathered is held compressed, and no compressor for
// longer than a piece takes.
//
// Callers are the parts that turn records into rows: partitions, the search for rows that the
// cluster refuses, and replays of dead letters.
package batch
