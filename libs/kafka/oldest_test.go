package kafka_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestTheOldestRecordIsFoundBehindMarkersAndWhatWasRolledBackOrRemoved(t *testing.T) {
	brokers := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	ctx := t.Context()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers.Bootstrap), kgo.DefaultProduceTopic("t"), kgo.TransactionalID("tx"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopics(ctx, 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	minute := func(n int) time.Time { return time.Date(2026, 1, 1, 0, n, 0, 0, time.UTC) }
	transact := func(end kgo.TransactionEndTry, at ...time.Time) {
		t.Helper()
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, at := range at {
			if err := client.ProduceSync(ctx, &kgo.Record{Value: []byte("v"), Timestamp: at}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	transact(kgo.TryCommit, minute(0), minute(1)) // offsets 0 and 1, marker 2
	transact(kgo.TryAbort, minute(2))             // 3, 4
	transact(kgo.TryCommit, minute(5))            // 5, 6
	transact(kgo.TryAbort, minute(7))             // 7, 8
	look := func(from, until int64) string {
		t.Helper()
		at, found, next, err := kafka.Oldest(ctx, client, "t", 0, from, until)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			return fmt.Sprintf("none before %d", next)
		}
		return at.UTC().Format("15:04")
	}
	for of, want := range map[[2]int64]string{
		{0, 9}: "00:00", {1, 9}: "00:01", {2, 9}: "00:05", {3, 5}: "none before 5", {2, 3}: "none before 3",
		{5, 9}: "00:05", {6, 9}: "none before 9", {9, 9}: "none before 9",
	} {
		testenv.Eventually(t, time.Minute, "the log to be stable", func(context.Context) error {
			if got := look(of[0], of[1]); got != want {
				return fmt.Errorf("of offsets %v the oldest is %s, want %s", of, got, want)
			}
			return nil
		})
	}
	var removed kadm.Offsets
	removed.AddOffset("t", 0, 5, -1)
	if _, err := kadm.NewClient(client).DeleteRecords(ctx, removed); err != nil {
		t.Fatal(err)
	}
	if got := look(0, 9); got != "00:05" {
		t.Errorf("of a log that begins with offset 5 the oldest is %s", got)
	}
	if _, _, _, err := kafka.Oldest(ctx, client, "missing", 0, 0, 1); err == nil {
		t.Error("of a topic that is not there nothing is said to be wrong")
	}
}
