package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// open makes a producer of connector c against a broker.
func open(t *testing.T, bootstrap string, s deliver.Settings) (*deliver.Producer, error) {
	t.Helper()
	return openWithin(t, 0, bootstrap, s)
}

// openWithin is open with Config.Patience.
func openWithin(t *testing.T, patience time.Duration, bootstrap string, s deliver.Settings) (*deliver.Producer, error) {
	t.Helper()
	s.BatchEvents, s.BatchBytes = deliver.DefaultBatchEvents, deliver.DefaultBatchBytes
	var err error
	if s.Topics, err = deliver.ParseTopicGroups(nil, nil); err != nil {
		t.Fatal(err)
	}
	env := connector.TaskEnv{
		Connector: "c", OffsetsTopic: "offsets", Logger: slog.New(slog.DiscardHandler),
		UsedTopic: func(string) error { return nil }, Retrying: func(error) {},
		Kafka: func(options ...kgo.Opt) (*kgo.Client, error) {
			return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap)}, options...)...)
		},
	}
	return deliver.Open(t.Context(), deliver.Config{Env: env, Settings: s, Patience: patience})
}

func write(t *testing.T, p *deliver.Producer) error {
	t.Helper()
	err := p.Write(t.Context(), []kgo.Record{{Topic: "events", Value: []byte("v")}}, []byte("key"), []byte("{}"))
	if err == nil {
		err = p.Commit(t.Context())
	}
	return err
}

func TestAProducerThatKafkaForgotIsReplacedAndNotTakenForFenced(t *testing.T) {
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true, Properties: []string{
		"transactional.id.expiration.ms=10000", "transaction.remove.expired.transaction.cleanup.interval.ms=500",
	}})
	makeTopic(t, kafka.Bootstrap, "offsets")
	p, err := open(t, kafka.Bootstrap, deliver.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if err := write(t, p); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "Kafka to forget the producer", func(ctx context.Context) error {
		return forgotten(ctx, kafka.Bootstrap)
	})
	err = write(t, p)
	p.Close()
	if err == nil {
		t.Fatal("the write that Kafka knew no producer for succeeded")
	}
	if errors.Is(err, retry.ErrFenced) || !retry.Transient(err) {
		t.Errorf("not an error that another session fixes: %v", err)
	}
	if p, err = open(t, kafka.Bootstrap, deliver.Settings{}); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := write(t, p); err != nil {
		t.Errorf("with a new producer: %v", err)
	}
}

func TestWithoutTransactionsDeliveryIsAtLeastOnceOrRefused(t *testing.T) {
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	makeTopic(t, kafka.Bootstrap, "offsets")
	for _, config := range []eventhubs.Config{{Tier: eventhubs.Standard},
		{Tier: eventhubs.Standard, CutTransactions: true}, {Tier: eventhubs.Premium, RefuseTransactions: true}} {
		hubs := eventhubs.Run(t, kafka.Bootstrap, config)
		p, err := open(t, hubs.Addr, deliver.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Transactional() {
			t.Error("the producer believes in transactions")
		}
		p.Close()
		if _, err := open(t, hubs.Addr, deliver.Settings{ExactlyOnceRequired: true}); err == nil || retry.Transient(err) {
			t.Errorf("exactly.once.support=required: %v", err)
		}
	}
}

func TestAWriteThatTheServiceThrottlesOrStumblesOverIsOneThatAnotherSessionMends(t *testing.T) {
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	makeTopic(t, kafka.Bootstrap, "offsets")
	hubs := eventhubs.Run(t, kafka.Bootstrap, eventhubs.Config{Tier: eventhubs.Premium})
	p, err := open(t, hubs.Addr, deliver.Settings{Compression: []kgo.CompressionCodec{kgo.NoCompression()}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !p.Transactional() {
		t.Error("the producer has no transactions")
	}
	hubs.Throttle(1)
	if err := write(t, p); !retry.Transient(err) || err == nil {
		t.Errorf("while throttled: %v", err)
	}
	q, err := open(t, hubs.Addr, deliver.Settings{Compression: []kgo.CompressionCodec{kgo.NoCompression()}})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	hubs.Stumble(1)
	if err := write(t, q); !retry.Transient(err) || err == nil {
		t.Errorf("while the service is in trouble: %v", err)
	}
}

func makeTopic(t *testing.T, bootstrap, topic string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

// forgotten says why Kafka still knows the transactional id of connector c.
func forgotten(ctx context.Context, bootstrap string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	listed, err := kadm.NewClient(client).ListTransactions(ctx, nil, nil)
	if err != nil {
		return err
	}
	if state, known := listed["calypso-c"]; known {
		return fmt.Errorf("transactional id calypso-c is %s", state.State)
	}
	return nil
}

func TestATopicWhoseNameIsTooLikeAnothersIsRefusedWithBothNamesAndTheWayOut(t *testing.T) {
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	makeTopic(t, kafka.Bootstrap, "offsets")
	makeTopic(t, kafka.Bootstrap, "shop_orders")
	p, err := open(t, kafka.Bootstrap, deliver.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Write(t.Context(), []kgo.Record{{Topic: "shop.orders", Value: []byte("v")}}, []byte("key"), []byte("{}"))
	if err == nil || retry.KafkaTransient(err) {
		t.Fatalf("got %v, want a lasting error", err)
	}
	for _, want := range []string{`"shop.orders"`, "shop_orders", "RegexRouter"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %s", err, want)
		}
	}
}
