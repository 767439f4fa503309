package spec

import (
	"slices"
	"testing"
)

func TestAChangeOfAKeyLeadsToItsConsequences(t *testing.T) {
	keys, err := Keys()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		key, before, after string // "-" is not set
		want               []string
	}{
		{"topics", "a", "a,b", []string{"TOPICS_ADDED"}},
		{"topics", "a,b", "b", []string{"TOPICS_REMOVED"}},
		{"topics", "a,b", "b , a", nil},
		{"topics.regex", "a.*", "b.*", []string{"TOPICS_ADDED", "TOPICS_REMOVED"}},
		{"kusto.tables.topics.mapping", "[{'topic':'a','db':'d','table':'T'}]", "[{'topic':'a','db':'d','table':'U'}]",
			[]string{"NEW_TARGET", "ROWS_CHANGE"}},
		{"kusto.query.url", "https://x.kusto.windows.net", "https://y.kusto.windows.net", []string{"NEW_TARGET"}},
		{"consumer.override.group.id", "-", "mine", []string{"NEW_OFFSETS"}},
		{"consumer.override.fetch.min.bytes", "-", "10", nil},
		{"flush.interval.ms", "-", "1000", []string{"NO_EFFECT_YET"}},
		{"flush.interval.ms", "-", "60000", nil},
		{"delivery.guarantee", "-", "at_least_once", []string{"GUARANTEE"}},
		{"delivery.guarantee", "at_least_once", "exactly_once", []string{"GUARANTEE"}},
		{"ingestion.mode", "-", "adaptive", []string{"GUARANTEE"}},
		{"ingestion.mode", "adaptive", "queued", nil},
		{"table.form", "-", "changes", []string{"ROWS_CHANGE"}},
		{"metadata.columns", "-", "_offset", []string{"ROWS_CHANGE"}},
		{"value.converter", "-", "org.apache.kafka.connect.storage.StringConverter", []string{"ROWS_CHANGE"}},
		{"transforms.unwrap.type", "-", "io.debezium.transforms.ExtractNewRecordState", []string{"ROWS_CHANGE"}},
		{"errors.deadletterqueue.topic.name", "-", "dead", []string{"NEW_TOPICS"}},
		{"tags.retention", "-", "1.00:00:00", []string{"NO_EFFECT_YET"}},
		{"aad.auth.appkey", "a", "b", nil},
		{"tasks.max", "-", "2", nil},
	} {
		read := func(value string) map[string]string {
			if value == "-" {
				return nil
			}
			return map[string]string{test.key: value}
		}
		before, _, _ := keys.Parse(read(test.before))
		after, _, _ := keys.Parse(read(test.after))
		var got []string
		for _, following := range keys.Consequences(before, after) {
			got = append(got, string(following.Consequence.Effect))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %s -> %s leads to %v, want %v", test.key, test.before, test.after, got, test.want)
		}
	}
}
