package record

import (
	"encoding/binary"
	"strings"
	"testing"
)

// The names are those of the tests of Confluent's converter, and what Java's URLEncoder gives for others.
func TestNamesAreScrubbedAsConfluentsConverterScrubsThem(t *testing.T) {
	scrubbed := AvroForm{Scrubbed: true}
	for name, want := range map[string]string{
		"": "", "abc_DEF_123": "abc_DEF_123", "abc+-.*_": "abc_2B____", "abc-def": "abc_def", "abc  def": "abc__def",
		"0abc.def": "x0abc_def", "0abc": "x0abc", "größe": "gr_C3_B6_C3_9Fe", "a$~😀": "a_24_7E_F0_9F_98_80",
	} {
		if got := scrubbed.name(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{"my-shop.public.1 b.Value": "my_shop.public.x1_b.Value", "a..b.": "a..b"} {
		if got := scrubbed.fullName(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

// The texts are those that AvroData makes with the same settings, by its source.
func TestSchemasAreWrittenInTheFormThatTheSettingsAskFor(t *testing.T) {
	decimal := &Schema{Type: Bytes, Name: DecimalName, Version: 1, Params: []Param{{"scale", "2"}}}
	inner := &Schema{Type: Struct, Name: "my-shop.Inner", Params: []Param{{"p", "v"}}, Fields: []Field{{"x y", Of(Int16)}}}
	s := &Schema{Type: Struct, Name: "my-shop.1a", Version: 2, Fields: []Field{
		{"a-b", OptionalOf(Int32).WithDefault(int32(7))}, {"d", decimal}, {"in", inner}, {"again", inner}}}
	for _, c := range []struct {
		form AvroForm
		want string // empty if it is refused
	}{
		{AvroForm{}, ""},
		{AvroForm{Scrubbed: true, Plain: true}, `{"type":"record","name":"x1a","namespace":"my_shop","fields":[` +
			`{"name":"a_b","type":["int","null"],"default":7},` +
			`{"name":"d","type":{"type":"bytes","scale":2,"precision":64,"logicalType":"decimal"}},` +
			`{"name":"in","type":{"type":"record","name":"Inner","fields":[{"name":"x_y","type":"int"}]}},` +
			`{"name":"again","type":"Inner"}]}`},
		{AvroForm{Scrubbed: true}, `{"type":"record","name":"x1a","namespace":"my_shop","fields":[` +
			`{"name":"a_b","type":[{"type":"int","connect.default":7},"null"],"default":7},` +
			`{"name":"d","type":{"type":"bytes","scale":2,"precision":64,"connect.version":1,` +
			`"connect.parameters":{"scale":"2"},"connect.name":"org.apache.kafka.connect.data.Decimal",` +
			`"logicalType":"decimal"}},` +
			`{"name":"in","type":{"type":"record","name":"Inner","fields":[` +
			`{"name":"x_y","type":{"type":"int","connect.type":"int16"}}],` +
			`"connect.parameters":{"p":"v"},"connect.name":"my-shop.Inner"}},` +
			`{"name":"again","type":"Inner","connect.parameters":{"p":"v"}}],` +
			`"connect.version":2,"connect.name":"my-shop.1a"}`},
	} {
		text, err := c.form.schema(s)
		switch {
		case c.want == "" && (err == nil || !strings.Contains(err.Error(), "scrub.invalid.names")):
			t.Errorf("%+v: %s, %v, want an error with what helps", c.form, text, err)
		case c.want != "" && (err != nil || text != c.want):
			t.Errorf("%+v gives\n%s\nwant\n%s (%v)", c.form, text, c.want, err)
		}
	}
}

// The order of the choices is that of Confluent's serializer (AbstractKafkaAvroSerializer).
func TestRecordsAreWrittenWithTheSchemaThatTheSettingsChoose(t *testing.T) {
	s := &Schema{Type: Struct, Name: "shop.Value", Version: 2,
		Fields: []Field{{"a", Of(Int32)}, {"b", OptionalOf(String)}}}
	own, err := AvroForm{}.schema(s)
	if err != nil {
		t.Fatal(err)
	}
	const (
		// says more, and has the same bytes
		documented = `{"type":"record","name":"Value","namespace":"shop","doc":"d","fields":[{"name":"a","type":"int"},` +
			`{"name":"b","type":["null","string"],"default":null,"doc":"e"}]}`
		// Confluent's converter would write a into b, and b into a
		turned = `{"type":"record","name":"Value","namespace":"shop","fields":[{"name":"b","type":["null","string"]},` +
			`{"name":"a","type":"int"}]}`
		// the two branches of the union are turned
		otherUnion = `{"type":"record","name":"Value","namespace":"shop","fields":[{"name":"a","type":"int"},` +
			`{"name":"b","type":["string","null"]}]}`
	)
	for _, c := range []struct {
		name, latest string
		schemas      AvroSchemas
		want         uint32 // 0 if it is refused
	}{
		{"its own is registered", documented, AvroSchemas{ID: -1, Latest: true}, 4},
		{"its own is registered even if an id is given", documented, AvroSchemas{ID: 1}, 4},
		{"the latest is used", documented, AvroSchemas{Lookup: true, ID: -1, Latest: true}, 3},
		{"the latest has another order", turned, AvroSchemas{Lookup: true, ID: -1, Latest: true}, 0},
		{"the latest has another union", otherUnion, AvroSchemas{Lookup: true, ID: -1, Latest: true}, 0},
		{"an id goes before the latest", turned, AvroSchemas{Lookup: true, ID: 1, Latest: true}, 1},
		{"the id's has another order", documented, AvroSchemas{Lookup: true, ID: 2}, 0},
		{"there is no such id", documented, AvroSchemas{Lookup: true, ID: 9}, 0},
	} {
		avro, fake := newAvro(t)
		fake.schemas = []string{documented, turned, c.latest, own}
		fake.subjects["t-value"] = []int{1, 3}
		avro.Schemas = c.schemas
		data, err := avro.Encode(nil, "t", s, &StructValue{Schema: s, Values: []any{int32(1), "x"}})
		switch {
		case c.want == 0 && (err == nil || !strings.Contains(err.Error(), "schema")):
			t.Errorf("%s: %v", c.name, err)
		case c.want != 0 && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != 0 && binary.BigEndian.Uint32(data[1:]) != c.want:
			t.Errorf("%s: it is written with schema %d, want %d", c.name, binary.BigEndian.Uint32(data[1:]), c.want)
		}
	}
	for _, lookup := range []bool{false, true} {
		avro, fake := newAvro(t)
		avro.Schemas = AvroSchemas{Lookup: lookup, Normalize: true}
		_, err := avro.Encode(nil, "t", s, &StructValue{Schema: s, Values: []any{int32(1), nil}})
		if err != nil || !fake.normalized {
			t.Errorf("with lookup %t the registry is not asked to normalize the schema: %v", lookup, err)
		}
	}
}
