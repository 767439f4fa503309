package converter

import (
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// jsonSettings are JsonConverter's settings.
type jsonSettings struct {
	json         *record.JSON
	schemasGiven bool
}

// The groups in which configuration forms show the keys.
const (
	groupSchemas       = "Schemas"
	groupSerialization = "Serialization"
)

func (c *jsonSettings) keys() []catalogue.Key {
	return []catalogue.Key{
		typed(),
		{Name: "schemas.enable", Type: catalogue.Boolean, Default: catalogue.Default("true"),
			Importance: catalogue.High, Group: groupSchemas, Width: catalogue.Middle, DisplayName: "Enable Schemas",
			Into: catalogue.Given(&c.schemasGiven, catalogue.Flag(&c.json.Schemas)),
			Doc:  "Writes, and expects, the schema beside each value."},
		{Name: "schemas.cache.size", Type: catalogue.Int, Default: catalogue.Default("1000"),
			Importance: catalogue.High, Group: groupSchemas, Order: 1, Width: catalogue.Middle,
			DisplayName: "Schema Cache Size",
			Into:        catalogue.Elsewhere(),
			Doc:         "How many schemas are kept in memory."},
		{Name: "schema.content", Type: catalogue.String, Importance: catalogue.High, Group: groupSchemas, Order: 2,
			Width: catalogue.Middle, DisplayName: "Schema Content", ChangesData: true,
			Unsupported: "each record carries its schema, or has none.",
			Doc:         "Schema of all messages of a sink, instead of one in each message; only with schemas.enable."},
		{Name: "decimal.format", Type: catalogue.String, Default: catalogue.Default("BASE64"),
			Importance: catalogue.Low, Group: groupSerialization, Width: catalogue.Middle,
			DisplayName: "Decimal Format",
			Into:        catalogue.Choice(&c.json.Decimals, record.DecimalNumeric, record.DecimalBase64),
			Doc:         "How decimals are written: BASE64, the default, or NUMERIC."},
		{Name: "replace.null.with.default", Type: catalogue.Boolean, Default: catalogue.Default("true"),
			Importance: catalogue.Low, Group: groupSerialization, Order: 1, Width: catalogue.Middle,
			DisplayName: "Replace null with default",
			Into:        catalogue.Unless(&c.json.KeepNull),
			Doc:         "Replaces null by the default of its field, if it has one."},
	}
}

func (c *jsonSettings) made(catalogue.Settings) (Converter, error) {
	return Converter{Converter: c.json, SchemasGiven: c.schemasGiven}, nil
}
