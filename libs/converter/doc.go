// Package converter makes Kafka Connect's converters from a connector's configuration.
//
// Model. A configuration names the converters of keys and of values by their classes
// (key.converter, value.converter) and holds their settings under those names. Each converter
// declares its settings as keys with the fields that they fill; the converters themselves are in
// package record. Names, settings and defaults are those of Kafka Connect 4.3 and of Confluent's
// AvroConverter.
//
// Guarantees. No connection is made before a record is converted. Errors are catalogue.Problems,
// which carry their key.
package converter
