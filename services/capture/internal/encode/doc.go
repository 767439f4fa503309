// Package encode turns the changes of tables into Kafka records.
//
// Model. Rules are what all tables of a session have in common. A Table is one version of a table,
// compiled: it appends the records of an event to a batch. A Cache finds the Table of a relation.
// Columns are those of a table whose values go into records, and say how the table is read with
// SELECT. Oversized replaces the records of a batch that their topic would refuse: they are cut to
// fit, or become dead letters.
//
// Guarantees. The bytes are those of package debezium. Append does not allocate once a batch has
// grown to its usual size. An event that fails leaves nothing in the batch. A text that is not
// UTF-8 is refused with the row and the column that it is in, where the database's encoding allows
// such texts.
//
// A Table and a Cache belong to one goroutine each: the stream's reader has one, incremental
// snapshots have one, and each worker of a snapshot compiles its own. Rules, Columns and Oversized
// are safe for concurrent use.
package encode
