package calypso

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

func client(t *testing.T, b *broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.address))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// transact writes one record in a transaction that is committed or aborted.
func transact(t *testing.T, c *kgo.Client, value string, end kgo.TransactionEndTry) {
	t.Helper()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := c.ProduceSync(t.Context(), kgo.StringRecord(value)).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := c.EndTransaction(t.Context(), end); err != nil {
		t.Fatal(err)
	}
}

// consume reads n values as a member of a group and commits them.
func consume(t *testing.T, b *broker, n int) (values []string) {
	t.Helper()
	c := client(t, b, kgo.ConsumerGroup("g"), kgo.ConsumeTopics("orders"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(values) < n {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %q: %v", values, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	if err := c.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
	c.Close()
	return values
}

func TestTheBrokerKeepsTransactionsGroupsAndTopicsOverARestart(t *testing.T) {
	dir, port := t.TempDir(), testenv.Port(t)
	b, err := startBroker(dir, port, brokerReserve)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(client(t, b)).CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	producer := client(t, b, kgo.TransactionalID("capture"), kgo.DefaultProduceTopic("orders"))
	transact(t, producer, "one", kgo.TryCommit)
	transact(t, producer, "rolled back", kgo.TryAbort)
	transact(t, producer, "two", kgo.TryCommit)
	if got := fmt.Sprint(consume(t, b, 2)); got != "[one two]" {
		t.Errorf("read %s", got)
	}
	transact(t, producer, "three", kgo.TryCommit)
	producer.Close()
	b.stop()

	if b, err = startBroker(dir, port, brokerReserve); err != nil {
		t.Fatal(err)
	}
	defer b.stop()
	successor := client(t, b, kgo.TransactionalID("capture"), kgo.DefaultProduceTopic("orders"))
	transact(t, successor, "four", kgo.TryCommit)
	if got := fmt.Sprint(consume(t, b, 2)); got != "[three four]" {
		t.Errorf("read %s after the restart", got)
	}
}

func TestTheBrokerSaysThatItsDiskIsFull(t *testing.T) {
	b, err := startBroker(t.TempDir(), testenv.Port(t), math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer b.stop()
	producer := client(t, b, kgo.DefaultProduceTopic("orders"), kgo.AllowAutoTopicCreation(), kgo.RecordRetries(1))
	if err := producer.ProduceSync(t.Context(), kgo.StringRecord("one")).FirstErr(); !errors.Is(err,
		kerr.KafkaStorageError) {
		t.Errorf("writing on a disk without room: %v", err)
	}
	if !kerr.IsRetriable(kerr.KafkaStorageError) {
		t.Error("clients do not try again")
	}
}

func TestAProducerIsFencedByItsSuccessor(t *testing.T) {
	b, err := startBroker(t.TempDir(), testenv.Port(t), brokerReserve)
	if err != nil {
		t.Fatal(err)
	}
	defer b.stop()
	first := client(t, b, kgo.TransactionalID("capture"), kgo.DefaultProduceTopic("orders"), kgo.AllowAutoTopicCreation())
	transact(t, first, "one", kgo.TryCommit)
	transact(t, client(t, b, kgo.TransactionalID("capture"), kgo.DefaultProduceTopic("orders")), "two", kgo.TryCommit)
	if err := first.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	err = first.ProduceSync(t.Context(), kgo.StringRecord("zombie")).FirstErr()
	if err == nil {
		err = first.EndTransaction(t.Context(), kgo.TryCommit)
	}
	if err == nil {
		t.Error("the fenced producer committed")
	}
}
