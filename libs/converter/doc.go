// Package converter makes Kafka Connect's converters of the settings that a configuration has for them.
//
// Model. A configuration names the converter of keys and that of values by their classes (key.converter,
// value.converter), with settings under that name. Each converter declares its settings as keys with the fields that
// they fill; the converters themselves are those of package record. Names, settings and defaults are those of Kafka
// Connect 4.3 and Confluent's AvroConverter.
//
// Guarantees. Nothing connects to anything until a record is converted. Errors are catalogue.Problems, which carry
// their key.
package converter
