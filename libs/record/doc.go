// Package record is Kafka Connect's data model, keys and values before they become bytes, with its
// converters.
//
// Model. A Schema describes a value as Kafka Connect does (types, optionality, names, versions,
// parameters and defaults); a value is a Go value of the matching type (see Schema). A Record is a
// key and a value with their schemas, headers, topic and timestamp; single message transforms work
// on it. A Converter turns a value into the bytes of a Kafka record and back; the bytes are those
// of Kafka Connect's JsonConverter, StringConverter and ByteArrayConverter and of Confluent's
// AvroConverter.
//
// The package favours exactness over speed: capture's hot path writes JSON itself, and uses this
// package for what is computed once and for pipelines with transforms or Avro.
package record
