package sink

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// waits waits until what a partition of a task has waiting is so.
func (s *fixture) waits(run *running, want sinkv1.PartitionProgress_Waiting, since time.Time) {
	s.t.Helper()
	testenv.Eventually(s.t, time.Minute, "the sink says what waits", func(ctx context.Context) error {
		for _, p := range s.summary(ctx, run).Partitions {
			if p.Waiting == want && (since.IsZero() == (p.OldestWaitingTime == nil)) &&
				(since.IsZero() || p.OldestWaitingTime.AsTime().Equal(since)) {
				return nil
			}
		}
		return fmt.Errorf("it says %v, want %v since %v", s.summary(ctx, run).Partitions, want, since)
	})
}

// committed is when the orders of a fixture were committed, by what their events say.
var committed = time.UnixMilli(1700000000000)

func TestASinkSaysSinceWhenTheOldestChangeWaitsThatItHas(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"flush.interval.ms": "3000", "flush.size.bytes": "100000"})
	s.produce(1, 2, 1)
	run := s.start()
	s.waits(run, sinkv1.PartitionProgress_WAITING_IN_BATCH, committed)
	s.holds(1)
	s.waits(run, sinkv1.PartitionProgress_WAITING_NOTHING, time.Time{})

	servers.adx.inject(t, func(*http.Request) fault { return hang })
	s.produce(2, 3, 1)
	s.waits(run, sinkv1.PartitionProgress_WAITING_FOR_CLUSTER, committed)
	if err := run.stop(); err != nil {
		t.Error(err)
	}
}

func TestTombstonesAndTransactionMarkersDoNotCountAsWaiting(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"flush.interval.ms": "600000"})
	s.produce(1, 2, 1)
	run := s.start()
	s.waits(run, sinkv1.PartitionProgress_WAITING_IN_BATCH, committed)
	if err := run.stop(); err != nil {
		t.Error(err)
	}
	s = newFixture(t, 1, map[string]string{"flush.interval.ms": "600000"})
	s.send(&kgo.Record{Key: []byte(`{"orderid":1}`)})
	run = s.start()
	s.waits(run, sinkv1.PartitionProgress_WAITING_NOTHING, time.Time{})
	writer, err := kgo.NewClient(kgo.SeedBrokers(s.brokers), kgo.TransactionalID(s.name))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for range 3 {
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := writer.ProduceSync(t.Context(), &kgo.Record{Topic: s.topic,
			Key: []byte(`{"orderid":1}`)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := writer.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	s.waits(run, sinkv1.PartitionProgress_WAITING_NOTHING, time.Time{})
}
