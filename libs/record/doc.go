// Package record is Kafka Connect's data model and its converters: what a key or value is before it becomes bytes.
//
// Model. A Schema describes a value as Kafka Connect does (types, optionality, names, versions,
// parameters and defaults); a value is a Go value of the matching type (see Schema). A Record is a
// key and a value with their schemas, headers, topic and timestamp: what single message transforms
// work on. A Converter turns a value into the bytes of a Kafka record and back; the bytes are those
// of Kafka Connect's JsonConverter, StringConverter and ByteArrayConverter and of Confluent's
// AvroConverter.
//
// The package favours exactness over speed: the hot path of capture writes JSON by itself and uses this package for
// the parts that are computed once, and for pipelines with transforms or Avro.
package record
