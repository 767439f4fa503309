package record

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/banner"
	"github.com/calypso-cdc/calypso/libs/classname"
	"github.com/calypso-cdc/calypso/libs/egress"
)

// SettingError is what is wrong with a setting of a converter; its message names it.
type SettingError struct{ Key, Message string }

func (e *SettingError) Error() string { return e.Message }

// ConverterFrom makes the converter that settings name under prefix (key.converter or
// value.converter): a class or its last part, with options under "<prefix>.". The default is JSON
// with schemas. An error is a SettingError.
func ConverterFrom(settings map[string]string, prefix string, isKey bool) (Converter, error) {
	option := func(name, def string) string {
		if v, ok := settings[prefix+"."+name]; ok {
			return strings.TrimSpace(v)
		}
		return def
	}
	class, err := ConverterClass(settings[prefix])
	if err != nil {
		return nil, &SettingError{prefix, fmt.Sprintf("%s: %v", prefix, err)}
	}
	switch class {
	case JSONConverterClass:
		c := &JSON{
			Schemas:  !strings.EqualFold(option("schemas.enable", "true"), "false"),
			Decimals: DecimalFormat(strings.ToUpper(option("decimal.format", string(DecimalBase64)))),
			KeepNull: strings.EqualFold(option("replace.null.with.default", "true"), "false"),
		}
		if c.Decimals != DecimalBase64 && c.Decimals != DecimalNumeric {
			return nil, &SettingError{prefix + ".decimal.format", prefix + ".decimal.format must be BASE64 or NUMERIC"}
		}
		return c, nil
	case StringConverterClass:
		return StringConverter{}, nil
	case ByteArrayConverterClass:
		return ByteArrayConverter{}, nil
	case AvroConverterClass:
		url := option("schema.registry.url", "")
		if url == "" {
			return nil, &SettingError{prefix + registryURL, prefix + registryURL + " is required with AvroConverter"}
		}
		user, password, _ := strings.Cut(option("basic.auth.user.info", option("schema.registry.basic.auth.user.info", "")),
			":")
		url, _, _ = strings.Cut(url, ",")
		client, err := NewRegistry(strings.TrimSpace(url), &http.Client{
			Transport: banner.HTTP(egress.Transport(), aRegistry), Timeout: 10 * time.Second,
			// A redirect would carry the credentials elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}, user, password)
		if err != nil {
			return nil, &SettingError{prefix + registryURL, fmt.Sprintf("%s%s: %v", prefix, registryURL, err)}
		}
		return &Avro{Registry: client, Key: isKey,
			Lookup: strings.EqualFold(option("auto.register.schemas", "true"), "false")}, nil
	}
	return nil, &SettingError{prefix, fmt.Sprintf("%s: nothing makes %s", prefix, class)}
}

const registryURL = ".schema.registry.url"

// The converters that there are.
const (
	JSONConverterClass      = "org.apache.kafka.connect.json.JsonConverter"
	StringConverterClass    = "org.apache.kafka.connect.storage.StringConverter"
	ByteArrayConverterClass = "org.apache.kafka.connect.converters.ByteArrayConverter"
	AvroConverterClass      = "io.confluent.connect.avro.AvroConverter"
	HeaderConverterClass    = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
)

// ConverterClass is the full name of the converter that a configuration names, by that name or its
// last part; JSONConverterClass if it names none. Its error is Kafka Connect's, with the converters
// that there are.
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
