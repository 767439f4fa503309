package kafka_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestTransactionsThatNoCoordinatorKnowsAreFoundAndRolledBackAndNoOthers(t *testing.T) {
	brokers := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true, Properties: []string{testenv.HangingTransactions}})
	ctx := t.Context()
	client := func(options ...kgo.Opt) *kgo.Client {
		t.Helper()
		c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers.Bootstrap),
			kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	c := client()
	admin := kadm.NewClient(c)
	if _, err := admin.CreateTopics(ctx, 2, 1, nil, "held", "free"); err != nil {
		t.Fatal(err)
	}
	find := func() []*kafka.HangingTransaction {
		t.Helper()
		found, err := kafka.FindHanging(ctx, admin, "held", "free", "missing")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := find(); len(found) > 0 {
		t.Errorf("found %v before there was any", found)
	}
	// One that a coordinator knows is as old, and ends by itself.
	longAgo := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	known := client(kgo.TransactionalID("known"))
	if err := known.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for partition := range int32(2) {
		if err := known.ProduceSync(ctx, &kgo.Record{Topic: "held", Partition: partition, Value: []byte("v"),
			Timestamp: longAgo}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	producer, err := brokers.LeaveTransactionOpen(ctx,
		&kgo.Record{Topic: "held", Partition: 1, Value: []byte("lost"), Timestamp: longAgo})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := brokers.LeaveTransactionOpen(ctx, &kgo.Record{Topic: "held", Partition: 0, Value: []byte("young"),
		Timestamp: time.Now()}); err != nil {
		t.Fatal(err)
	}
	found := find()
	if len(found) != 1 || found[0].Topic != "held" || found[0].Partition != 1 || found[0].ProducerID != producer ||
		!found[0].LastWrite.Equal(longAgo) || found[0].Start != 1 {
		t.Fatalf("found %+v", found)
	}
	if err := kafka.AbortHanging(ctx, c, found[0]); err != nil {
		t.Fatal(err)
	}
	if found := find(); len(found) > 0 {
		t.Errorf("found %v after it was rolled back", found)
	}
	if err := known.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	reader := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"held": {1: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if fetches := reader.PollRecords(ctx, 1); fetches.Err() != nil || string(fetches.Records()[0].Value) != "v" {
		t.Errorf("read %v", fetches)
	}
}
