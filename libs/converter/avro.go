package converter

import (
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// avroSettings are AvroConverter's settings.
type avroSettings struct {
	avro       *record.Avro
	registries []string
	// user has the form user:password.
	user string
}

func (c *avroSettings) keys() []catalogue.Key {
	keys := []catalogue.Key{
		{Name: "schema.registry.url", Type: catalogue.List, Required: true, Importance: catalogue.High,
			Into: catalogue.Strings(&c.registries),
			Doc:  "Addresses of the schema registry; only the first is used."},
		{Name: "basic.auth.credentials.source", Type: catalogue.String, Default: catalogue.Default("URL"),
			Importance: catalogue.Medium,
			Into:       catalogue.Elsewhere(),
			Doc:        "Where the registry's user and password come from; USER_INFO means basic.auth.user.info."},
		{Name: "basic.auth.user.info", Aliases: []string{"schema.registry.basic.auth.user.info"},
			Type: catalogue.Password, Default: catalogue.Default(""), Importance: catalogue.Medium,
			Into: catalogue.Text(&c.user),
			Doc:  "user:password of the registry."},
		{Name: "auto.register.schemas", Type: catalogue.Boolean, Default: catalogue.Default("true"),
			Importance: catalogue.Medium,
			Into:       catalogue.Unless(&c.avro.Lookup),
			Doc:        "Registers schemas that the registry does not have."},
		{Name: "ignore.default.for.nullables", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Medium,
			Into:       catalogue.Flag(&c.avro.KeepNull),
			Doc:        "Writes null as null also where its schema has a default, which otherwise stands in its place."},
		{Name: TypeKey, Type: catalogue.String, Importance: catalogue.Low,
			Into: catalogue.Elsewhere(),
			Doc:  "What it converts: key, value or header."},
	}
	names := []record.SubjectNames{record.ByTopic, record.ByRecord, record.ByTopicAndRecord}
	for _, use := range []string{"key", "value"} {
		into := catalogue.Elsewhere() // that of what another converter writes
		if c.avro.Key == (use == "key") {
			into = catalogue.Choice(&c.avro.Subjects, names...)
		}
		keys = append(keys, catalogue.Key{Name: use + ".subject.name.strategy", Type: catalogue.Class,
			Default: catalogue.Default(string(record.ByTopic)), Importance: catalogue.Low, Into: into,
			Doc: "How the subjects of " + use + "s are named in the registry: by topic, by the schema of the record, or by both."})
	}
	return keys
}

func (c *avroSettings) made(s catalogue.Settings) (Converter, error) {
	key := s.Name(&c.registries)
	if len(c.registries) == 0 {
		return Converter{}, catalogue.Problemf(key, "%s is required with AvroConverter", key)
	}
	user, password, _ := strings.Cut(c.user, ":")
	var err error
	c.avro.Registry, err = record.NewRegistry(c.registries[0], record.RegistryClient(), user, password)
	if err != nil {
		return Converter{}, catalogue.Problemf(key, "%s: %w", key, err)
	}
	return Converter{Converter: c.avro}, nil
}
