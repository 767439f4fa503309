package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

func TestEachClassOfTheAPIIsAClassOfDeadLetters(t *testing.T) {
	for number := range sinkv1.DeadLetterClass_name {
		shown := sinkv1.DeadLetterClass(number)
		f, err := filterOf(&sinkv1.DeadLetterFilter{Class: shown})
		if err != nil || classes[f.Class] != shown {
			t.Errorf("%s is %q, %v", shown, f.Class, err)
		}
	}
	if _, err := filterOf(&sinkv1.DeadLetterFilter{Class: 99}); err == nil {
		t.Error("a class that there is not is taken")
	}
}

func TestLettersOfUnknownClassesAreCountedTogether(t *testing.T) {
	got := counts([]deadletter.Count{{Class: deadletter.ClassMisfit, Letters: 2}, {Class: "later", Letters: 1},
		{Class: "", Letters: 3}})
	if len(got) != 2 || got[0].Class != 0 || got[0].Letters != 4 || got[1].Letters != 2 {
		t.Errorf("%v", got)
	}
}

func FuzzParseLetter(f *testing.F) {
	f.Add("3", "17", "s.retail.orders", "REFUSED", []byte("v"))
	f.Add("-1", "99999999999999999999", "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, partition, offset, topic, class string, value []byte) {
		one := deadletter.ParseLetter(&kgo.Record{Partition: 2, Offset: 5, Key: value, Value: value,
			Headers: []kgo.RecordHeader{
				{Key: "own", Value: value}, {Key: deadletter.HeaderTopic, Value: []byte(topic)},
				{Key: deadletter.HeaderPartition, Value: []byte(partition)}, {Key: deadletter.HeaderOffset, Value: []byte(offset)},
				{Key: deadletter.HeaderClass, Value: []byte(class)}, {Key: deadletter.HeaderConnector, Value: value},
				{Key: deadletter.HeaderTask, Value: []byte(offset)}, {Key: deadletter.HeaderMessage, Value: value}}})
		if len(one.Record.Headers) != 1 || one.ID != "2/5" || one.Record.Topic != topic {
			t.Fatalf("%v", one)
		}
		shown := letter(&one, &deadletter.Decoder{Rows: row.NewEncoder(row.Config{}, row.Target{})})
		if _, err := proto.Marshal(shown); err != nil {
			t.Fatal(err)
		}
	})
}
