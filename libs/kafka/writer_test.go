package kafka_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
)

// noise is bytes that do not compress.
func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestRecordsThatTogetherExceedWhatTheirTopicTakesAreAllWrittenInOrder(t *testing.T) {
	brokers := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	writer, err := kafka.NewWriter(func(first, last []kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(append(first, kgo.SeedBrokers(brokers.Bootstrap)), last...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	set := func(topic, limit string) {
		t.Helper()
		if changed, err := admin.AlterTopicConfigs(t.Context(),
			[]kadm.AlterConfig{{Name: "max.message.bytes", Value: &limit}}, topic); err != nil || changed[0].Err != nil {
			t.Fatal(err, changed)
		}
	}
	var written []string
	records := func(n, size int) (out []*kgo.Record) {
		for range n {
			key := strconv.Itoa(len(written))
			written = append(written, key)
			out = append(out, &kgo.Record{Topic: "letters", Key: []byte(key), Value: noise(size)})
		}
		return out
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "letters"); err != nil {
		t.Fatal(err)
	}
	// By the broker's default of a topic's limit, and by one that was lowered after it was asked for.
	if err := writer.Write(t.Context(), records(12, 300_000)...); err != nil {
		t.Error(err)
	}
	set("letters", "100000")
	if err := writer.Write(t.Context(), records(12, 30_000)...); err != nil {
		t.Error(err)
	}
	// What is larger than the limit and compresses below it is taken by the broker.
	shrinking := records(1, 0)[0]
	shrinking.Value = []byte(strings.Repeat("calypso ", 100_000))
	if err := writer.Write(t.Context(), shrinking); err != nil {
		t.Error(err)
	}
	err = writer.Write(t.Context(), append(records(1, 1),
		&kgo.Record{Topic: "letters", Key: []byte("large"), Value: noise(200_000)})...)
	if large, ok := errors.AsType[*kafka.TooLargeError](err); !ok || string(large.Record.Key) != "large" ||
		!strings.Contains(err.Error(), "kafka-configs.sh") {
		t.Errorf("a record that the topic does not take: %v", err)
	}
	// Several at once do not share a batch that is too large.
	set("letters", "1048588")
	var writing sync.WaitGroup
	for range 4 {
		mine := records(1, 700_000)
		writing.Go(func() {
			if err := writer.Write(t.Context(), mine...); err != nil {
				t.Error(err)
			}
		})
	}
	writing.Wait()

	reader, err := kgo.NewClient(kgo.SeedBrokers(brokers.Bootstrap), kgo.ConsumeTopics("letters"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var read []string
	for len(read) < len(written) {
		fetches := reader.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { read = append(read, string(r.Key)) })
	}
	if inOrder := len(written) - 4; strings.Join(read[:inOrder], " ") != strings.Join(written[:inOrder], " ") {
		t.Errorf("read %v, want %v", read, written)
	}
}

func TestAWriterLearnsByOneRefusalWhatBrokersDoNotTake(t *testing.T) {
	brokers := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	hubs := eventhubs.Run(t, brokers.Bootstrap, eventhubs.Config{Tier: eventhubs.Standard})
	options, _, err := kafka.FromProperties(map[string]string{"bootstrap.servers": hubs.Addr, "compression.type": "zstd"})
	if err != nil {
		t.Fatal(err)
	}
	connect := func(first, last []kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(slices.Concat(first, options, last)...)
	}
	writer, err := kafka.NewWriter(connect)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	admin, err := connect(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := kadm.NewClient(admin).CreateTopic(t.Context(), 1, 1, nil, "letters"); err != nil {
		t.Fatal(err)
	}
	large := &kgo.Record{Topic: "letters", Key: []byte("large"), Value: make([]byte, 1_040_000)}
	for range 2 {
		if err := writer.Write(t.Context(), &kgo.Record{Topic: "letters", Value: make([]byte, 900_000)},
			&kgo.Record{Topic: "letters", Value: make([]byte, 900_000)}); err != nil {
			t.Error(err)
		}
		err := writer.Write(t.Context(), large)
		if _, ok := errors.AsType[*kafka.TooLargeError](err); !ok {
			t.Errorf("a record that is too large for the service: %v", err)
		}
	}
	if refused := hubs.Refusals(); refused["compression"] != 1 || refused["request size"] > 0 {
		t.Errorf("refused: %v", refused)
	}
}
