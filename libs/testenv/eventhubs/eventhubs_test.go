package eventhubs_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
)

func client(t *testing.T, n *eventhubs.Namespace, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(n.Addr), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RecordRetries(1)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestEventHubs(t *testing.T) {
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	namespace := func(t *testing.T, cfg eventhubs.Config) *eventhubs.Namespace {
		return eventhubs.Run(t, kafka.Bootstrap, cfg)
	}
	standard := eventhubs.Config{Tier: eventhubs.Standard}

	t.Run("what is written without compression is read again", func(t *testing.T) {
		n := namespace(t, standard)
		c := client(t, n, kgo.ConsumeTopics("plain"))
		if _, err := kadm.NewClient(c).CreateTopic(t.Context(), 3, 1, nil, "plain"); err != nil {
			t.Fatal(err)
		}
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "plain", Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		fetches := c.PollFetches(t.Context())
		if err := fetches.Err(); err != nil || fetches.NumRecords() != 1 {
			t.Fatalf("read %d records, error %v", fetches.NumRecords(), err)
		}
		if refused := n.Refusals(); len(refused) > 0 {
			t.Errorf("refused: %v", refused)
		}
	})
	t.Run("compressed batches are refused with error 43, but for gzip in the higher tiers", func(t *testing.T) {
		for _, tier := range []eventhubs.Tier{eventhubs.Standard, eventhubs.Premium} {
			n := namespace(t, eventhubs.Config{Tier: tier})
			for codec, option := range map[string]kgo.CompressionCodec{"gzip": kgo.GzipCompression(),
				"snappy": kgo.SnappyCompression(), "zstd": kgo.ZstdCompression(), "lz4": kgo.Lz4Compression()} {
				c := client(t, n, kgo.ProducerBatchCompression(option), kgo.AllowAutoTopicCreation())
				err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "plain",
					Value: []byte(strings.Repeat("long ", 1000))}).FirstErr()
				allowed := codec == "gzip" && tier.Gzip
				if (err == nil) != allowed || err != nil && !errors.Is(err, kerr.UnsupportedForMessageFormat) {
					t.Errorf("%s in %s: %v", codec, tier.Name, err)
				}
			}
		}
	})
	t.Run("a request above 1,046,528 bytes ends the connection", func(t *testing.T) {
		n := namespace(t, standard)
		c := client(t, n, kgo.ProducerBatchMaxBytes(2<<20), kgo.DisableIdempotentWrite(),
			kgo.RecordDeliveryTimeout(2*time.Second))
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "plain", Value: make([]byte, 1<<20)}).FirstErr(); err == nil {
			t.Error("no error")
		}
		if n.Refusals()["request size"] == 0 {
			t.Error("nothing was refused")
		}
	})
	t.Run("offset metadata above 1,024 bytes are refused, and commits that come at once are held back",
		func(t *testing.T) {
			n := namespace(t, standard)
			admin := kadm.NewClient(client(t, n))
			commit := func(metadata string) error {
				offsets := kadm.Offsets{}
				offsets.Add(kadm.Offset{Topic: "plain", Partition: 0, At: 1, LeaderEpoch: -1, Metadata: metadata})
				responses, err := admin.CommitOffsets(t.Context(), "a group", offsets)
				return errors.Join(err, responses.Error())
			}
			if err := commit(strings.Repeat("x", 1025)); !errors.Is(err, kerr.OffsetMetadataTooLarge) {
				t.Errorf("1,025 bytes: %v", err)
			}
			if err := commit(strings.Repeat("x", 1024)); err != nil {
				t.Errorf("1,024 bytes: %v", err)
			}
			if n.Refusals()["commits at once"] == 0 {
				t.Error("the second commit was not held back")
			}
		})
	t.Run("there are no transactions in tier Standard", func(t *testing.T) {
		n := namespace(t, standard)
		_, _, err := client(t, n, kgo.TransactionalID("an id")).ProducerID(t.Context())
		if err == nil {
			t.Error("no error")
		}
		request := kmsg.NewPtrApiVersionsRequest()
		response, err := request.RequestWith(t.Context(), client(t, n))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range response.ApiKeys {
			if k.ApiKey >= 24 && k.ApiKey <= 28 {
				t.Errorf("API %d is offered", k.ApiKey)
			}
		}
	})
	t.Run("a tier with transactions serves them", func(t *testing.T) {
		c := client(t, namespace(t, eventhubs.Config{Tier: eventhubs.Premium}), kgo.TransactionalID("an id"))
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "plain", Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := c.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("an eleventh event hub and a retention beyond a week are refused in tier Standard", func(t *testing.T) {
		admin := kadm.NewClient(client(t, namespace(t, standard)))
		month := "2592000000"
		if _, err := admin.CreateTopic(t.Context(), 1, 1, map[string]*string{"retention.ms": &month}, "long"); !errors.Is(err,
			kerr.PolicyViolation) {
			t.Errorf("a month: %v", err)
		}
		for i := range 11 {
			_, err := admin.CreateTopic(t.Context(), 1, 1, nil, "hub-"+string(rune('a'+i)))
			if (err != nil) != (i == 10) {
				t.Errorf("topic %d: %v", i, err)
			}
		}
	})
	t.Run("idle connections are closed", func(t *testing.T) {
		n := namespace(t, eventhubs.Config{Tier: eventhubs.Standard, Idle: 200 * time.Millisecond})
		c := client(t, n)
		for range 2 {
			if err := c.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			time.Sleep(400 * time.Millisecond)
		}
	})
}
