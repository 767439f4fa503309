package transform

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/record"
)

// customers is the schema of a table's rows, and of the envelopes around them.
func customers() (row, envelope *record.Schema) {
	row = &record.Schema{Type: record.Struct, Name: "shop.public.customers.Value", Optional: true, Fields: []record.Field{
		{Name: "id", Schema: record.Of(record.Int32)},
		{Name: "name", Schema: record.OptionalOf(record.String)},
		{Name: "vip", Schema: record.OptionalOf(record.Boolean)},
		{Name: "banned", Schema: record.OptionalOf(record.Boolean)},
		{Name: "born", Schema: &record.Schema{Type: record.Int32, Name: record.DateName, Version: 1, Optional: true}},
		{Name: "credit", Schema: &record.Schema{Type: record.Bytes, Name: record.DecimalName, Version: 1, Optional: true,
			Params: []record.Param{{Name: "scale", Value: "2"}}}},
		{Name: "tags", Schema: record.ArrayOf(record.Of(record.String)).AsOptional(true)},
	}}
	return row, &record.Schema{Type: record.Struct, Name: "shop.public.customers.Envelope", Fields: []record.Field{
		{Name: "before", Schema: row}, {Name: "after", Schema: row},
		{Name: "source", Schema: &record.Schema{Type: record.Struct,
			Fields: []record.Field{{Name: "lsn", Schema: record.OptionalOf(record.Int64)}}}},
		{Name: "op", Schema: record.Of(record.String)}, {Name: "ts_ms", Schema: record.OptionalOf(record.Int64)},
	}}
}

// chainOf reads a chain of steps, each written as "type option=value option=value".
func chainOf(t *testing.T, steps ...string) *Chain {
	t.Helper()
	settings := map[string]string{}
	for i, step := range steps {
		name := string(rune('a' + i))
		settings["transforms"] += name + ","
		for n, part := range strings.Fields(step) {
			option, value, ok := strings.Cut(part, "=")
			if n == 0 {
				option, value, ok = "type", part, true
			}
			if !ok {
				t.Fatalf("%q is no option", part)
			}
			settings["transforms."+name+"."+option] = value
		}
	}
	c, err := FromSettings(settings)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLineageSaysWhereRowsGoAndWhichFieldsCarryThem(t *testing.T) {
	all := map[string]string{"id": "id", "name": "name", "vip": "vip", "banned": "banned", "born": "born",
		"credit": "credit", "tags": "tags"}
	without := func(names ...string) map[string]string {
		m := maps.Clone(all)
		for _, n := range names {
			delete(m, n)
		}
		return m
	}
	renamed := maps.Clone(all)
	renamed["name"], renamed["vip"] = "full_name", "banned_not"
	flat := map[string]string{}
	for name := range all {
		if name != "tags" {
			flat[name] = "after_" + name
		}
	}
	flat["tags"] = "after_tags"
	const topic, unwrap = "shop.public.customers", "ExtractNewRecordState"
	for _, tc := range []struct {
		name     string
		steps    []string
		topic    string
		envelope bool
		carriers map[string]string
	}{
		{"no transforms", nil, topic, true, all},
		{"a renamed topic", []string{`RegexRouter regex=shop\.public\.(.*) replacement=crm-$1`}, "crm-customers", true, all},
		{"a logical table", []string{`ByLogicalTableRouter topic.regex=(.*)customers topic.replacement=$1people`},
			"shop.public.people", true, all},
		{"rows without envelopes", []string{unwrap + " add.fields=op,source.lsn"}, topic, false, all},
		{"dropped and renamed fields",
			[]string{unwrap, "org.apache.kafka.connect.transforms.ReplaceField$Value renames=name:full_name,vip:banned_not"},
			topic, false, renamed},
		{"excluded fields", []string{unwrap, "org.apache.kafka.connect.transforms.ReplaceField$Value exclude=credit,tags"},
			topic, false, without("credit", "tags")},
		{"masked fields of every type", []string{unwrap,
			"org.apache.kafka.connect.transforms.MaskField$Value fields=id,name,vip"}, topic, false,
			without("id", "name", "vip")},
		{"a mask that looks like the value", []string{unwrap,
			"org.apache.kafka.connect.transforms.MaskField$Value fields=name replacement=1"}, topic, false, without("name")},
		{"fields of another type",
			[]string{unwrap, "org.apache.kafka.connect.transforms.Cast$Value spec=id:int64,name:int32"}, topic, false,
			without("id", "name")},
		{"converted times", []string{unwrap,
			"org.apache.kafka.connect.transforms.TimestampConverter$Value field=born target.type=Timestamp"}, topic, false,
			without("born")},
		{"flat envelopes", []string{"org.apache.kafka.connect.transforms.Flatten$Value delimiter=_"}, topic, false, flat},
		{"keys that change", []string{"ValueToKey fields=after",
			"org.apache.kafka.connect.transforms.ExtractField$Key field=after", unwrap}, topic, false, all},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, envelope := customers()
			var c *Chain
			if tc.steps != nil {
				c = chainOf(t, tc.steps...)
			}
			got, err := c.Lineage(topic, envelope, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.Topic != tc.topic || got.Envelope != tc.envelope || !maps.Equal(got.Carriers, tc.carriers) {
				t.Errorf("%+v, want topic %s, envelope %v, %v", got, tc.topic, tc.envelope, tc.carriers)
			}
		})
	}
}

func TestLineageOfRowsWithoutEnvelopes(t *testing.T) {
	row, _ := customers()
	got, err := chainOf(t, "org.apache.kafka.connect.transforms.HoistField$Value field=inner",
		"org.apache.kafka.connect.transforms.ExtractField$Value field=inner").Lineage("t", row, nil)
	if err != nil || got.Envelope || len(got.Carriers) != len(row.Fields) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestTopicsThatFollowFromContentOrTimeHaveNoLineage(t *testing.T) {
	_, envelope := customers()
	for step, want := range map[string]error{
		"TimestampRouter timestamp.format=yyyyMM":   ErrScattered,
		"ExtractNewRecordState route.by.field=name": ErrScattered,
		"Filter": ErrDropped,
	} {
		if _, err := chainOf(t, step).Lineage("t", envelope, nil); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", step, err, want)
		}
	}
	if _, err := chainOf(t, "ExtractNewRecordState",
		"org.apache.kafka.connect.transforms.TimestampConverter$Value field=name target.type=unix format=yyyy-MM-dd").Lineage(
		"t", envelope, nil); err == nil || errors.Is(err, ErrDropped) {
		t.Errorf("a transform that cannot read the made-up values: %v", err)
	}
}
