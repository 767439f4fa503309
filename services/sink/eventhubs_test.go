package sink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
)

func TestABadBatchIsHalvedWithinTheMetadataThatEventHubsTakes(t *testing.T) {
	needServers(t)
	if !servers.kafka.Real {
		t.Skip("needs Apache Kafka:", servers.kafka.Notice)
	}
	s := newFixture(t, 1, map[string]string{"values.check": "off",
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
	s := newFixture(t, 1, map[string]string{"ingestion.mode": "streaming"})
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
	s := newFixture(t, 1, nil)
	s.produce(1, 10, 1)
	err := s.start().failure(t)
	for _, part := range []string{"OFFSET_METADATA_TOO_LARGE", "offset.metadata.max.bytes", s.topic} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if note := noted.of(s.name)[connector.CommittedNote(s.topic, 0)]; note != nil {
		t.Errorf("a commit that was refused is noted: %s", note)
	}
}

func TestDeadLettersNeedNoTopicsMadeWhereTheyAreThere(t *testing.T) {
	if !servers.kafka.Real {
		t.Skip("needs Apache Kafka:", servers.kafka.Notice)
	}
	s := newFixture(t, 1, map[string]string{"errors.tolerance": "all", "behavior.on.error": "LOG"})
	dead := s.topic + "-dead"
	s.config["errors.deadletterqueue.topic.name"] = dead
	makeTopic := func(topic, policy string) {
		t.Helper()
		if made, err := kadm.NewClient(s.kafka).CreateTopic(t.Context(), 1, 1, map[string]*string{"cleanup.policy": &policy},
			topic); err != nil || made.Err != nil {
			t.Fatal(err, made.Err)
		}
	}
	s.brokers = eventhubs.Run(t, servers.kafka.Bootstrap,
		eventhubs.Config{Tier: eventhubs.Standard, WithoutAdmin: true}).Addr
	s.options = []kgo.Opt{kgo.ProducerBatchCompression(kgo.NoCompression())} // as the runtime finds out
	s.send(&kgo.Record{Value: []byte(`no JSON`)})
	s.produce(1, 2, 1)
	err := s.start().failure(t)
	for _, part := range []string{dead, "let no client make topics", "Make it yourself"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("without the topic: %q lacks %q", err, part)
		}
	}
	makeTopic(dead, "delete")
	r := s.start()
	s.holds(2)
	s.commits(0, 2)
	letters := 0
	err = testenv.ReadTopic(t.Context(), func(o ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(o, kgo.SeedBrokers(servers.kafka.Bootstrap))...)
	}, dead, func(*kgo.Record) { letters++ })
	if err != nil || letters != 1 {
		t.Errorf("%d dead letters (%v), want one", letters, err)
	}
	// What became of letters is kept only where it is not forgotten: they would be replayed again.
	discard := func() error {
		_, err := s.service(r).DiscardDeadLetters(t.Context(),
			&sinkv1.DiscardDeadLettersRequest{Connector: s.name, All: true})
		return err
	}
	resolved := deadletter.ResolvedTopic(dead)
	refused := func(want string) {
		t.Helper()
		if err := discard(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), resolved) {
			t.Errorf("%v, want it to say %q of topic %s", err, want, resolved)
		}
	}
	refused("Make it yourself")
	makeTopic(resolved, "delete")
	refused("set it to compact")
	if gone, err := kadm.NewClient(s.kafka).DeleteTopic(t.Context(), resolved); err != nil || gone.Err != nil {
		t.Fatal(err, gone.Err)
	}
	testenv.Eventually(t, time.Minute, "the topic to be made as it must be", func(ctx context.Context) error {
		compact := "compact"
		made, err := kadm.NewClient(s.kafka).CreateTopic(ctx, 1, 1, map[string]*string{"cleanup.policy": &compact}, resolved)
		return errors.Join(err, made.Err)
	})
	testenv.Eventually(t, time.Minute, "the letter to be discarded", func(context.Context) error { return discard() })
}

func TestTheCheckNamesTopicsOfDeadLettersThatNobodyMayMakeOnBrokersOfTheirOwn(t *testing.T) {
	needServers(t)
	if !servers.kafka.Real {
		t.Skip("needs Apache Kafka:", servers.kafka.Notice)
	}
	hubs := eventhubs.Run(t, servers.kafka.Bootstrap, eventhubs.Config{Tier: eventhubs.Standard, WithoutAdmin: true})
	s := newFixture(t, 1, map[string]string{"behavior.on.error": "LOG",
		"misc.deadletterqueue.bootstrap.servers": hubs.Addr})
	dead := s.topic + "-dead"
	s.config["misc.deadletterqueue.topic.name"] = dead
	var found []string
	for _, c := range checksOf(t, s.config) {
		if topic, ok := strings.CutPrefix(c.Name, "topic "); ok {
			found = append(found, fmt.Sprint(topic, " ", c.OK, " ", strings.Contains(c.Remedy, "Make it yourself")))
		}
	}
	if want := []string{dead + " false true", deadletter.ResolvedTopic(dead) + " true true"}; !slices.Equal(found, want) {
		t.Errorf("the check says %v, want %v", found, want)
	}
}

func TestDeadLettersGoToAnEventHubsNamespaceOfTheirOwnAndAreReplayedFromThere(t *testing.T) {
	needServers(t)
	if !servers.kafka.Real {
		t.Skip("needs Apache Kafka:", servers.kafka.Notice)
	}
	hubs := eventhubs.Run(t, servers.kafka.Bootstrap, eventhubs.Config{Tier: eventhubs.Standard})
	s := newFixture(t, 1, map[string]string{"behavior.on.error": "LOG", "flush.size.bytes": "10000000",
		"flush.max.bytes": "10000000", "misc.deadletterqueue.bootstrap.servers": hubs.Addr})
	dead := s.topic + "-dead"
	s.config["misc.deadletterqueue.topic.name"] = dead
	random := rand.New(rand.NewPCG(1, 2))
	filled := func(id, bytes int) *kgo.Record {
		filling := make([]byte, bytes)
		for i := range filling {
			filling[i] = byte(random.Uint32())
		}
		bad := poison(id)
		bad.Headers = []kgo.RecordHeader{{Key: "filling", Value: filling}, {Key: "shrinks", Value: make([]byte, 100_000)}}
		return bad
	}
	s.send(filled(1, 10))
	for id, bytes := range map[int]int{2: 600_000, 3: 600_000, 4: 10} {
		s.send(filled(id, bytes))
	}
	s.produce(5, 8, 1)
	r := s.start()
	s.commits(0, 7)
	s.letters(dead, 4)
	if refused := hubs.Refusals(); refused["compression"] != 1 || refused["request size"] > 0 {
		t.Errorf("refused: %v", refused)
	}
	s.fix()
	out, err := s.service(r).ReplayDeadLetters(t.Context(),
		&sinkv1.ReplayDeadLettersRequest{Connector: s.name, All: true})
	if err != nil || out.GetReplayed() != 4 {
		t.Errorf("%v %v", out, err)
	}
	s.holds(8)
	// What no setting makes fit stays where it is, and the way on is said.
	large := filled(9, 940_000)
	large.Value = []byte("no JSON")
	s.send(large)
	err = r.failure(t)
	for _, part := range []string{"offset 7 of partition 0 of " + s.topic, dead, "misc.deadletterqueue.bootstrap.servers",
		"calypsoctl offsets set " + s.name + " with offset 8"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if refused := hubs.Refusals(); refused["request size"] > 0 {
		t.Errorf("refused: %v", refused)
	}
	s.commits(0, 7)
}

func TestDeadLettersAreWrittenToBrokersThatGiveProducersNoIDs(t *testing.T) {
	others, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer others.Close()
	others.ControlKey(kmsg.InitProducerID.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		others.KeepControl()
		answer := r.ResponseKind().(*kmsg.InitProducerIDResponse)
		answer.ErrorCode = kerr.ClusterAuthorizationFailed.Code
		return answer, nil, true
	})
	s := newFixture(t, 1, map[string]string{"behavior.on.error": "LOG", "misc.deadletterqueue.topic.name": "dead",
		"misc.deadletterqueue.bootstrap.servers": strings.Join(others.ListenAddrs(), ",")})
	s.send(poison(1))
	s.produce(2, 5, 1)
	r := s.start()
	s.commits(0, 4)
	s.fix()
	out, err := s.service(r).ReplayDeadLetters(t.Context(),
		&sinkv1.ReplayDeadLettersRequest{Connector: s.name, All: true})
	if err != nil || out.GetReplayed() != 1 {
		t.Errorf("%v %v", out, err)
	}
	s.holds(5)
}
