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
			Into:       catalogue.Unless(&c.avro.Schemas.Lookup),
			Doc:        "Registers schemas that the registry does not have."},
		{Name: "use.schema.id", Type: catalogue.Int, Default: catalogue.Default("-1"), Importance: catalogue.Low,
			Into: catalogue.Number(&c.avro.Schemas.ID),
			Doc: "Id of the schema with which all records are written, with auto.register.schemas=false; -1 for their own. " +
				"A schema with other fields or types than a record's stops the task."},
		{Name: "use.latest.version", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Low,
			Into:       catalogue.Flag(&c.avro.Schemas.Latest),
			Doc: "Writes with the latest version of the subject, with auto.register.schemas=false, instead of the one " +
				"with the same text. A version with other fields or types than a record's stops the task."},
		{Name: "normalize.schemas", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Medium,
			Into:       catalogue.Flag(&c.avro.Schemas.Normalize),
			Doc:        "Has the registry compare and keep schemas without regard to the order of what has none."},
		{Name: "connect.meta.data", Type: catalogue.Boolean, Default: catalogue.Default("true"),
			Importance: catalogue.Low,
			Into:       catalogue.Unless(&c.avro.Form.Plain),
			Doc:        "Writes Kafka Connect's names, versions and parameters into the schemas, as connect.* properties."},
		{Name: "scrub.invalid.names", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Medium,
			Into:       catalogue.Flag(&c.avro.Form.Scrubbed),
			Doc:        "Changes names that Avro does not take into ones that it does."},
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
	return append(keys, unsupportedAvro...)
}

// unsupportedAvro are further settings of AvroConverter. What they would change is said where one is set.
var unsupportedAvro = []catalogue.Key{
	{Name: "enhanced.avro.schema.support", Type: catalogue.Boolean, Default: catalogue.Default("false"),
		Importance: catalogue.Medium, Doc: "Keeps enums and the namespaces of the types of unions.",
		Unsupported: "Debezium's events have no Avro enums or unions of records; those that are read become text, and go by short names."},
	{Name: "generalized.sum.type.support", Type: catalogue.Boolean, Default: catalogue.Default("false"),
		Importance: catalogue.Medium, Doc: "Reads enums and unions as other converters do.",
		Unsupported: "Debezium's events have no Avro enums or unions of records; those that are read become text, and go by short names."},
	{Name: "allow.optional.map.keys", Type: catalogue.Boolean, Default: catalogue.Default("false"),
		Importance: catalogue.Low, Doc: "Writes maps whose keys may be null as Avro's maps.",
		Unsupported: "Maps whose keys may be null are written as lists of entries; Debezium's events have none."},
	{Name: "discard.type.doc.default", Type: catalogue.Boolean, Default: catalogue.Default("false"),
		Importance: catalogue.Low, Doc: "Keeps documentation and defaults of fields only.",
		Unsupported: "Documentation stands in connect.doc, so that the registry takes the schemas for others."},
	{Name: "schema.format", Type: catalogue.String, Importance: catalogue.Low,
		Doc: "Form in which the registry answers.", Unsupported: "Schemas are read in the form in which they were registered."},
	{Name: "use.schema.guid", Type: catalogue.String, Importance: catalogue.Low,
		Doc: "GUID of the schema of all records.", Unsupported: "Set use.schema.id instead."},
	{Name: "use.latest.with.metadata", Type: catalogue.String, Importance: catalogue.Low,
		Doc:         "Properties of the version with which records are written.",
		Unsupported: "Versions are not chosen by their metadata: set use.schema.id or use.latest.version instead."},
	{Name: "id.compatibility.strict", Type: catalogue.Boolean, Default: catalogue.Default("true"),
		Importance: catalogue.Low, Doc: "Refuses use.schema.id where records do not fit the schema.",
		Unsupported: "A schema with other fields or types than a record's always stops the task."},
	{Name: "latest.compatibility.strict", Type: catalogue.Boolean, Default: catalogue.Default("true"),
		Importance: catalogue.Low, Doc: "Refuses use.latest.version where records do not fit the version.",
		Unsupported: "A version with other fields or types than a record's always stops the task."},
	{Name: "propagate.schema.tags", Type: catalogue.Boolean, Default: catalogue.Default("false"),
		Importance: catalogue.Low, Doc: "Takes tags over from the version before.",
		Unsupported: "New versions are registered without tags."},
	{Name: "context.name.strategy", Type: catalogue.Class,
		Default:    catalogue.Default("io.confluent.kafka.serializers.context.NullContextNameStrategy"),
		Importance: catalogue.Low, Doc: "Chooses the registry's context.",
		Unsupported: "Subjects are those of the default context; another one may end schema.registry.url, as /contexts/:.name:."},
	{Name: "key.schema.id.serializer", Type: catalogue.Class, Default: catalogue.Default(prefixSerializer),
		Importance: catalogue.Low, Doc: "Where the schema's id of a key is written.", Unsupported: idsInFront},
	{Name: "value.schema.id.serializer", Type: catalogue.Class, Default: catalogue.Default(prefixSerializer),
		Importance: catalogue.Low, Doc: "Where the schema's id of a value is written.", Unsupported: idsInFront},
}

const (
	prefixSerializer = "io.confluent.kafka.serializers.schema.id.PrefixSchemaIdSerializer"
	idsInFront       = "Ids stand in front of the bytes of keys and values, where all consumers find them."
)

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
