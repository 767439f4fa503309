// Package row turns Kafka records into the rows of a blob: it takes Debezium's envelope apart,
// checks every value against the table's columns, converts what Kusto would not understand, and
// appends the row's text to a buffer.
//
// The work is done on bytes, in one pass and in place: schemas that repeat are compared instead of
// read, a row that needs no conversion is one copy, and nothing is allocated for a row.
package row
