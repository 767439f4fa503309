package record

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// What Confluent's RecordNameStrategy and TopicRecordNameStrategy give is in their source; the name of
// a schema that is no record, such as a union with null, is none.
func TestSubjectsAreNamedByTopicByRecordOrByBoth(t *testing.T) {
	named, unnamed := &Schema{Type: Struct, Name: "shop.public.items.Key"}, &Schema{Type: Struct}
	optional := &Schema{Type: Struct, Name: "shop.public.items.Value", Optional: true}
	for _, c := range []struct {
		names  SubjectNames
		schema *Schema
		key    bool
		want   string // empty if it is refused
	}{
		{"", named, true, "items-key"}, {ByTopic, named, false, "items-value"}, {ByTopic, Of(String), false, "items-value"},
		{ByRecord, named, true, "shop.public.items.Key"}, {ByTopicAndRecord, named, false, "items-shop.public.items.Key"},
		{ByRecord, unnamed, false, "io.confluent.connect.avro.ConnectDefault"},
		{ByRecord, optional, false, ""}, {ByTopicAndRecord, Of(String), true, ""},
	} {
		avro, fake := newAvro(t)
		avro.Subjects, avro.Key = c.names, c.key
		var value any = "x"
		if c.schema.Type == Struct {
			value = NewStruct(c.schema)
		}
		_, err := avro.Encode(nil, "items", c.schema, value)
		switch got := slices.Collect(maps.Keys(fake.subjects)); {
		case c.want == "" && (err == nil || !strings.Contains(err.Error(), "takes records only") || len(got) > 0):
			t.Errorf("%s takes a schema that is no record: %v, subjects %v", c.names, err, got)
		case c.want != "" && (err != nil || !slices.Equal(got, []string{c.want})):
			t.Errorf("%s names the subjects %v, want %s (%v)", c.names, got, c.want, err)
		}
	}
}
