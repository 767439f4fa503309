// Package debezium writes changes of PostgreSQL's tables as Debezium's PostgreSQL connector does.
//
// Model. An Event is one change of one row of a pgmodel.Relation. An Encoder is compiled once per
// version of a relation and Config, and appends Kafka keys and values to a Batch. It writes in one of
// three ways:
//
//   - JSON that passes no transform, by a rowPlan: constant bytes, and one function a column.
//   - JSON and Avro, with or without transforms that move values about without looking at them, by
//     programs (shapes, program): the first event of a shape passes the transforms as a record of
//     placeholders, and where these come out says what to write of all events of that shape.
//   - Whatever else, record by record (generic).
//
// The form of a type's values is defined once, in codecs, which write any format.
//
// Guarantees. The bytes are those of Debezium 3.6 with Kafka Connect's converters, whichever way they
// are written. In the first two ways a row costs neither reflection nor maps nor an allocation.
package debezium
