package transform_test

import (
	"testing"

	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// benchmarked is a chain of the transforms that pipelines have most.
func benchmarked() map[string]string {
	const apache = "org.apache.kafka.connect.transforms."
	return map[string]string{
		"transforms": "route,unwrap,cast,insert", "predicates": "ours",
		"predicates.ours.type": apache + "predicates.TopicNameMatches", "predicates.ours.pattern": "t.*",
		"transforms.route.type": apache + "RegexRouter", "transforms.route.regex": "(t).*",
		"transforms.route.replacement": "$1-routed", "transforms.route.predicate": "ours",
		"transforms.unwrap.type":       "io.debezium.transforms.ExtractNewRecordState",
		"transforms.unwrap.add.fields": "op,source.lsn", "transforms.unwrap.delete.tombstone.handling.mode": "rewrite",
		"transforms.cast.type": apache + "Cast$Value", "transforms.cast.spec": "id:int64",
		"transforms.insert.type": apache + "InsertField$Value", "transforms.insert.static.field": "from",
		"transforms.insert.static.value": "here",
	}
}

func BenchmarkAChainIsMade(b *testing.B) {
	b.ReportAllocs()
	settings := benchmarked()
	for b.Loop() {
		if _, err := transform.FromSettings(settings); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAChainIsApplied(b *testing.B) {
	b.ReportAllocs()
	chain, err := transform.FromSettings(benchmarked())
	if err != nil {
		b.Fatal(err)
	}
	q := changes()[2]
	schema, value, err := (&record.JSON{Schemas: true}).Decode("t", []byte(*q.Value))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r := record.Record{Topic: "t", Timestamp: 1, ValueSchema: schema, Value: value}
		if _, err := chain.Apply(&r); err != nil {
			b.Fatal(err)
		}
	}
}
