package record

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/classname"
)

// The classes of the converters.
const (
	JSONConverterClass      = "org.apache.kafka.connect.json.JsonConverter"
	StringConverterClass    = "org.apache.kafka.connect.storage.StringConverter"
	ByteArrayConverterClass = "org.apache.kafka.connect.converters.ByteArrayConverter"
	AvroConverterClass      = "io.confluent.connect.avro.AvroConverter"
	HeaderConverterClass    = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
)

// ConverterClass returns the full name of the converter that a configuration names in full or by
// its last part, JSONConverterClass for an empty name. Its error is Kafka Connect's, with a list of
// the converters.
func ConverterClass(name string) (string, error) {
	if name = strings.TrimSpace(name); name == "" {
		return JSONConverterClass, nil
	}
	return classNamed(name, "Converter", JSONConverterClass, StringConverterClass, ByteArrayConverterClass,
		AvroConverterClass)
}

// HeaderConverter is ConverterClass for header.converter.
func HeaderConverter(name string) (string, error) {
	if name = strings.TrimSpace(name); name == "" {
		return HeaderConverterClass, nil
	}
	return classNamed(name, "HeaderConverter", HeaderConverterClass)
}

func classNamed(name, suffix string, classes ...string) (string, error) {
	full, ok := classname.Find(name, suffix, slices.Values(classes))
	if !ok {
		//nolint:staticcheck // Kafka Connect's words
		return "", fmt.Errorf("Class %.200s could not be found. Calypso has %s.", name, strings.Join(classes, ", "))
	}
	return full, nil
}
