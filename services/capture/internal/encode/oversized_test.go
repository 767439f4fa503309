package encode

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// mostBytes is what the topics of these tests take.
const mostBytes = 4000

func oversizedOf(t *testing.T, mode spec.OversizedMode) *Oversized {
	t.Helper()
	return NewOversized(t.Context(), OversizedConfig{
		Set: spec.Oversized{Mode: mode, Topic: "letters"}, Connector: "c", Limits: kafka.NewTopicLimits(nil, mostBytes),
		Logger: slog.New(slog.DiscardHandler), Count: func(string) {},
	})
}

// table is one of a number, which is its key, and a text.
func table(t *testing.T, o *Oversized) *Table {
	t.Helper()
	events, err := debezium.ConfigFrom(map[string]string{
		"topic.prefix": "p", "key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false",
	})
	if err != nil {
		t.Fatal(err)
	}
	text := &pgmodel.Type{Kind: pgmodel.BaseType, Name: "text"}
	rel := &pgmodel.Relation{Schema: "s", Name: "a", Key: []int{0}, Columns: []pgmodel.Column{
		{Name: "id", Type: text, NotNull: true, InIdentity: true}, {Name: "x", Type: text},
	}}
	out, err := Rules{Tables: new(spec.Tables), Events: &events, Encoding: "UTF8", Oversized: o}.Table(rel)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func insert(id, x string) *debezium.Event {
	return &debezium.Event{Op: debezium.Create, After: pgmodel.Tuple{{Kind: pgmodel.Text, Data: []byte(id)},
		{Kind: pgmodel.Text, Data: []byte(x)}}}
}

func TestALongKeyIsADeadLetterToo(t *testing.T) {
	o := oversizedOf(t, spec.SetOversizedAside)
	r := &kgo.Record{Topic: "t", Key: []byte(strings.Repeat("k", 9000)), Value: []byte(strings.Repeat("v", 20000)),
		Headers: []kgo.RecordHeader{header("h", "v")}}
	letters, err := o.deadLetters(r, 5)
	if err != nil {
		t.Fatal(err)
	}
	parts := make(map[string]string)
	for i := range letters {
		l := &letters[i]
		if kafka.RecordSize(l) > 4000 || l.Topic != "letters" || l.Headers[0].Key != "h" || l.Key != nil {
			t.Errorf("letter %d has %d bytes, topic %s, key %q", i, kafka.RecordSize(l), l.Topic, l.Key)
		}
		parts[string(l.Headers[5].Value)] += string(l.Value)
	}
	if parts["key"] != string(r.Key) || parts["value"] != string(r.Value) {
		t.Error("the parts do not make key and value")
	}
}

func TestWhatIsDoneWithAnOversizedRecordLeavesTheRestOfTheBatchAlone(t *testing.T) {
	for _, c := range []struct {
		mode   spec.OversizedMode
		id     string
		topics []string // of the batch's records; nil for any
	}{
		{spec.CutOversized, "1", []string{"p.s.a", "p.s.a", "p.s.a"}},
		{spec.SetOversizedAside, "1", []string{"p.s.a", "letters", "letters", "letters", "p.s.a"}},
		{spec.CutOversized, strings.Repeat("k", 2*mostBytes), nil}, // to cut would change the key
	} {
		table := table(t, oversizedOf(t, c.mode))
		var b debezium.Batch
		for _, ev := range []*debezium.Event{insert("before", "x"), insert(c.id, strings.Repeat("ü", mostBytes)),
			insert("after", "x")} {
			if _, err := table.Append(&b, ev); err != nil {
				t.Fatal(err)
			}
		}
		var topics []string
		size := 0
		for i := range b.Records {
			r := &b.Records[i]
			topics = append(topics, r.Topic)
			size += len(r.Key) + len(r.Value)
			for _, h := range r.Headers {
				size += len(h.Key) + len(h.Value)
			}
			if kafka.RecordSize(r) > mostBytes {
				t.Errorf("%s: a record of %d bytes is left", c.mode, kafka.RecordSize(r))
			}
		}
		if c.topics != nil && !slices.Equal(topics, c.topics) {
			t.Errorf("%s: the records are of topics %q, want %q", c.mode, topics, c.topics)
		}
		if b.Size != size {
			t.Errorf("%s: the batch says %d bytes, its records hold %d", c.mode, b.Size, size)
		}
		for _, at := range []int{0, len(b.Records) - 1} {
			if r := b.Records[at]; r.Topic != "p.s.a" || !strings.Contains(string(r.Value), `"x":"x"`) {
				t.Errorf("%s: record %d is %s", c.mode, at, r.Value)
			}
		}
	}
}
