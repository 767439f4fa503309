package transform

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/record"
)

// apply runs a chain made from settings on a record.
func apply(t *testing.T, settings map[string]string, r *record.Record) *record.Record {
	t.Helper()
	c, err := FromSettings(settings)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Apply(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func jsonOf(t *testing.T, s *record.Schema, v any) string {
	t.Helper()
	b, err := (&record.JSON{KeepNull: true}).AppendValue(nil, s, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const withSchema = `{"schema":{"type":"struct","fields":[{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"},` +
	`{"type":"string","optional":true,"default":"d","field":"a"}],"optional":true,"name":"p.s.t.Value","field":"before"},{"type":"struct","fields":[` +
	`{"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"default":"d","field":"a"}],"optional":true,"name":"p.s.t.Value",` +
	`"field":"after"},{"type":"struct","fields":[{"type":"string","optional":false,"field":"table"},{"type":"int64","optional":true,"field":"lsn"}],` +
	`"optional":false,"name":"io.debezium.connector.postgresql.Source","field":"source"},{"type":"string","optional":false,"field":"op"}],` +
	`"optional":false,"name":"p.s.t.Envelope","version":2},"payload":%s}`

// envelope reads a change event from JSON with schema, as the sink does.
func envelope(t *testing.T, payload string) *record.Record {
	t.Helper()
	s, v, err := (&record.JSON{Schemas: true}).Decode("p.s.t", []byte(replaceOnce(withSchema, "%s", payload)))
	if err != nil {
		t.Fatal(err)
	}
	return &record.Record{Topic: "p.s.t", Partition: 2, Offset: 7, Timestamp: 1577872800123,
		KeySchema: record.Of(record.String), Key: "k", ValueSchema: s, Value: v}
}

func replaceOnce(s, old, with string) string {
	for i := 0; i+len(old) <= len(s); i++ {
		if s[i:i+len(old)] == old {
			return s[:i] + with + s[i+len(old):]
		}
	}
	return s
}

const (
	created = `{"before":null,"after":{"id":1,"a":null},"source":{"table":"t","lsn":5},"op":"c"}`
	deleted = `{"before":{"id":1,"a":"x"},"after":null,"source":{"table":"t","lsn":6},"op":"d"}`
	cut     = `{"before":null,"after":null,"source":{"table":"t","lsn":7},"op":"t"}`
)

func unwrap(options ...string) map[string]string {
	s := map[string]string{"transforms": "u", "transforms.u.type": "io.debezium.transforms.ExtractNewRecordState"}
	for i := 0; i+1 < len(options); i += 2 {
		s["transforms.u."+options[i]] = options[i+1]
	}
	return s
}

func TestADeleteBecomesWhatTheModeSays(t *testing.T) {
	tombstone := func() *record.Record { return &record.Record{Topic: "p.s.t", Key: "k"} }
	for _, c := range []struct {
		options      []string
		value        string // empty: dropped
		schema       bool
		tombstoneToo bool
	}{
		{nil, "null", true, false},
		{[]string{"delete.tombstone.handling.mode", "drop"}, "", false, false},
		{[]string{"delete.tombstone.handling.mode", "delete-to-tombstone"}, "null", false, false},
		{[]string{"delete.tombstone.handling.mode", "rewrite"}, `{"id":1,"a":"x","__deleted":"true"}`, true, false},
		{[]string{"delete.tombstone.handling.mode", "rewrite-with-tombstone"},
			`{"id":1,"a":"x","__deleted":"true"}`, true, true},
		{[]string{"delete.handling.mode", "rewrite"}, `{"id":1,"a":"x","__deleted":"true"}`, true, false},
		{[]string{"drop.tombstones", "false"}, "", false, true},
		{[]string{"delete.handling.mode", "none", "drop.tombstones", "false", "add.fields", "op"}, "null", true, true},
	} {
		out := apply(t, unwrap(c.options...), envelope(t, deleted))
		switch {
		case out == nil:
			if c.value != "" {
				t.Errorf("%v: dropped", c.options)
			}
		case c.value == "":
			t.Errorf("%v: not dropped", c.options)
		default:
			if got := jsonOf(t, out.ValueSchema, out.Value); got != c.value || (out.ValueSchema != nil) != c.schema {
				t.Errorf("%v: %s with schema %t, want %s", c.options, got, out.ValueSchema != nil, c.value)
			}
		}
		if got := apply(t, unwrap(c.options...), tombstone()) != nil; got != c.tombstoneToo {
			t.Errorf("%v: tombstone passed %t", c.options, got)
		}
		if apply(t, unwrap(c.options...), envelope(t, cut)) != nil {
			t.Errorf("%v: a truncate passed", c.options)
		}
	}
}

func TestAddedFieldsAndHeadersComeFromTheEnvelope(t *testing.T) {
	out := apply(t, unwrap("add.fields", "op,table,source.lsn:pos,nosuch", "add.headers", "op,lsn",
		"replace.null.with.default", "false"), envelope(t, created))
	if got := jsonOf(t, out.ValueSchema, out.Value); got != `{"id":1,"a":null,"__op":"c","__table":"t","__pos":5}` {
		t.Error(got)
	}
	if len(out.Headers) != 2 || string(record.HeaderBytes(out.Headers[1].Schema, out.Headers[1].Value)) != "5" {
		t.Errorf("headers %v", out.Headers)
	}
	if out.ValueSchema.Optional || out.ValueSchema.Name != "p.s.t.Value" {
		t.Errorf("schema %+v", out.ValueSchema)
	}
}

func TestAnAddedFieldNamedAsAColumnIsRefused(t *testing.T) {
	chain, err := FromSettings(unwrap("add.fields", "op:a", "add.fields.prefix", ""))
	if err != nil {
		t.Fatal(err)
	}
	_, err = chain.Apply(envelope(t, created))
	for _, part := range []string{"Cannot create field because of field name duplication a", "add.fields=op:NAME",
		"add.fields.prefix"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error is %v, want %q in it", err, part)
		}
	}
}

func TestHeadersOfADeleteGoToItsTombstoneToo(t *testing.T) {
	chain, err := FromSettings(unwrap("add.headers", "op", "delete.tombstone.handling.mode", "rewrite-with-tombstone"))
	if err != nil {
		t.Fatal(err)
	}
	r := envelope(t, deleted)
	r.Tombstone = &record.Record{Topic: r.Topic, Key: r.Key}
	if _, err := chain.Apply(r); err != nil {
		t.Fatal(err)
	}
	// Debezium adds the header to the list that both records have, and to the tombstone once more when its turn comes.
	if out, err := chain.Apply(r.Tombstone); err != nil || len(out.Headers) != 2 {
		t.Errorf("headers %v (%v)", out, err)
	}
}

func TestARecordThatIsNoChangeEventPassesUnwrapUnchanged(t *testing.T) {
	r := &record.Record{Topic: "h", ValueSchema: &record.Schema{Type: record.Struct,
		Name: "io.debezium.connector.common.Heartbeat"}, Value: &record.StructValue{}}
	if apply(t, unwrap(), r) != r {
		t.Error("a heartbeat was changed")
	}
}

// simple is a record with a struct of two fields.
func simple() *record.Record {
	s := &record.Schema{Type: record.Struct, Name: "n",
		Fields: []record.Field{{Name: "a", Schema: record.Of(record.Int32)},
			{Name: "b", Schema: record.OptionalOf(record.String).WithDefault("dflt")}}}
	return &record.Record{Topic: "t", Partition: 3, Offset: 9, Timestamp: 1577872800123, ValueSchema: s,
		Value: &record.StructValue{Schema: s, Values: []any{int32(5), nil}}}
}

func TestFieldTransformsChangeStructs(t *testing.T) {
	const k = "org.apache.kafka.connect.transforms."
	for _, c := range []struct {
		class   string
		options map[string]string
		want    string
	}{
		{"InsertField$Value", map[string]string{"topic.field": "tp", "offset.field": "o!", "static.field": "s",
			"static.value": "v"}, `{"a":5,"b":"dflt","tp":"t","o":9,"s":"v"}`},
		{"ReplaceField$Value", map[string]string{"exclude": "b", "renames": "a:z"}, `{"z":5}`},
		{"ReplaceField$Value", map[string]string{"include": "b", "replace.null.with.default": "false"}, `{"b":null}`},
		{"MaskField$Value", map[string]string{"fields": "a,b"}, `{"a":0,"b":""}`},
		{"MaskField$Value", map[string]string{"fields": "a", "replacement": "42"}, `{"a":42,"b":"dflt"}`},
		{"Cast$Value", map[string]string{"spec": "a:string"}, `{"a":"5","b":"dflt"}`},
		{"HoistField$Value", map[string]string{"field": "x"}, `{"x":{"a":5,"b":null}}`},
		{"ExtractField$Value", map[string]string{"field": "a"}, `5`},
		{"Flatten$Value", nil, `{"a":5,"b":"dflt"}`},
	} {
		settings := map[string]string{"transforms": "x", "transforms.x.type": k + c.class}
		for name, v := range c.options {
			settings["transforms.x."+name] = v
		}
		out := apply(t, settings, simple())
		if got := jsonOf(t, out.ValueSchema, out.Value); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.class, c.options, got, c.want)
		}
	}
}

func TestFieldTransformsChangeMapsWithoutSchema(t *testing.T) {
	const k = "org.apache.kafka.connect.transforms."
	for class, c := range map[string]struct {
		options map[string]string
		want    string
	}{
		"InsertField$Value": {map[string]string{"static.field": "s", "static.value": "v"},
			`{"a":5,"n":{"x":1},"s":"v"}`},
		"ReplaceField$Value": {map[string]string{"exclude": "n"}, `{"a":5}`},
		"Flatten$Value":      {nil, `{"a":5,"n.x":1}`},
		"TimestampConverter$Value": {map[string]string{"field": "a", "target.type": "string",
			"format": "yyyy-MM-dd'T'HH:mm:ss.SSS"}, `{"a":"1970-01-01T00:00:00.005","n":{"x":1}}`},
		"ExtractField$Value": {map[string]string{"field": "n.x", "field.syntax.version": "V2"}, `1`},
	} {
		_, v, err := (&record.JSON{}).Decode("t", []byte(`{"a":5,"n":{"x":1}}`))
		if err != nil {
			t.Fatal(err)
		}
		settings := map[string]string{"transforms": "x", "transforms.x.type": k + class}
		for name, o := range c.options {
			settings["transforms.x."+name] = o
		}
		out := apply(t, settings, &record.Record{Topic: "t", Value: v})
		if got := jsonOf(t, nil, out.Value); got != c.want {
			t.Errorf("%s: %s, want %s", class, got, c.want)
		}
	}
}

func TestAPredicateDecidesWhetherAStepApplies(t *testing.T) {
	settings := map[string]string{"transforms": "f", "transforms.f.type": "org.apache.kafka.connect.transforms.Filter",
		"transforms.f.predicate": "p",
		"predicates":             "p", "predicates.p.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
		"predicates.p.pattern": "a.*"}
	for _, negate := range []string{"false", "true"} {
		settings["transforms.f.negate"] = negate
		for _, topic := range []string{"ab", "ba"} {
			dropped := apply(t, settings, &record.Record{Topic: topic}) == nil
			if want := (topic == "ab") != (negate == "true"); dropped != want {
				t.Errorf("negate %s, topic %s: dropped %t", negate, topic, dropped)
			}
		}
	}
}

func TestRoutersRenameTopics(t *testing.T) {
	for want, s := range map[string]map[string]string{
		"new.t":      {"type": "RegexRouter", "regex": "(?<pre>p)\\.(.*)", "replacement": "new.t"},
		"s.t-p":      {"type": "RegexRouter", "regex": "(?<pre>p)\\.(.*)", "replacement": "$2-${pre}"},
		"p.s.t-2020": {"type": "TimestampRouter", "timestamp.format": "yyyy"},
		"p.all": {"type": "io.debezium.transforms.ByLogicalTableRouter", "topic.regex": "(p)\\..*",
			"topic.replacement": "$1.all"},
	} {
		settings := map[string]string{"transforms": "r"}
		for k, v := range s {
			settings["transforms.r."+k] = v
		}
		r := envelope(t, created)
		r.KeySchema, r.Key = nil, nil
		if out := apply(t, settings, r); out.Topic != want {
			t.Errorf("%s, want %s", out.Topic, want)
		}
	}
}

func TestWhatIsWrongInTheSettingsIsNamed(t *testing.T) {
	for _, s := range []map[string]string{
		{"transforms": "x"},
		{"transforms": "x", "transforms.x.type": "com.example.Custom"},
		{"transforms": "x", "transforms.x.type": "RegexRouter", "transforms.x.regex": "("},
		{"transforms": "x", "transforms.x.type": "RegexRouter", "transforms.x.regex": "a", "transforms.x.predicate": "none"},
		{"transforms": "x", "transforms.x.type": "io.debezium.transforms.Filter", "transforms.x.condition": "true"},
		{"transforms": "x", "transforms.x.type": "org.apache.kafka.connect.transforms.MaskField$Value"},
		{"transforms": "x", "transforms.x.type": "org.apache.kafka.connect.transforms.Cast$Value",
			"transforms.x.spec": "a:uint8"},
		{"transforms": "x", "transforms.x.type": "org.apache.kafka.connect.transforms.TimestampConverter$Value",
			"transforms.x.target.type": "string", "transforms.x.format": "QQQ"},
		{"predicates": "p", "predicates.p.type": "Maybe"},
	} {
		if _, err := FromSettings(s); err == nil {
			t.Errorf("%v was accepted", s)
		}
	}
}

func TestAFieldWithTheNewNameOfAnotherHasItsValueWhichMustBeThere(t *testing.T) {
	settings := map[string]string{"transforms": "r", "transforms.r.type": apache + "ReplaceField$Value",
		"transforms.r.renames": "a:b", "transforms.r.exclude": "a"}
	fields := func(names ...string) *record.Record {
		s := &record.Schema{Type: record.Struct}
		for _, name := range names {
			s.Fields = append(s.Fields, record.Field{Name: name, Schema: record.Of(record.String)})
		}
		v := record.NewStruct(s)
		for i, name := range names {
			v.Values[i] = "value of " + name
		}
		return &record.Record{Topic: "t", ValueSchema: s, Value: v}
	}
	out := apply(t, settings, fields("a", "b"))
	if got := jsonOf(t, out.ValueSchema, out.Value); got != `{"b":"value of a"}` {
		t.Error(got)
	}
	c, err := FromSettings(settings)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(fields("b", "c")); err == nil || !strings.Contains(err.Error(), `no field "a"`) {
		t.Errorf("got %v", err)
	}
}

func TestAnErrorOfAStepNamesTheStepAndTheTopic(t *testing.T) {
	c, err := FromSettings(map[string]string{"transforms": "x",
		"transforms.x.type": "org.apache.kafka.connect.transforms.Cast$Value", "transforms.x.spec": "b:int32"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Apply(simple())
	var step *StepError
	if !errors.As(err, &step) || step.Step != "x" || step.Topic != "t" {
		t.Errorf("got %v", err)
	}
}

func TestNoTransformsMeansNoChain(t *testing.T) {
	if c, err := FromSettings(map[string]string{"topic.prefix": "p"}); c != nil || err != nil {
		t.Error(c, err)
	}
}

// The words are those of Kafka Connect 4.3.1 (ConfigDef.parseType); what follows them is ours.
func TestAClassOfAnotherPackageIsNotRunAsOurs(t *testing.T) {
	for _, class := range []string{
		"io.confluent.connect.transforms.Filter$Value", "io.confluent.connect.transforms.ReplaceField$Value",
		"com.acme.ReplaceField$Value", "com.acme.Filter", "Filter$Value", "RegexRouter$Key",
		"org.apache.kafka.connect.transforms.Filter$Value", "org.apache.kafka.connect.RegexRouter", "transforms.RegexRouter",
		"org.apache.kafka.connect.transforms.ReplaceField$Other", "io.debezium.transforms.RegexRouter",
		"io.debezium.connector.postgresql.transforms.timescaledb.TimescaleDb",
		"org.apache.kafka.connect.transforms.ExtractNewRecordState", "io.debezium.transforms.EventRouter",
		"io.confluent.connect.transforms.MessageTimestampRouter",
		"io.confluent.connect.transforms.GzipDecompress", "regexrouter",
	} {
		_, err := FromSettings(map[string]string{"transforms": "x", "transforms.x.type": class, "transforms.x.regex": "a",
			"transforms.x.replacement": "b", "transforms.x.exclude": "after"})
		if err == nil || !strings.HasPrefix(err.Error(),
			"Invalid value "+class+" for configuration transforms.x.type: Class "+class+" could not be found.") {
			t.Errorf("%s: %v", class, err)
		}
		if (strings.HasPrefix(class, "io.confluent.") || strings.HasPrefix(class, "io.debezium.")) &&
			!strings.Contains(err.Error(), "Calypso does not have this transform; ") {
			t.Errorf("%s: no way out: %v", class, err)
		}
	}
	for _, class := range []string{"com.acme.TopicNameMatches", "org.apache.kafka.connect.transforms.TopicNameMatches",
		"com.acme.RecordIsTombstone"} {
		if _, err := FromSettings(map[string]string{"predicates": "x", "predicates.x.type": class,
			"predicates.x.pattern": "a"}); err == nil || !strings.Contains(err.Error(), "Class "+class+" could not be found.") {
			t.Errorf("%s: %v", class, err)
		}
	}
	for _, class := range []string{" org.apache.kafka.connect.transforms.RegexRouter ", "RegexRouter"} {
		if _, err := FromSettings(map[string]string{"transforms": "x", "transforms.x.type": class, "transforms.x.regex": "a",
			"transforms.x.replacement": "b"}); err != nil {
			t.Errorf("%q: %v", class, err)
		}
	}
	if _, err := FromSettings(map[string]string{"transforms": "x",
		"transforms.x.type": "org.apache.kafka.connect.transforms.Cast"}); err == nil ||
		!strings.Contains(err.Error(),
			"This class is abstract and cannot be created. Did you mean org.apache.kafka.connect.transforms.Cast$") {
		t.Errorf("%v", err)
	}
}

// What each does is what Confluent documents of it.
func TestConfluentsTransformsDoAsDocumented(t *testing.T) {
	const class = "io.confluent.connect.transforms."
	row := record.Map{{Key: "f", Value: "topic-f"}, {Key: "n", Value: nil}}
	for _, c := range []struct {
		name    string
		options map[string]string
		in      record.Record
		topic   string // "" dropped, "!" failed
	}{
		{"TombstoneHandler", nil, record.Record{Topic: "t", Value: "v"}, "t"},
		{"TombstoneHandler", nil, record.Record{Topic: "t"}, ""},
		{"TombstoneHandler", map[string]string{"behavior": "ignore"}, record.Record{Topic: "t"}, ""},
		{"TombstoneHandler", map[string]string{"behavior": "fail"}, record.Record{Topic: "t"}, "!"},
		{"ExtractTopic$Key", nil, record.Record{Topic: "t", Key: "k"}, "k"},
		{"ExtractTopic$Value", map[string]string{"field": "f"}, record.Record{Topic: "t", Value: row}, "topic-f"},
		{"ExtractTopic$Value", map[string]string{"field": "n"}, record.Record{Topic: "t", Value: row}, "!"},
		{"ExtractTopic$Value", map[string]string{"field": "none", "skip.missing.or.null": "true"},
			record.Record{Topic: "t", Value: row}, "t"},
		{"ExtractTopic$Header", map[string]string{"field": "h"},
			record.Record{Topic: "t", Headers: []record.Header{{Key: "h", Value: "from-h"}}}, "from-h"},
		{"Drop$Value", nil, record.Record{Topic: "t", Value: row}, "t"},
	} {
		settings := map[string]string{"transforms": "x", "transforms.x.type": class + c.name}
		for k, v := range c.options {
			settings["transforms.x."+k] = v
		}
		chain, err := FromSettings(settings)
		if err != nil {
			t.Fatal(err)
		}
		in := c.in
		out, err := chain.Apply(&in)
		got := "!"
		if err == nil {
			if got = ""; out != nil {
				got = out.Topic
			}
		}
		if got != c.topic {
			t.Errorf("%s %v: %q, want %q (%v)", c.name, c.options, got, c.topic, err)
		}
		if c.name == "Drop$Value" && (out.Value != nil || out.ValueSchema != nil) {
			t.Errorf("%s left %v", c.name, out.Value)
		}
	}
}

// Kafka Connect's ConfigDef trims every value before it is read.
func TestWhiteSpaceAroundTheOptionsOfTransformsDoesNotCount(t *testing.T) {
	c, err := FromSettings(map[string]string{"transforms": " r , i ",
		"transforms.r.type": " org.apache.kafka.connect.transforms.RegexRouter\n", "transforms.r.regex": " (.*) ",
		"transforms.r.replacement": " new-$1\t",
		"transforms.r.predicate":   " p ", "transforms.r.negate": " False ", "predicates": " p",
		"predicates.p.type": " TopicNameMatches ", "predicates.p.pattern": " t.* ",
		"transforms.i.type": "org.apache.kafka.connect.transforms.InsertField$Value ", "transforms.i.static.field": " f ",
		"transforms.i.static.value": " v "})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Apply(&record.Record{Topic: "t1", Value: record.Map{}})
	if err != nil || out.Topic != "new-t1" || len(out.Value.(record.Map)) != 1 ||
		out.Value.(record.Map)[0] != (record.Entry{Key: "f", Value: "v"}) {
		t.Errorf("%+v %v", out, err)
	}
}

// The words are Kafka Connect 4.3's.
func TestACastThatNamesNothingOrTheWholeValueBesideOthersIsRefused(t *testing.T) {
	const single = "Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec"
	for spec, says := range map[string]string{"": "Must specify at least one field to cast.", "string,int32": single,
		"id:string,int32": single, "int32,id:string": single} {
		_, err := FromSettings(map[string]string{"transforms": "c",
			"transforms.c.type": "org.apache.kafka.connect.transforms.Cast$Value", "transforms.c.spec": spec})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("spec=%s: %v, want %q", spec, err, says)
		}
	}
}

func TestCastTruncatesDecimalsOfAnyScale(t *testing.T) {
	for _, c := range []struct {
		unscaled int64
		scale    int
		want     int64
	}{{1299, 2, 12}, {-1299, 2, -12}, {5, 0, 5}, {5, -2, 500}, {-5, -2, -500}, {1, -130000, 0}} {
		d := record.Decimal{Value: big.NewInt(c.unscaled), Scale: c.scale}
		if got, err := castTo(nil, d, record.Int64); err != nil || got != c.want {
			t.Errorf("%d × 10^%d as int64: %v, %v; want %d", c.unscaled, -c.scale, got, err, c.want)
		}
	}
}
