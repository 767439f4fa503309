// Package avro reads Avro object container files as JSON texts, one for each record.
//
// A file comes from outside, so every length, count and depth in it is a claim: nothing is
// allocated for one before the bytes are there, and what a record may become is bounded. Blocks are
// read as streams where their compression allows it.
//
// A value becomes JSON by its type in the file's schema: records and maps objects, arrays arrays,
// enums their symbols, bytes and fixed strings (or base64), and of the logical types dates, times
// and timestamps what Kusto reads as datetime and timespan, decimals numbers with all their digits.
package avro
