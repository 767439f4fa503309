package capture

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
)

// signalByTopic sends a signal to read the table t through a signal topic.
func (s *source) signalByTopic(t *testing.T, topic, id string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(servers.kafka.Bootstrap), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, _ = kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, topic)
	value := fmt.Sprintf(
		`{"id":%q,"type":"execute-snapshot","data":{"type":"incremental","data-collections":["public.t"]}}`, id)
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte(s.db),
		Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// Debezium's consumer makes the topic when it starts, so that its end then is its beginning.
func TestTheSignalThatMakesItsTopicIsObeyedAndSoIsOneSentWhileTheConnectorIsDown(t *testing.T) {
	s := newSource(t)
	s.needsMessages(t)
	s.exec(t, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
	topic := "signals-" + s.db
	config := s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "signal.enabled.channels": "kafka",
		"signal.kafka.topic": topic})
	c := start(t, config)
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO t VALUES (2)")
	await(t, s.db+".public.t", 1)
	eventually(t, "the position in the signal topic is kept", func() error { return s.hasSignalOffset(t, config["name"]) })
	s.signalByTopic(t, topic, "first")
	await(t, s.db+".public.t", 3)
	if err := c.stop(t); err != nil {
		t.Fatal(err)
	}
	s.signalByTopic(t, topic, "down")
	start(t, config)
	await(t, s.db+".public.t", 5)
}

func TestASignalSentBeforeTheFirstStartIsNotMeantForTheConnectorAndOneSentBeforeTheSecondIs(t *testing.T) {
	s := newSource(t)
	s.needsMessages(t)
	s.exec(t, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
	topic := "signals-" + s.db
	s.signalByTopic(t, topic, "old")
	config := s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "signal.enabled.channels": "kafka",
		"signal.kafka.topic": topic})
	c := start(t, config)
	s.awaitSlot(t)
	eventually(t, "the position in the signal topic is kept", func() error { return s.hasSignalOffset(t, config["name"]) })
	if err := c.stop(t); err != nil {
		t.Fatal(err)
	}
	s.signalByTopic(t, topic, "between")
	start(t, config)
	await(t, s.db+".public.t", 1)
}

func TestASignalNamesTablesInTheirCaseAndReadsEachOnce(t *testing.T) {
	s := newSource(t)
	s.needsMessages(t)
	s.exec(t,
		`CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE "T" (id int PRIMARY KEY); INSERT INTO t VALUES (1); INSERT INTO "T" VALUES (2);
		CREATE TABLE signals (id text PRIMARY KEY, type text, data text)`)
	start(t, s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.signals"}))
	s.awaitSlot(t)
	s.exec(t,
		`INSERT INTO signals VALUES ('a', 'execute-snapshot', '{"data-collections": ["public.T", "public\\.[T]", "public.t{2}"]}')`)
	s.exec(t, `INSERT INTO "T" VALUES (3)`)
	eventually(t, "the table has been read", func() error {
		if got := byID(events(t, s.db+".public.T")); got["r2"] != 1 || got["c3"] != 1 {
			return fmt.Errorf("its events are %v", got)
		}
		return nil
	})
	s.exec(t, `INSERT INTO t VALUES (4)`)
	if got := byID(await(t, s.db+".public.t", 1)); got["c4"] != 1 {
		t.Errorf("the events of the table that was not named are %v", got)
	}
	if got := byID(events(t, s.db+".public.T")); got["r2"] != 1 {
		t.Errorf("the events of the table that was named twice are %v", got)
	}
}

// hasSignalOffset is nil once the connector's position has one in the signal topic.
func (s *source) hasSignalOffset(t *testing.T, name string) error {
	offsets, err := readOffsets(t.Context(), testEnv(servers.kafka.Bootstrap, name).Kafka, name)
	if err != nil {
		return err
	}
	for _, value := range offsets {
		var c progress.Checkpoint
		if err := c.UnmarshalJSON(value); err == nil && c.SignalOffset != nil {
			return nil
		}
	}
	return fmt.Errorf("it is not in %d offsets", len(offsets))
}

func TestATopicOfTheWorkersIsNoSignalTopic(t *testing.T) {
	plugins, err := Plugins(Options{})
	if err != nil {
		t.Fatal(err)
	}
	values, _, problems := plugins[0].Catalogue.Parse(map[string]string{"name": "c", "connector.class": Class,
		"topic.prefix": "p", "database.hostname": "localhost", "database.user": "u", "database.dbname": "d",
		"signal.enabled.channels": "source,kafka", "signal.kafka.topic": "calypso-configs"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	env := testEnv("localhost:1", "c")
	env.InternalTopics = []string{"calypso-configs", "calypso-status"}
	if _, err := plugins[0].NewTask(env, values); err == nil || !strings.Contains(err.Error(), "calypso-configs") {
		t.Errorf("the task is made: %v", err)
	}
}

func TestASignalThatIsLeftOutIsAnEvent(t *testing.T) {
	s := newSource(t)
	s.needsMessages(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	topic := "signals-" + s.db
	config := s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "signal.enabled.channels": "kafka",
		"signal.kafka.topic": topic})
	told := startTold(t, config)
	s.awaitSlot(t)
	eventually(t, "the position in the signal topic is kept", func() error { return s.hasSignalOffset(t, config["name"]) })
	s.signalByTopic(t, topic, "of no table")
	if got := <-told; !strings.Contains(got, `SignalLeftOut: signal "of no table"`) ||
		!strings.Contains(got, "the signal names no captured table") {
		t.Errorf("the event is %s", got)
	}
}
