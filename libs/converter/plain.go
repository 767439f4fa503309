package converter

import (
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// byteSettings are ByteArrayConverter's settings.
type byteSettings struct{}

func (byteSettings) keys() []catalogue.Key {
	return []catalogue.Key{
		typed(),
		{Name: "schemas.enable", Type: catalogue.String, Hidden: true, Importance: catalogue.Low,
			Into: catalogue.Elsewhere(),
			Doc:  "Has no effect: bytes have no schema."},
	}
}

func (byteSettings) made(catalogue.Settings) (Converter, error) {
	return Converter{Converter: record.ByteArrayConverter{}}, nil
}

// textSettings are StringConverter's settings.
type textSettings struct{}

func (textSettings) keys() []catalogue.Key {
	return []catalogue.Key{
		typed(),
		{Name: "converter.encoding", Type: catalogue.String, Default: catalogue.Default("UTF-8"),
			Allowed: []string{"UTF-8", "UTF8"}, Importance: catalogue.High, Width: catalogue.Middle,
			DisplayName: "Encoding",
			Into:        catalogue.Elsewhere(),
			Doc:         "Character set of the text, by its name in Java."},
		{Name: "schemas.enable", Type: catalogue.String, Hidden: true, Importance: catalogue.Low,
			Into: catalogue.Elsewhere(),
			Doc:  "Has no effect: text has no schema."},
	}
}

func (textSettings) made(catalogue.Settings) (Converter, error) {
	return Converter{Converter: record.StringConverter{}}, nil
}
