package parts_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/parts"
	"github.com/calypso-cdc/calypso/libs/transform"
)

const (
	apache = "org.apache.kafka.connect.transforms."
	json   = "org.apache.kafka.connect.json.JsonConverter"
)

// check is what is said of a source's configuration, by key.
func check(t *testing.T, config map[string]string) (warnings, problems map[string]string) {
	t.Helper()
	keys, err := catalogue.New(catalogue.SourceFramework())
	if err != nil {
		t.Fatal(err)
	}
	config = maps.Clone(config)
	config["name"], config["connector.class"] = "c", "x"
	_, warned, wrong := parts.In(keys, config).Parse(config)
	byKey := func(all []catalogue.Problem) map[string]string {
		found := map[string]string{}
		for _, p := range all {
			found[p.Key] = strings.TrimPrefix(found[p.Key]+"\n"+p.Message, "\n")
		}
		return found
	}
	return byKey(warned), byKey(append(wrong, parts.Faults(config)...))
}

func step(class string, settings ...string) map[string]string {
	config := map[string]string{"transforms": "t", "transforms.t.type": class}
	for i := 0; i < len(settings); i += 2 {
		config["transforms.t."+settings[i]] = settings[i+1]
	}
	return config
}

// The answers are those that Kafka Connect 4.3.1 gave to a validation of the same settings, but for
// the names of keys, which are whole here.
func TestSettingsOfPartsAreCheckedAsKafkaConnectChecksThem(t *testing.T) {
	router := apache + "RegexRouter"
	predicate := func(class string, settings ...string) map[string]string {
		config := map[string]string{"predicates": "p", "predicates.p.type": class}
		for i := 0; i < len(settings); i += 2 {
			config["predicates.p."+settings[i]] = settings[i+1]
		}
		return config
	}
	with := func(config map[string]string, more ...string) map[string]string {
		for i := 0; i < len(more); i += 2 {
			config[more[i]] = more[i+1]
		}
		return config
	}
	const notBoolean = ": Expected value to be either true or false"
	for _, c := range []struct {
		config map[string]string
		want   map[string]string // nil: nothing is wrong
	}{
		{step(" "+router+" ", "regex", "(.*)", "replacement", "x"), nil},
		{step("RegexRouter", "regex", "(.*)", "replacement", ""), nil},
		{step(router),
			map[string]string{"transforms.t.regex": `Missing required configuration "transforms.t.regex" which has no default value.`,
				"transforms.t.replacement": `Missing required configuration "transforms.t.replacement" which has no default value.`}},
		{step(router, "regex", "(", "replacement", "x"),
			map[string]string{"transforms.t.regex": "Invalid value ( for configuration transforms.t.regex: Invalid regex: Unclosed group near index 1\n("}},
		{step(""),
			map[string]string{"transforms.t.type": "Invalid value  for configuration transforms.t.type: Class  could not be found."}},
		{step("com.acme.RegexRouter"),
			map[string]string{"transforms.t.type": "Invalid value com.acme.RegexRouter for configuration transforms.t.type: Class com.acme.RegexRouter could not be found."}},
		{step("Cast$Value", "spec", "a:int8"),
			map[string]string{"transforms.t.type": "Invalid value Cast$Value for configuration transforms.t.type: Class Cast$Value could not be found."}},
		{step(apache+"Cast$Value", "spec", "a:int8", "replace.null.with.default", "yes"),
			map[string]string{"transforms.t.replace.null.with.default": "Invalid value yes for configuration transforms.t.replace.null.with.default" + notBoolean}},
		{step(apache+"Cast$Value", "spec", "a:int8", "replace.null.with.default", ""),
			map[string]string{"transforms.t.replace.null.with.default": "Invalid value  for configuration transforms.t.replace.null.with.default" + notBoolean}},
		{step(apache+"Cast$Value", "spec", "a:int8", "replace.null.with.default", " FALSE "), nil},
		{step(apache+"ReplaceField$Value", "renames", "a:b,c"),
			map[string]string{"transforms.t.renames": "Invalid value [a:b, c] for configuration transforms.t.renames: Invalid rename mapping: c"}},
		{step(apache+"ReplaceField$Value", "renames", ","),
			map[string]string{"transforms.t.renames": "Invalid value [, ] for configuration transforms.t.renames: Invalid rename mapping: "}},
		{step(apache+"ReplaceField$Value", "whitelist", "a"), nil},
		{step(apache+"TimestampConverter$Value", "target.type", "string", "format", "yyyy", "unix.precision", "SECONDS"),
			map[string]string{
				"transforms.t.unix.precision": "Invalid value SECONDS for configuration transforms.t.unix.precision: String must be one of: nanoseconds, microseconds, milliseconds, seconds"}},
		{step(apache+"InsertHeader", "header", "h", "value.literal", ""), nil},
		{step(apache+"InsertHeader", "header", "", "value.literal", "x"), nil},
		{step("ByLogicalTableRouter", "topic.regex", "a", "topic.replacement", "b", "key.field.regex", ""), nil},
		{step(apache+"HoistField$Key", "field", ""), nil},

		{map[string]string{"transforms": "t,t", "transforms.t.type": "Filter"},
			map[string]string{"transforms": "Invalid value [t, t] for configuration transforms: Duplicate alias provided."}},
		{map[string]string{"transforms": "t,", "transforms.t.type": "Filter"},
			map[string]string{"transforms..type": `Missing required configuration "transforms..type" which has no default value.`}},
		{map[string]string{"transforms": " "}, nil},
		{map[string]string{"transforms": ` t , "u"`, "transforms.t.type": "Filter"},
			map[string]string{`transforms."u".type`: `Missing required configuration "transforms."u".type" which has no default value.`}},
		{step("Filter", "negate", "true"),
			map[string]string{"transforms.t.negate": "Config 'transforms.t.negate' was provided but there is no config 'transforms.t.predicate' defining a predicate to be negated."}},
		// there the task fails
		{step("Filter", "predicate", "p"),
			map[string]string{"transforms.t.predicate": "Invalid value p for configuration transforms.t.predicate: predicates does not list it"}},
		{with(step("Filter", "predicate", " p ", "negate", "TRUE"), "predicates", "p", "predicates.p.type",
			"RecordIsTombstone"), nil},
		{with(step("Filter", "predicate", "p", "negate", "1"), "predicates", "p", "predicates.p.type", "RecordIsTombstone"),
			map[string]string{"transforms.t.negate": "Invalid value 1 for configuration transforms.t.negate" + notBoolean}},
		{predicate("TopicNameMatches", "pattern", ""),
			map[string]string{"predicates.p.pattern": "Invalid value  for configuration predicates.p.pattern: String must be non-empty"}},
		{predicate("HasHeaderKey"),
			map[string]string{"predicates.p.name": `Missing required configuration "predicates.p.name" which has no default value.`}},

		{map[string]string{"value.converter": json, "value.converter.schemas.enable": "no"},
			map[string]string{"value.converter.schemas.enable": "Invalid value no for configuration value.converter.schemas.enable" + notBoolean}},
		{map[string]string{"value.converter": json, "value.converter.decimal.format": "text"},
			map[string]string{"value.converter.decimal.format": "Invalid value text for configuration value.converter.decimal.format: String must be one of (case insensitive): NUMERIC, BASE64"}},
		{map[string]string{"value.converter": json, "value.converter.decimal.format": " numeric "}, nil},
		{map[string]string{"value.converter": json, "value.converter.schemas.cache.size": "+5"}, nil},
		{map[string]string{"key.converter": ""},
			map[string]string{"key.converter": "Invalid value  for configuration key.converter: Class  could not be found."}},
		{map[string]string{"header.converter": "Simple"}, nil},
		{map[string]string{"errors.tolerance": "ALL"},
			map[string]string{"errors.tolerance": "Invalid value ALL for configuration errors.tolerance: String must be one of: none, all"}},
		{map[string]string{"config.action.reload": "never"},
			map[string]string{"config.action.reload": "Invalid value never for configuration config.action.reload: String must be one of: none, restart"}},
		{map[string]string{"tasks.max.enforce": "x"},
			map[string]string{"tasks.max.enforce": "Invalid value x for configuration tasks.max.enforce" + notBoolean}},
		{map[string]string{"offsets.storage.topic": ""},
			map[string]string{"offsets.storage.topic": "Invalid value  for configuration offsets.storage.topic: String must be non-empty"}},
		{map[string]string{"topic.creation.groups": "a,a"},
			map[string]string{"topic.creation.groups": "Invalid value [a, a] for configuration topic.creation.groups: Duplicate alias provided."}},
	} {
		if _, got := check(t, c.config); !maps.Equal(got, c.want) {
			t.Errorf("%v:\n got  %q\n want %q", c.config, got, c.want)
		}
	}
}

// Kafka Connect trims what its own classes read (ConfigDef.parseType), and gives Debezium's, and its own runtime where it
// asks whether a predicate is negated, what it was given.
func TestAPartReadsWhatKafkaConnectWouldGiveIt(t *testing.T) {
	config := step("ExtractNewRecordState", "add.fields", "op", "add.fields.prefix", " _", "drop.tombstones", " false ",
		"negate", " true ", "predicate", " p ")
	config["predicates"], config["predicates.p.type"], config["predicates.p.name"] = "p", " HasHeaderKey ", " h "
	keys, err := catalogue.New(catalogue.SourceFramework())
	if err != nil {
		t.Fatal(err)
	}
	values, _, _ := parts.In(keys, config).Parse(config)
	for key, want := range map[string]string{"transforms.t.add.fields.prefix": " _", "transforms.t.negate": " true ",
		"transforms.t.predicate": "p", "predicates.p.type": "HasHeaderKey", "predicates.p.name": "h"} {
		if got := values.Raw()[key]; got != want {
			t.Errorf("%s is read as %q, want %q", key, got, want)
		}
	}
	if warnings, problems := check(t, config); len(warnings)+len(problems) > 0 {
		t.Errorf("%q %q", warnings, problems)
	}
}

// The keys are all that AvroConverter has of which ids, schemas or bytes depend.
func TestNoSettingOfTheAvroConverterThatChangesBytesIsPassedOverInSilence(t *testing.T) {
	for setting, honoured := range map[string]bool{
		"auto.register.schemas=false": true, "use.latest.version=true": true, "use.schema.id=7": true,
		"normalize.schemas=true": true, "connect.meta.data=false": true, "scrub.invalid.names=true": true,
		"ignore.default.for.nullables=true":                                                     true,
		"value.subject.name.strategy=io.confluent.kafka.serializers.subject.RecordNameStrategy": true,

		"enhanced.avro.schema.support=true": false, "generalized.sum.type.support=true": false,
		"allow.optional.map.keys=true": false, "discard.type.doc.default=true": false, "use.schema.guid=x": false,
		"use.latest.with.metadata=a=b": false, "id.compatibility.strict=false": false,
		"latest.compatibility.strict=false": false, "propagate.schema.tags=true": false, "schema.format=x": false,
		"context.name.strategy=com.acme.Own": false,
		"value.schema.id.serializer=io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer": false,
		"rule.executors=x": false, "flatten.singleton.unions=false": false,
	} {
		name, value, _ := strings.Cut(setting, "=")
		key := "value.converter." + name
		warnings, problems := check(t, map[string]string{"value.converter": "AvroConverter",
			"value.converter.schema.registry.url": "http://r", key: value})
		said := warnings[key]
		if len(problems) > 0 || honoured != (said == "") || !honoured && !strings.Contains(said, key) {
			t.Errorf("%s: warning %q, problems %q", setting, said, problems)
		}
	}
}

func TestASettingThatAPartDoesNotReadIsNamedWithTheOneItResembles(t *testing.T) {
	for _, c := range []struct {
		config         map[string]string
		key, suggested string
	}{
		{step("ExtractNewRecordState", "add.feilds", "op"), "transforms.t.add.feilds", "transforms.t.add.fields"},
		{step("ExtractNewRecordState", "predicat", "p"), "transforms.t.predicat", "transforms.t.predicate"},
		{step("Filter", "x", "1"), "transforms.t.x", ""},
		{step("RegexRouter", "regex", "a", "replacement", "b", "Regex", "c"), "transforms.t.Regex", "transforms.t.regex"},
		{map[string]string{"predicates": "p", "predicates.p.type": "TopicNameMatches", "predicates.p.pattern": "a",
			"predicates.p.patern": "b"}, "predicates.p.patern", "predicates.p.pattern"},
		{map[string]string{"value.converter": json, "value.converter.schemas.enabel": "false"},
			"value.converter.schemas.enabel", "value.converter.schemas.enable"},
		{map[string]string{"key.converter": "AvroConverter", "key.converter.schema.registry.url": "http://r",
			"key.converter.schema.registry.ur": "http://r"}, "key.converter.schema.registry.ur",
			"key.converter.schema.registry.url"},
		{map[string]string{"header.converter": "SimpleHeaderConverter", "header.converter.x": "y"}, "header.converter.x", ""},
		{map[string]string{"producer.override.compresion.type": "zstd"}, "producer.override.compresion.type",
			"producer.override.compression.type"},
		{map[string]string{"producer.override.batch.size": "1"}, "producer.override.batch.size", ""},
		{map[string]string{"admin.override.client.id": "x"}, "admin.override.client.id", ""},
		{map[string]string{"topic.creation.other.partitions": "3"}, "topic.creation.other.partitions", ""},
	} {
		warnings, problems := check(t, c.config)
		said := warnings[c.key]
		if len(warnings) != 1 || len(problems) != 0 || !strings.HasPrefix(said, c.key+" has no effect") ||
			c.suggested != "" && !strings.HasSuffix(said, "Did you mean "+c.suggested+"?") ||
			c.suggested == "" && strings.Contains(said, "mean") {
			t.Errorf("%v: warnings %q, problems %q", c.config, warnings, problems)
		}
	}
	if warnings, _ := check(t, map[string]string{"topic.creation.groups": "g",
		"topic.creation.g.cleanup.polcy": "compact"}); !strings.HasSuffix(warnings["topic.creation.g.cleanup.polcy"],
		"did you mean topic.creation.g.cleanup.policy?") {
		t.Errorf("a slip in a group of topics: %q", warnings)
	}
	if warnings, problems := check(t, map[string]string{"topic.creation.groups": "g", "topic.creation.g.include": "a",
		"topic.creation.g.retention.ms": "1", "topic.creation.default.partitions": "1",
		"producer.override.max.request.size": "1000", "value.converter": "StringConverter",
		"value.converter.schemas.enable": "false", "key.converter": json,
		"key.converter.converter.type": "key"}); len(warnings)+len(problems) != 0 {
		t.Errorf("settings that Kafka Connect takes: %q %q", warnings, problems)
	}
}

func TestWhatWouldGiveOtherRecordsIsRefused(t *testing.T) {
	for _, config := range []map[string]string{
		{"value.converter": json, "value.converter.schema.content": `{"type":"struct"}`},
		{"value.converter": "StringConverter", "value.converter.converter.encoding": "ISO-8859-1"},
		{"header.converter": json}, {"key.converter": "org.apache.kafka.connect.converters.IntegerConverter"},
		{"value.converter": "io.debezium.converters.CloudEventsConverter"},
		step("io.debezium.transforms.HeaderToValue"),
	} {
		if _, problems := check(t, config); len(problems) != 1 {
			t.Errorf("%v: %q", config, problems)
		}
	}
}

// Published classes that there are in Apache Kafka 4.3, Debezium 3.6 and Confluent's transforms:
// each is one that is listed, or refused in Kafka Connect's words under its own name, and never run
// as another.
func TestEveryPublishedTransformIsThereOrRefused(t *testing.T) {
	published := map[string]string{
		apache: "Cast$Key Cast$Value DropHeaders ExtractField$Key ExtractField$Value Filter Flatten$Key Flatten$Value HeaderFrom$Key HeaderFrom$Value HoistField$Key HoistField$Value " +
			"InsertField$Key InsertField$Value InsertHeader MaskField$Key MaskField$Value RegexRouter ReplaceField$Key ReplaceField$Value SetSchemaMetadata$Key SetSchemaMetadata$Value " +
			"TimestampConverter$Key TimestampConverter$Value TimestampRouter ValueToKey",
		"io.debezium.transforms.": "ByLogicalTableRouter EnforceRecordSize ExtractChangedRecordState ExtractNewRecordState ExtractSchemaToNewRecord GeometryFormatTransformer HeaderToValue " +
			"SchemaChangeEventFilter SwapGeometryCoordinates TimezoneConverter VectorToJsonConverter openlineage.OpenLineage outbox.EventRouter partitions.PartitionRouting tracing.ActivateTracingSpan " +
			"Filter ContentBasedRouter UnwrapFromEnvelope ConvertCloudEventToSaveableForm ReadToInsertEvent CollectionNameTransformation outbox.EventRouterDelegate",
		"io.debezium.connector.": "postgresql.transforms.DecodeLogicalDecodingMessageContent postgresql.transforms.timescaledb.TimescaleDb mysql.transforms.ReadToInsertEvent mongodb.transforms.ExtractNewDocumentState " +
			"mongodb.transforms.outbox.MongoEventRouter jdbc.transforms.ConvertCloudEventToSaveableForm",
		"io.confluent.connect.transforms.": "Drop$Key Drop$Value ExtractTopic$Header ExtractTopic$Key ExtractTopic$Value ExtractXPath$Value Filter$Key Filter$Value GzipDecompress$Key GzipDecompress$Value MessageTimestampRouter " +
			"ReplaceField$Key ReplaceField$Value TimestampConverter$Key TimestampConverter$Value TombstoneHandler TopicRegexRouter",
		"com.acme.": "RegexRouter Filter ReplaceField$Value ExtractNewRecordState EventRouter Cast$Value",
		"":          "Cast$Value Cast ReplaceField Value Key regexrouter outbox.EventRouter transforms.RegexRouter predicates.TopicNameMatches TopicNameMatches java.lang.String " + json,
	}
	for pkg, classes := range published {
		for class := range strings.FieldsSeq(classes) {
			class = pkg + class
			listed := slices.ContainsFunc(parts.All(), func(p catalogue.Part) bool {
				return p.Kind == catalogue.Transformation && p.Class == class
			})
			full, err := transform.Class(class)
			if listed != (err == nil) || listed && full != class {
				t.Errorf("%s: listed %v, taken for %s, %v", class, listed, full, err)
			}
			if _, problems := check(t, step(class)); !listed &&
				!strings.Contains(problems["transforms.t.type"], class+" could not be found.") &&
				!strings.Contains(problems["transforms.t.type"], "abstract") {
				t.Errorf("%s: %q", class, problems)
			}
			if base, inner, ok := strings.Cut(class, "$"); ok && listed { // its abstract class
				if _, err := transform.Class(base); err == nil {
					t.Errorf("%s without %s is taken", base, inner)
				}
			}
		}
	}
	for _, p := range parts.All() {
		var err error
		switch p.Kind {
		case catalogue.Transformation:
			_, err = transform.Class(p.Class)
		case catalogue.Predicate:
			_, err = transform.PredicateClass(p.Class)
		case catalogue.Converter, catalogue.HeaderConverter:
		}
		if err != nil {
			t.Errorf("%s is listed: %v", p.Class, err)
		}
	}
}
