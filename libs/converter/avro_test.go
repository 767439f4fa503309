package converter

import (
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/record"
)

func TestAConverterNamesSubjectsAsItsOwnStrategySaysAndNoOther(t *testing.T) {
	for _, c := range []struct {
		use     Use
		setting string
		class   record.SubjectNames
		want    record.SubjectNames // empty if it is refused
	}{
		{Value, "value.subject.name.strategy", record.ByTopicAndRecord, record.ByTopicAndRecord},
		{Key, "key.subject.name.strategy", record.ByRecord, record.ByRecord},
		{Value, "key.subject.name.strategy", record.ByRecord, record.ByTopic},
		{Value, "value.subject.name.strategy", "com.acme.Own", ""},
	} {
		made, err := New(c.use, map[string]string{string(c.use): record.AvroConverterClass,
			string(c.use) + ".schema.registry.url": "http://registry", string(c.use) + "." + c.setting: string(c.class)})
		if c.want == "" {
			if err == nil || !strings.Contains(err.Error(), c.setting) {
				t.Errorf("%s=%s: %v, want it refused by name", c.setting, c.class, err)
			}
			continue
		}
		if err != nil {
			t.Error(err)
		} else if got := made.Converter.(*record.Avro).Subjects; got != c.want {
			t.Errorf("%s of %s gives %q, want %q", c.setting, c.use, got, c.want)
		}
	}
}
