package kafka_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestOffsetsThatCompactionEmptiedAreToldFromThoseThatHaveRecordsOrWillHave(t *testing.T) {
	brokers := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true, Properties: []string{"log.cleaner.backoff.ms=100"}})
	ctx := t.Context()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers.Bootstrap), kgo.DefaultProduceTopic("compacted"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	settings := map[string]*string{"cleanup.policy": new("compact"), "segment.ms": new("100"),
		"min.cleanable.dirty.ratio": new("0.0001"), "delete.retention.ms": new("0")}
	if _, err := kadm.NewClient(client).CreateTopics(ctx, 1, 1, settings, "compacted"); err != nil {
		t.Fatal(err)
	}
	empty := func(from, until int64) (bool, error) { return kafka.Empty(ctx, client, "compacted", 0, from, until) }
	offset := int64(-1)
	send := func(key string) {
		t.Helper()
		r := &kgo.Record{Key: []byte(key), Value: []byte("v")}
		if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if offset++; r.Offset != offset {
			t.Fatalf("key %s has offset %d", key, r.Offset)
		}
	}
	send("b")
	send("b")
	send("b")
	if got, err := empty(0, 3); got || err != nil {
		t.Errorf("offsets that have records: %v, %v", got, err)
	}
	if got, err := empty(3, 4); got || err == nil || !strings.Contains(err.Error(), "committed records end at offset 3") {
		t.Errorf("offsets that will have records: %v, %v", got, err)
	}
	if got, err := kafka.Empty(ctx, client, "missing", 0, 0, 1); got || err == nil {
		t.Errorf("a topic that is not there: %v, %v", got, err)
	}
	testenv.Eventually(t, 2*time.Minute, "offsets 0 to 2 to be compacted", func(ctx context.Context) error {
		send("b") // which also ends a segment after its time
		got, err := empty(0, 3)
		if err == nil && !got {
			err = fmt.Errorf("they are not, and the log ends at %d", offset+1)
		}
		if err == nil && offset < 4 {
			err = fmt.Errorf("the log ends at %d", offset+1)
		}
		return err
	})
	if got, err := empty(1, offset+1); got || err != nil {
		t.Errorf("offsets with the last record: %v, %v", got, err)
	}
}
