package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
)

func TestWrongAnswersAboutEpochsMakeNoRecordsSeemLost(t *testing.T) {
	brokers := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	hubs := eventhubs.Run(t, brokers.Bootstrap, eventhubs.Config{Tier: eventhubs.Premium})
	connect := func(options ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(hubs.Addr)}, options...)...)
	}
	maker, err := connect(kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer maker.Close()
	if _, err := kadm.NewClient(maker).CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	restrictions, err := kafka.Probe(t.Context(), connect, "orders", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := maker.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("v")},
		&kgo.Record{Topic: "orders", Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	// lost reports whether a reader believes that records were lost, once leaders have moved.
	lost := func(options ...kgo.Opt) bool {
		t.Helper()
		reader, err := connect(
			append([]kgo.Opt{kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"orders": {0: kgo.NewOffset().At(0)}}),
				kgo.ConsumeResetOffset(kgo.NoResetOffset()),
				kgo.MetadataMinAge(10 * time.Millisecond), kgo.MetadataMaxAge(200 * time.Millisecond),
				kgo.FetchMaxWait(100 * time.Millisecond)}, options...)...)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		if fetches := reader.PollRecords(t.Context(), 2); fetches.Err() != nil || fetches.NumRecords() == 0 {
			t.Fatal(fetches.Err())
		}
		hubs.MoveLeaders()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for ctx.Err() == nil {
			for _, failed := range reader.PollFetches(ctx).Errors() {
				if _, ok := errors.AsType[*kgo.ErrDataLoss](failed.Err); ok {
					return true
				}
			}
		}
		return false
	}
	if !lost() {
		t.Error("the stand-in does not do what it is for")
	}
	if lost(restrictions.Options()...) {
		t.Error("records seem to be lost")
	}
}
