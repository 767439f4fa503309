package converter

import (
	"maps"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// Use is the key that names a converter.
type Use string

const (
	Key   Use = catalogue.KeyConverterKey
	Value Use = catalogue.ValueConverterKey
)

// Converter is a converter made from a configuration.
type Converter struct {
	record.Converter
	// SchemasGiven is true for a JSON converter whose schemas.enable is set in the configuration, not
	// left at its default.
	SchemasGiven bool
}

// configured is a converter whose settings are yet to be read: its keys declare them and the fields
// that they fill.
type configured interface {
	keys() []catalogue.Key
	// made returns the converter that the settings describe.
	made(catalogue.Settings) (Converter, error)
}

// classes lists the converters, each with the release that it follows.
var classes = []struct {
	name, release string
	settings      func(Use) configured
}{
	{record.AvroConverterClass, "8.0.0", func(use Use) configured {
		return &avroSettings{avro: &record.Avro{Key: use == Key}}
	}},
	{record.ByteArrayConverterClass, "4.3.1", func(Use) configured { return byteSettings{} }},
	{record.JSONConverterClass, "4.3.1", func(Use) configured { return &jsonSettings{json: new(record.JSON)} }},
	{record.StringConverterClass, "4.3.1", func(Use) configured { return textSettings{} }},
}

// Parts returns the converters with their keys, then the converter of headers.
func Parts() []catalogue.Part {
	var parts []catalogue.Part
	for _, class := range classes {
		parts = append(parts, catalogue.Part{Class: class.name, Kind: catalogue.Converter, Version: class.release,
			Keys: class.settings(Value).keys()})
	}
	return append(parts, catalogue.Part{Class: record.HeaderConverterClass, Kind: catalogue.HeaderConverter,
		Version: "4.3.1"})
}

// New makes the converter that settings name for a use, by its class or the last part of it, from
// the settings under that use's prefix. The default is JSON with schemas. Errors are
// catalogue.Problems.
func New(use Use, settings map[string]string) (Converter, error) {
	key := string(use)
	class, err := record.ConverterClass(settings[key])
	if err != nil {
		return Converter{}, catalogue.Problemf(key, "%s: %w", key, err)
	}
	for _, c := range classes {
		if c.name == class {
			return read(c.settings(use), use, settings)
		}
	}
	return Converter{}, catalogue.Problemf(key, "%s: %s cannot be made here", key, class)
}

// TypeKey says what a converter is used for. Kafka Connect sets it itself.
const TypeKey = "converter.type"

func read(c configured, use Use, settings map[string]string) (Converter, error) {
	prefix := string(use) + "."
	own := maps.Clone(settings)
	if _, given := own[prefix+TypeKey]; !given {
		own[prefix+TypeKey] = strings.TrimSuffix(string(use), ".converter")
	}
	filled, err := catalogue.FillPart(prefix, c.keys(), own)
	if err != nil {
		return Converter{}, err
	}
	return c.made(filled)
}

// typed declares converter.type.
func typed() catalogue.Key {
	return catalogue.Key{Name: TypeKey, Type: catalogue.String, Required: true, Importance: catalogue.Low,
		Into: catalogue.Elsewhere(), Doc: "What it converts: key, value or header."}
}
