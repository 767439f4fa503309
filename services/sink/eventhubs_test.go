package sink

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
)

func TestABadBatchIsHalvedWithinTheMetadataThatEventHubsTakes(t *testing.T) {
	needServers(t)
	if !servers.kafka.Real {
		t.Skip("needs Apache Kafka:", servers.kafka.Notice)
	}
	s := newStage(t, 1, map[string]string{"values.check": "off",
		"value.converter": "org.apache.kafka.connect.storage.StringConverter", "flush.size.bytes": "1000000",
		"flush.max.bytes": "1000000", "behavior.on.error": "LOG"})
	delete(s.config, "transforms")
	delete(s.config, "transforms.unwrap.type")
	hubs := eventhubs.Run(t, servers.kafka.Bootstrap, eventhubs.Config{Tier: eventhubs.Standard})
	s.brokers = hubs.Addr
	var records []*kgo.Record
	for id := 1; id <= 64; id++ {
		value := fmt.Sprintf(`{"orderid":"%d","amount":%d}`, id, id)
		if id%8 == 0 {
			value = fmt.Sprintf(`{"orderid":"%d","amount":`, id)
		}
		records = append(records, &kgo.Record{Value: []byte(value)})
	}
	s.send(records...)
	s.start()
	s.holdsIDs(func(yield func(int) bool) {
		for id := 1; id <= 64; id++ {
			if id%8 != 0 && !yield(id) {
				return
			}
		}
	})
	s.commits(0, 64)
	if refused := hubs.Refusals(); refused["offset metadata"] > 0 {
		t.Errorf("refused: %v", refused)
	}
}

func TestStreamedRowsAreCommittedNoMoreOftenThanEventHubsTakes(t *testing.T) {
	needServers(t)
	if !servers.kafka.Real {
		t.Skip("needs Apache Kafka:", servers.kafka.Notice)
	}
	s := newStage(t, 1, map[string]string{"ingestion.mode": "streaming"})
	s.manage(".alter table " + s.table + " policy streamingingestion enable")
	hubs := eventhubs.Run(t, servers.kafka.Bootstrap, eventhubs.Config{Tier: eventhubs.Standard})
	s.brokers = hubs.Addr
	s.start()
	const rows = 120
	for id := 1; id <= rows; id++ {
		s.produce(id, id+1, 1)
		time.Sleep(25 * time.Millisecond) // so that they come in batches of their own
	}
	s.commits(0, rows)
	s.holds(rows + 1)
	if early := hubs.Refusals()["commits at once"]; early > 1 {
		t.Errorf("%d commits came too early", early)
	}
}

func TestBrokersThatTakeNoMetadataAreNamedWithTheRemedy(t *testing.T) {
	needServers(t)
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true, Properties: []string{"offset.metadata.max.bytes=8"}})
	before := servers.kafka
	servers.kafka = kafka
	defer func() { servers.kafka = before }()
	s := newStage(t, 1, nil)
	s.produce(1, 10, 1)
	err := s.start().failure(t)
	for _, part := range []string{"OFFSET_METADATA_TOO_LARGE", "offset.metadata.max.bytes", s.topic} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
}

func TestDeadLettersNeedNoTopicsMadeWhereTheyAreThere(t *testing.T) {
	if !servers.kafka.Real {
		t.Skip("needs Apache Kafka:", servers.kafka.Notice)
	}
	s := newStage(t, 1, map[string]string{"errors.tolerance": "all", "behavior.on.error": "LOG"})
	dead := s.topic + "-dead"
	s.config["errors.deadletterqueue.topic.name"] = dead
	for _, topic := range []string{dead, deadletter.MarkTopic(dead)} {
		if made, err := kadm.NewClient(s.kafka).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil || made.Err != nil {
			t.Fatal(err, made.Err)
		}
	}
	s.brokers = eventhubs.Run(t, servers.kafka.Bootstrap,
		eventhubs.Config{Tier: eventhubs.Standard, WithoutAdmin: true}).Addr
	s.options = []kgo.Opt{kgo.ProducerBatchCompression(kgo.NoCompression())} // as the runtime finds out
	s.send(&kgo.Record{Value: []byte(`no JSON`)})
	s.produce(1, 2, 1)
	s.start()
	s.holds(2)
	s.commits(0, 2)
	letters := 0
	err := testenv.ReadTopic(t.Context(), func(o ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(o, kgo.SeedBrokers(servers.kafka.Bootstrap))...)
	}, dead, func(*kgo.Record) { letters++ })
	if err != nil || letters != 1 {
		t.Errorf("%d dead letters (%v), want one", letters, err)
	}
}
