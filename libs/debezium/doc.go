// Package debezium writes changes of PostgreSQL's tables as Debezium's PostgreSQL connector does.
//
// Model. An Event is one change of one row of a pgmodel.Relation. An Encoder is compiled once for
// each version of a relation and Config, and appends Kafka records to a Batch. It writes them in
// one of three ways:
//
//   - JSON without transforms, by a rowPlan: constant bytes, and one function for each column.
//   - JSON and Avro, without transforms or with ones that only move values, by programs (shapes,
//     program): for the first event of a shape, a record of placeholders passes the transforms, and
//     the places where these come out tell what to write for all events of that shape.
//   - Everything else record by record (generic).
//
// The form of a type's values is defined once, in codecs, which write all formats.
//
// Guarantees. The bytes are those of Debezium 3.6 with Kafka Connect's converters, whichever way
// they are written. In the first two ways a row takes no reflection, no maps and no allocation.
package debezium
