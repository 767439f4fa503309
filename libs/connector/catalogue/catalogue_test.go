package catalogue_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

func orders(t *testing.T) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.New(catalogue.SourceFramework(), []catalogue.Key{
		{Name: "topic.prefix", Aliases: []string{"database.server.name"}, Type: catalogue.String, Required: true},
		{Name: "database.port", Type: catalogue.Int, Default: catalogue.Default("5432")},
		{Name: "database.password", Type: catalogue.Password, Check: func(v string) error {
			if v == "bad" {
				return errors.New("bad is a bad password")
			}
			return nil
		}},
		{Name: "table.include.list", Aliases: []string{"table.whitelist"}, Type: catalogue.List},
		{Name: "poll.interval.ms", Type: catalogue.Long, Default: catalogue.Default("500")},
		{Name: "sampling", Type: catalogue.Double},
		{Name: "tombstones.on.delete", Type: catalogue.Boolean, Default: catalogue.Default("true")},
		{Name: "snapshot.mode", Type: catalogue.String, Default: catalogue.Default("initial"),
			Allowed: []string{"initial", "never"}},
		{Name: "converters", Type: catalogue.List, Default: catalogue.Default(""),
			Unsupported: "Java classes cannot be loaded.", ChangesData: true},
		{Name: "poll.threads", Type: catalogue.Int, Unsupported: "There is one thread."},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func minimal(more ...string) map[string]string {
	raw := map[string]string{"name": "orders", "connector.class": "Postgres", "topic.prefix": "shop"}
	for i := 0; i < len(more); i += 2 {
		raw[more[i]] = more[i+1]
	}
	return raw
}

func TestAnOlderNameIsReadAsThePresentOneWithAWarning(t *testing.T) {
	raw := minimal("table.whitelist", "retail.orders_info, retail.customers ")
	delete(raw, "topic.prefix")
	raw["database.server.name"] = "myserver"
	values, warnings, problems := orders(t).Parse(raw)
	if len(problems) != 0 {
		t.Fatalf("errors: %v", problems)
	}
	if got := values.String("topic.prefix"); got != "myserver" {
		t.Errorf("topic.prefix = %q", got)
	}
	if got := fmt.Sprintf("%q", values.List("table.include.list")); got != `["retail.orders_info" "retail.customers"]` {
		t.Errorf("table.include.list = %s", got)
	}
	if len(warnings) != 2 || warnings[0].Key != "database.server.name" ||
		!strings.Contains(warnings[1].Message, "older name of table.include.list") {
		t.Errorf("warnings: %v", warnings)
	}
}

func TestThePresentNameWinsOverTheOlderOne(t *testing.T) {
	values, warnings, problems := orders(t).Parse(minimal("database.server.name", "old"))
	if len(problems) != 0 || values.String("topic.prefix") != "shop" {
		t.Errorf("topic.prefix = %q, errors %v", values.String("topic.prefix"), problems)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0].Message, "ignored") {
		t.Errorf("warnings: %v", warnings)
	}
}

func TestAnUnknownKeyIsWarnedWithTheNearestKnownOne(t *testing.T) {
	for given, want := range map[string]string{
		"table.include.lists":      "did you mean table.include.list?",
		"table.whitelists":         "did you mean table.include.list?",
		"databse.port":             "did you mean database.port?",
		"something.else.entirely":  "has no effect.",
		strings.Repeat("x", 10000): "has no effect.",
	} {
		_, warnings, problems := orders(t).Parse(minimal(given, "1"))
		if len(problems) != 0 || len(warnings) != 1 || !strings.HasSuffix(warnings[0].Message, want) {
			t.Errorf("%.40s: warnings %.300v, errors %v", given, warnings, problems)
		}
		if len(warnings) == 1 && len(warnings[0].Message) > 400 {
			t.Errorf("%.40s: a hostile key floods the message: %d bytes", given, len(warnings[0].Message))
		}
	}
}

func TestAnUnsupportedKeyIsAWarningUnlessItWouldChangeTheData(t *testing.T) {
	_, warnings, problems := orders(t).Parse(minimal("poll.threads", "3"))
	if len(warnings) != 1 || len(problems) != 0 {
		t.Errorf("harmless: warnings %v, errors %v", warnings, problems)
	}
	_, warnings, problems = orders(t).Parse(minimal("converters", "isbn"))
	if len(warnings) != 0 || len(problems) != 1 || !strings.Contains(problems[0].Message,
		"Java classes cannot be loaded") {
		t.Errorf("changes data: warnings %v, errors %v", warnings, problems)
	}
	_, warnings, problems = orders(t).Parse(minimal("converters", ""))
	if len(warnings)+len(problems) != 0 {
		t.Errorf("the default asks for nothing special: warnings %v, errors %v", warnings, problems)
	}
}

func TestWrongValuesOfDebeziumsKeysAreNamedInItsWords(t *testing.T) {
	keys, err := catalogue.New([]catalogue.Key{
		{Name: "topic.prefix", Dialect: catalogue.Field, Type: catalogue.String, Required: true},
		{Name: "tombstones.on.delete", Dialect: catalogue.Field, Type: catalogue.Boolean},
		{Name: "database.port", Dialect: catalogue.Field, Type: catalogue.Int},
		{Name: "heartbeat.ms", Dialect: catalogue.Field, Type: catalogue.Long},
		{Name: "plugin.name", Dialect: catalogue.Field, Type: catalogue.String, Allowed: []string{"decoderbufs", "pgoutput"}},
		{Name: "database.password", Dialect: catalogue.Field, Type: catalogue.Password,
			Check: func(value string) error { return fmt.Errorf("%s is bad", value) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _, problems := keys.Parse(map[string]string{
		"database.password": "canary", "plugin.name": "wal2json", "heartbeat.ms": "soon", "database.port": "abc",
		"tombstones.on.delete": "maybe",
	})
	want := []string{
		"The 'topic.prefix' value is invalid: A value is required",
		"The 'tombstones.on.delete' value is invalid: Either 'true' or 'false' is expected",
		"The 'database.port' value is invalid: An integer is expected",
		"The 'heartbeat.ms' value is invalid: A long value is expected",
		"The 'plugin.name' value is invalid: Value must be one of decoderbufs, pgoutput",
		"Invalid value [hidden] for configuration database.password",
	}
	for i, problem := range problems {
		if i >= len(want) || problem.Message != want[i] {
			t.Errorf("problem %d is %v", i, problem)
		}
	}
	if len(problems) != len(want) {
		t.Errorf("%d problems, want %d", len(problems), len(want))
	}
}

func TestWrongValuesAreNamedInTheWordsOfKafka(t *testing.T) {
	for _, test := range []struct{ key, value, want string }{
		{"database.port", "abc", "Invalid value abc for configuration database.port: Not a number of type INT"},
		{"database.port", "", "Invalid value  for configuration database.port: Not a number of type INT"},
		{"database.port", "99999999999",
			"Invalid value 99999999999 for configuration database.port: Not a number of type INT"},
		{"poll.interval.ms", "1.5", "Invalid value 1.5 for configuration poll.interval.ms: Not a number of type LONG"},
		{"sampling", "much", "Invalid value much for configuration sampling: Not a number of type DOUBLE"},
		{"tombstones.on.delete", "yes",
			"Invalid value yes for configuration tombstones.on.delete: Expected value to be either true or false"},
		{"snapshot.mode", "sometimes",
			"Invalid value sometimes for configuration snapshot.mode: String must be one of (case insensitive): initial, never"},
		{"tasks.max", "0", "Invalid value 0 for configuration tasks.max: Value must be at least 1"},
		{"name", "a/b", "Invalid value a/b for configuration name: a connector's name must not contain '/'"},
		{"database.password", "bad", "Invalid value [hidden] for configuration database.password"},
		{"topic.prefix", " ", `Missing required configuration "topic.prefix" which has no default value.`},
	} {
		_, _, problems := orders(t).Parse(minimal(test.key, test.value))
		if len(problems) != 1 || problems[0].Message != test.want || problems[0].Key != test.key {
			t.Errorf("%s=%s: %v, want %s", test.key, test.value, problems, test.want)
		}
	}
}

func TestAValueBehindAReferenceIsNeverQuoted(t *testing.T) {
	given := minimal("database.port", "${env:PORT}")
	resolved := minimal("database.port", "canary")
	_, _, problems := orders(t).ParseResolved(given, resolved)
	if len(problems) != 1 || strings.Contains(problems[0].Message, "canary") ||
		!strings.Contains(problems[0].Message, "${env:PORT}") {
		t.Errorf("%v", problems)
	}
}

func TestValuesAreReadByTypeWithTheirDefaults(t *testing.T) {
	values, _, problems := orders(t).Parse(minimal("sampling", " 0.5 ", "tombstones.on.delete", "FALSE",
		"transforms", "unwrap",
		"transforms.unwrap.type", "ExtractNewRecordState", "database.password", "canary"))
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	var port int
	var given bool
	var interval time.Duration
	tombstones := true
	if err := catalogue.Fill(values, []catalogue.Key{
		{Name: "database.port", Into: catalogue.Given(&given, catalogue.Number(&port))},
		{Name: "poll.interval.ms", Into: catalogue.Milliseconds(&interval)},
		{Name: "tombstones.on.delete", Into: catalogue.Flag(&tombstones)},
	}); err != nil {
		t.Fatal(err)
	}
	if port != 5432 || given || interval != 500*time.Millisecond || tombstones || values.String("sampling") != "0.5" ||
		values.String("snapshot.mode") != "initial" {
		t.Errorf("port %d (given: %t), interval %s, tombstones %t, sampling %q", port, given, interval, tombstones,
			values.String("sampling"))
	}
	if got := values.WithPrefix("transforms.unwrap."); len(got) != 1 || got["type"] != "ExtractNewRecordState" {
		t.Errorf("transforms.unwrap.: %v", got)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", values, values, values, values); strings.Contains(text, "canary") {
		t.Errorf("printing values shows a secret: %s", text)
	}
}

func TestReadingAnUndeclaredKeyPanics(t *testing.T) {
	values, _, _ := orders(t).Parse(minimal())
	for name, read := range map[string]func(){
		"undeclared": func() { values.String("no.such.key") },
		"zero":       func() { _ = catalogue.Values{}.String("name") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			read()
		}()
	}
}

func TestACatalogueRefusesAmbiguousDeclarations(t *testing.T) {
	for name, keys := range map[string][]catalogue.Key{
		"twice":            {{Name: "a"}, {Name: "a"}},
		"alias is a name":  {{Name: "a"}, {Name: "b", Aliases: []string{"a"}}},
		"alias twice":      {{Name: "a", Aliases: []string{"c"}}, {Name: "b", Aliases: []string{"c"}}},
		"nameless":         {{}},
		"required default": {{Name: "a", Required: true, Default: catalogue.Default("x")}},
		"bad default":      {{Name: "a", Type: catalogue.Int, Default: catalogue.Default("x")}},
	} {
		if _, err := catalogue.New(keys); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestALaterGroupNarrowsAKeyOfTheFramework(t *testing.T) {
	c, err := catalogue.New(catalogue.SinkFramework(),
		[]catalogue.Key{{Name: "header.converter", Type: catalogue.Class, Unsupported: "Headers are not read."}})
	if err != nil {
		t.Fatal(err)
	}
	if key, _ := c.Lookup("header.converter"); key.Unsupported == "" {
		t.Error("the later declaration was not taken")
	}
	if len(c.Keys()) != len(catalogue.SinkFramework()) {
		t.Error("the key was added instead of replaced")
	}
}

func TestSecretsAreKnownByTypeAndElseByName(t *testing.T) {
	c := orders(t)
	for name, want := range map[string]bool{
		"database.password": true, "extra.secret.password": true, "producer.override.sasl.jaas.config": true,
		"aad.auth.appkey": true, "database.passwrod": true, "databse.password": true, "Database.Pasword": true,
		"producer.override.ssl.keystore.passwrd": true, "producer.override.sasl.jaas.confg": true, "x.credentails": true,
		"topic.prefix": false, "topic.prefx": false, "x.keyword": false, "table.include.list": false, "transforms.unwrap.type": false, "converters": false,
	} {
		if got := c.Secret(name); got != want {
			t.Errorf("Secret(%s) = %t", name, got)
		}
	}
}

func TestParseNeverPanicsAndNamesAKeyInEveryProblem(t *testing.T) {
	c := orders(t)
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.MapOf(rapid.OneOf(rapid.SampledFrom([]string{"name", "tasks.max", "database.port", "table.whitelist",
			"sampling", "topic.prefix", "transforms."}), rapid.String()), rapid.String()).Draw(t, "raw")
		values, warnings, problems := c.Parse(raw)
		for _, p := range append(warnings, problems...) {
			if p.Message == "" {
				t.Fatalf("a problem of %q says nothing", p.Key)
			}
		}
		if len(problems) == 0 {
			var port int
			if err := catalogue.Fill(values, []catalogue.Key{{Name: "database.port", Into: catalogue.Number(&port)}}); err != nil {
				t.Fatalf("what was checked cannot be read: %v", err)
			}
			_ = values.List("table.include.list")
		}
	})
}

// What is trimmed is what Kafka 4.3.1 (ConfigDef.parseType) and Debezium 3.6.3
// (Configuration.getString, EnumeratedValue.parse) trim.
func TestWhiteSpaceAroundValuesCountsAsKafkaAndDebeziumHaveIt(t *testing.T) {
	var keys []catalogue.Key
	for _, dialect := range []catalogue.Dialect{catalogue.ConfigDef, catalogue.Field} {
		prefix := map[catalogue.Dialect]string{catalogue.ConfigDef: "k.", catalogue.Field: "f."}[dialect]
		for _, typ := range []catalogue.Type{catalogue.Boolean, catalogue.String, catalogue.Int, catalogue.Long,
			catalogue.Double, catalogue.List, catalogue.Class, catalogue.Password} {
			keys = append(keys, catalogue.Key{Name: prefix + strings.ToLower(string(typ)), Type: typ, Dialect: dialect})
		}
		keys = append(keys, catalogue.Key{Name: prefix + "choice", Type: catalogue.String, Dialect: dialect,
			Allowed: []string{"one"}})
	}
	keys = append(keys, catalogue.Key{Name: "family.*", Type: catalogue.String})
	c, err := catalogue.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]string{}
	for key, value := range map[string]string{"boolean": "True", "string": "a b", "int": "5", "long": "6", "double": "1.5",
		"list": "a , b", "class": "x.Y", "password": "p w", "choice": "ONE"} {
		given["k."+key], given["f."+key] = " \t"+value+"\n ", " \t"+value+"\n "
	}
	for _, number := range []string{"f.int", "f.long", "f.double"} {
		if _, _, problems := c.Parse(map[string]string{number: given[number]}); len(problems) != 1 {
			t.Errorf("%s with white space: %v", number, problems) // Debezium has Java read numbers, which takes none
		}
		given[number] = strings.TrimSpace(given[number])
	}
	given["family.x"] = " x\u00a0 "
	v, _, problems := c.Parse(given)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var flags [2]bool
	var small int
	var large int64
	if err := catalogue.Fill(v, []catalogue.Key{
		{Name: "k.boolean", Into: catalogue.Flag(&flags[0])}, {Name: "f.boolean", Into: catalogue.Flag(&flags[1])},
		{Name: "k.int", Into: catalogue.Number(&small)}, {Name: "f.long", Into: catalogue.Number(&large)},
	}); err != nil {
		t.Fatal(err)
	}
	if flags != [2]bool{true, true} || small != 5 || large != 6 || strings.Join(v.List("k.list"), "|") != "a|b" ||
		strings.Join(v.List("f.list"), "|") != "a|b" {
		t.Error("a value is read with white space")
	}
	for key, want := range map[string]string{
		"k.string": "a b", "k.class": "x.Y", "k.password": "p w", "k.choice": "ONE", "f.choice": "ONE", "f.class": "x.Y",
		"f.string": " \ta b\n ", "f.password": " \tp w\n ", // as Debezium passes them on
	} {
		if got := v.String(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got := v.WithPrefix("family.")["x"]; got != "x\u00a0" || v.Raw()["family.x"] != got {
		t.Errorf("the member of a family is %q", got) // Java's trim knows no other white space
	}
}

func TestASlipWithinAFamilyOfKeysIsNamedWithTheKeyThatIsMeant(t *testing.T) {
	c, err := catalogue.New(catalogue.SourceFramework())
	if err != nil {
		t.Fatal(err)
	}
	for name, meant := range map[string]string{
		"value.converter.schema.enable":       "value.converter.schemas.enable",
		"key.converter.schemas.enabled":       "key.converter.schemas.enable",
		"value.converter.decimals.format":     "value.converter.decimal.format",
		"value.converter.schema.registry.uri": "value.converter.schema.registry.url",
		"topic.creation.group":                "topic.creation.groups",

		"value.converter.schemas.enable": "", "value.converter.schemas.cache.size": "",
		"value.converter.value.subject.name.strategy": "", "value.converter.enhanced.avro.schema.support": "",
		"value.converter.schema.registry.ssl.truststore.location": "", "value.converter.connect.meta.data": "",
		"topic.creation.default.partitions": "", "topic.creation.a.retention.ms": "",
		"producer.override.compression.type": "", "transforms.a.type": "",
	} {
		_, warnings, _ := c.Parse(map[string]string{name: "x"})
		switch {
		case meant == "" && len(warnings) > 0:
			t.Errorf("%s: %v", name, warnings)
		case meant != "" && (len(warnings) != 1 || !strings.HasSuffix(warnings[0].Message, "did you mean "+meant+"?")):
			t.Errorf("%s: %v, want %s", name, warnings, meant)
		}
	}
}

func TestANewCheckRefusesNewConfigurationsAndWarnsOfThoseAcceptedBefore(t *testing.T) {
	c, err := catalogue.New([]catalogue.Key{
		{Name: "interval.ms", Type: catalogue.Int, Dialect: catalogue.Field, Check: catalogue.Newly(catalogue.NonNegative(catalogue.Int))},
		{Name: "size", Type: catalogue.Long, Dialect: catalogue.Field, Check: catalogue.Newly(catalogue.Positive(catalogue.Int))},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, given := range []map[string]string{{"interval.ms": "-1"}, {"interval.ms": " 5 "}, {"size": "0"},
		{"size": "2147483648"}} {
		if _, _, problems := c.Parse(given); len(problems) != 1 {
			t.Errorf("%q: %v", given, problems)
		}
		values, warnings, problems := c.ParseStored(given, given)
		if len(problems) > 0 || len(warnings) != 1 || !warnings[0].Outdated ||
			!strings.Contains(warnings[0].Message, "it stays in force") {
			t.Errorf("stored %q: warnings %v, problems %v", given, warnings, problems)
		}
		for key, value := range given {
			if got := strings.TrimSpace(values.String(key)); got != strings.TrimSpace(value) {
				t.Errorf("stored %s = %q is read as %s", key, value, got)
			}
		}
	}
}

func TestAReferenceInANameThatEverybodySeesIsRefusedUnlessItWasAcceptedBefore(t *testing.T) {
	keys, err := catalogue.New(nil, []catalogue.Key{{Name: "topic.prefix", SeenIn: catalogue.InTopics,
		Type: catalogue.String, Doc: "Prefix."}})
	if err != nil {
		t.Fatal(err)
	}
	given, resolved := map[string]string{"topic.prefix": "${env:X}"}, map[string]string{"topic.prefix": "canary"}
	_, _, problems := keys.ParseResolved(given, resolved)
	if len(problems) != 1 || strings.Contains(problems[0].Message, "canary") ||
		!strings.Contains(problems[0].Message, "names topics") {
		t.Errorf("a new configuration: %v", problems)
	}
	values, warnings, problems := keys.ParseStored(given, resolved)
	if len(problems) != 0 || len(warnings) != 1 || strings.Contains(warnings[0].Message, "canary") ||
		values.Raw()["topic.prefix"] != "canary" {
		t.Errorf("a stored one: %v %v %v", values.Raw(), warnings, problems)
	}
}
