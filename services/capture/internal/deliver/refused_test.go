package deliver_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

func TestARecordThatIsLargerThanWhatIsSentUnaskedIsNotSaidToNeedALargerTopic(t *testing.T) {
	for topic, want := range map[string]string{
		"340000000": "set producer.override.max.request.size to more",
		"1048588":   "raise the topic's max.message.bytes (and producer.override.max.request.size, if it is set)",
	} {
		limits := kafka.NewTopicLimits(func(string) *string { return nil }, 0)
		limits.Note("t", topic)
		err := deliver.TooLarge(&kgo.Record{Topic: "t", Value: make([]byte, 40<<20)}, limits, errors.New("refused"))
		if !strings.Contains(err.Error(), want) {
			t.Errorf("a topic that takes %s: %v", topic, err)
		}
	}
}

// A broker closes the connection of a client that sends more than it accepts: tried again and again, it seems to be away.
func TestARecordThatIsLargerThanTheBrokersRequestsIsRefusedAndNotTriedForEver(t *testing.T) {
	broker := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true, Properties: []string{
		"message.max.bytes=340000000", "socket.request.max.bytes=105000000",
	}})
	makeTopic(t, broker.Bootstrap, "offsets")
	makeTopic(t, broker.Bootstrap, "events")
	p, err := open(t, broker.Bootstrap, deliver.Settings{MaxRequest: 340_000_000,
		Compression: []kgo.CompressionCodec{kgo.NoCompression()}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	err = p.Write(t.Context(), []kgo.Record{{Topic: "events", Value: make([]byte, 120<<20)}}, []byte("key"), []byte("{}"))
	if err == nil {
		err = p.Commit(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "socket.request.max.bytes") {
		t.Fatalf("the record was written, or refused without the broker's setting: %v", err)
	}
}

func TestAnAnswerOfTheBrokerThatWaitingDoesNotChangeNamesTheTopicAndWhatToDo(t *testing.T) {
	broker := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	makeTopic(t, broker.Bootstrap, "offsets")
	for topic, c := range map[string]struct{ setting, value, want string }{
		"compacted": {"cleanup.policy", "compact", "message.key.columns"},
		// Not 0: the broker would refuse its own mark that the transaction is aborted, and so wait for ever.
		"past": {"message.timestamp.before.max.ms", "60000", "message.timestamp.before.max.ms"},
	} {
		_, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, map[string]*string{c.setting: &c.value}, topic)
		if err != nil {
			t.Fatal(err)
		}
		p, err := open(t, broker.Bootstrap, deliver.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		err = p.Write(t.Context(), []kgo.Record{{Topic: topic, Value: []byte("v"), Timestamp: time.Now().Add(-time.Hour)}},
			[]byte("key"), []byte("{}"))
		p.Close()
		if err == nil || !strings.Contains(err.Error(), "topic "+topic+" does not take") ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", topic, err)
		}
	}
}

func TestARecordForAPartitionThatThereIsNotNamesTheTopicAndThePartition(t *testing.T) {
	broker := testenv.RunKafka(t, testenv.KafkaConfig{})
	makeTopic(t, broker.Bootstrap, "offsets")
	makeTopic(t, broker.Bootstrap, "events")
	p, err := open(t, broker.Bootstrap, deliver.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	err = p.Write(t.Context(), []kgo.Record{{Topic: "events", Partition: 7, Value: []byte("v")}}, []byte("key"),
		[]byte("{}"))
	if err == nil || !strings.Contains(err.Error(), "topic events has no partition 7") {
		t.Errorf("got %v", err)
	}
}
