package record

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/egress"
)

// ConverterFrom makes the converter that settings name under prefix (key.converter or value.converter): a class or its last
// part, with options under "<prefix>.". The default is JSON with schemas.
func ConverterFrom(settings map[string]string, prefix string, isKey bool) (Converter, error) {
	class := settings[prefix]
	option := func(name, def string) string {
		if v, ok := settings[prefix+"."+name]; ok {
			return v
		}
		return def
	}
	switch class[strings.LastIndexByte(class, '.')+1:] {
	case "JsonConverter", "":
		c := &JSON{
			Schemas:  !strings.EqualFold(option("schemas.enable", "true"), "false"),
			Decimals: DecimalFormat(strings.ToUpper(option("decimal.format", string(DecimalBase64)))),
			KeepNull: strings.EqualFold(option("replace.null.with.default", "true"), "false"),
		}
		if c.Decimals != DecimalBase64 && c.Decimals != DecimalNumeric {
			return nil, fmt.Errorf("%s.decimal.format must be BASE64 or NUMERIC", prefix)
		}
		return c, nil
	case "StringConverter":
		return StringConverter{}, nil
	case "ByteArrayConverter":
		return ByteArrayConverter{}, nil
	case "AvroConverter":
		url := option("schema.registry.url", "")
		if url == "" {
			return nil, fmt.Errorf("%s.schema.registry.url is required with AvroConverter", prefix)
		}
		user, password, _ := strings.Cut(option("basic.auth.user.info", option("schema.registry.basic.auth.user.info", "")), ":")
		url, _, _ = strings.Cut(url, ",")
		client, err := NewRegistry(strings.TrimSpace(url), &http.Client{
			Transport: egress.Transport(), Timeout: 10 * time.Second,
			// A redirect would carry the credentials elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}, user, password)
		if err != nil {
			return nil, fmt.Errorf("%s.schema.registry.url: %w", prefix, err)
		}
		return &Avro{Registry: client, Key: isKey, Lookup: strings.EqualFold(option("auto.register.schemas", "true"), "false")}, nil
	}
	return nil, fmt.Errorf("there is no converter %s; JsonConverter, StringConverter, ByteArrayConverter and AvroConverter are known", class)
}
