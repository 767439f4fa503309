// Package debezium writes changes of PostgreSQL's tables as Debezium's PostgreSQL connector does.
//
// Model. An Event is one change of one row of a pgmodel.Relation. An Encoder is compiled once per
// version of a relation and Config, and appends Kafka keys and values to a Batch.
//
// Guarantees. The bytes are those of Debezium 3.6 with Kafka Connect's converters. With the JSON
// converter and no transforms a row costs neither reflection nor maps nor an allocation.
package debezium
