package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
)

// noise is text that does not compress.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[r.IntN(64)]
	}
	return string(b)
}

// brokerClient is a client of the tests' broker.
func brokerClient(t testing.TB) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(servers.kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestAnOversizedRecordStopsTheConnectorAndIsNamed(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, x text)")
	c := start(t, s.config("c"+s.db, nil))
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO a VALUES (1, 'small')")
	await(t, s.db+".public.a", 1)
	s.exec(t, "INSERT INTO a VALUES (7, '"+noise(2_000_000)+"')")
	err := c.failure(t)
	for _, word := range []string{s.db + ".public.a", `id\":7`, "limit is 10", "max.message.bytes",
		"oversized.records.mode", "of 20"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %.1000s", word, err)
		}
	}
	if got := events(t, s.db+".public.a"); len(got) != 1 {
		t.Errorf("%d events, want the first only", len(got))
	}
}

func TestOversizedRecordsBecomeDeadLettersThatHoldAllOfThem(t *testing.T) {
	for delivery, name := range map[Delivery]string{ExactlyOnce: "exactly once", AtLeastOnce: "at least once"} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1, 'read'), (2, repeat('y', 500000))")
			config := s.config("c"+s.db, map[string]string{"oversized.records.mode": "dead.letter",
				"topic.creation.groups":         "tables",
				"topic.creation.tables.include": `.*\.public\..*`, "topic.creation.tables.max.message.bytes": "100000"})
			startWith(t, servers.kafka.Bootstrap, config, Options{Delivery: delivery})
			s.awaitSlot(t)
			big := noise(3_000_000)
			s.exec(t, "BEGIN; INSERT INTO a VALUES (3, 'before'); INSERT INTO a VALUES (4, '"+big+
				"'); INSERT INTO a VALUES (5, 'after'); COMMIT")
			got := await(t, s.db+".public.a", 3)
			if ops(got) != "rcc" || got[2].key != `{"id":5}` {
				t.Errorf("the table's topic has %s, the last with key %s", ops(got), got[2].key)
			}
			var letters []*kgo.Record
			eventually(t, "all parts of the dead letters", func() error {
				if letters = records(t, s.db+"-oversized"); len(letters) < 4 {
					return errors.New("too few")
				}
				return nil
			})
			values := make(map[string]string)
			for _, r := range letters {
				h := make(map[string]string)
				for _, x := range r.Headers {
					h[x.Key] = string(x.Value)
				}
				if h["__connect.errors.topic"] != s.db+".public.a" || h["__calypso.of"] != "value" ||
					!strings.Contains(h["__connect.errors.exception.message"], "100000 bytes") || h["__calypso.lsn"] == "" ||
					h["__debezium.context.connectorName"] == "" {
					t.Fatalf("headers of a dead letter: %v", h)
				}
				values[string(r.Key)] += string(r.Value)
			}
			for key, want := range map[string]string{`{"id":2}`: strings.Repeat("y", 500000), `{"id":4}`: big} {
				var e event
				if err := json.Unmarshal([]byte(values[key]), &e); err != nil || e.After["x"] != want {
					t.Errorf("the parts of %s do not make the record: %v", key, err)
				}
			}
		})
	}
}

func TestOversizedRecordsAreCutWithAMarkOutsideTheirKeys(t *testing.T) {
	s := newSource(t)
	topic := s.db + ".public.a"
	limit := "20000"
	if _, err := kadm.NewClient(brokerClient(t)).CreateTopic(t.Context(), 1, 1,
		map[string]*string{"max.message.bytes": &limit}, topic); err != nil {
		t.Fatal(err)
	}
	s.exec(t, "CREATE TABLE a (id text PRIMARY KEY, x text, y bytea, z text); ALTER TABLE a REPLICA IDENTITY FULL")
	start(t, s.config("c"+s.db, map[string]string{"oversized.records.mode": "truncate"}))
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO a VALUES ('one', repeat('ü', 20000), decode(repeat('ab', 30000), 'hex'), 'whole')")
	s.exec(t, "UPDATE a SET z = 'new'")
	s.exec(t, "DELETE FROM a")
	s.exec(t, "INSERT INTO a VALUES ('two', 'small', NULL, NULL)")
	got := await(t, topic, 5)
	if ops(got) != "cud-c" {
		t.Fatalf("operations are %s, want cud-c", ops(got))
	}
	for i, row := range []map[string]any{got[0].After, got[1].After, got[1].Before, got[2].Before} {
		x := fmt.Sprint(row["x"])
		if !strings.HasPrefix(x, "üü") || !strings.HasSuffix(x, "ü…[cut: 40000 bytes in all]") ||
			strings.Contains(x, "\ufffd") {
			t.Errorf("%d: x ends %q", i, x[max(0, len(x)-60):])
		}
		if row["id"] != "one" || !strings.HasPrefix(fmt.Sprint(row["y"]), "q6urq6ur") || row["z"] == "" {
			t.Errorf("%d: id %v, z %v", i, row["id"], row["z"])
		}
	}
	if h := got[0].headers["__calypso.truncated"]; h != `{"x":40000,"y":30000}` {
		t.Errorf("header %s is %s", "__calypso.truncated", h)
	}
	if _, ok := got[4].headers["__calypso.truncated"]; ok {
		t.Error("a small record has the header")
	}
}

func TestTopicsAreCreatedAsTheirGroupSays(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); INSERT INTO c VALUES (1)")
	start(t, s.config("c"+s.db, map[string]string{
		"topic.creation.groups": "compacted,wide", "topic.creation.default.partitions": "2",
		"topic.creation.default.retention.ms": "123456789", "topic.creation.default.replication.factor": "1",
		"topic.creation.compacted.include": `.*\.public\.[ab]`, "topic.creation.compacted.exclude": `.*\.b`,
		"topic.creation.compacted.cleanup.policy": "compact",
		"topic.creation.wide.include":             `.*\.public\.(a|b)`, "topic.creation.wide.partitions": "5",
	}))
	for _, table := range []string{"a", "b", "c"} {
		await(t, s.db+".public."+table, 1)
	}
	admin := kadm.NewClient(brokerClient(t))
	for table, want := range map[string]string{"a": "2 compact 604800000", "b": "5 delete 604800000",
		"c": "2 delete 123456789"} {
		topic := s.db + ".public." + table
		details, err := admin.ListTopics(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		configs, err := admin.DescribeTopicConfigs(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		set := make(map[string]string)
		for _, c := range configs[0].Configs {
			set[c.Key] = c.MaybeValue()
		}
		if got := fmt.Sprint(len(details[topic].Partitions), " ", set["cleanup.policy"], " ",
			set["retention.ms"]); got != want {
			t.Errorf("topic of table %s has %s, want %s", table, got, want)
		}
	}
}

// startOverEventHubs starts a connector whose brokers are those of a namespace of tier Premium.
func (s *source) startOverEventHubs(t *testing.T, set map[string]string) (*capture, *eventhubs.Namespace) {
	t.Helper()
	env := testEnv(servers.kafka.Bootstrap, "c"+s.db)
	if err := makeOffsetsTopic(env.Kafka); err != nil {
		t.Fatal(err)
	}
	hubs := eventhubs.Run(t, servers.kafka.Bootstrap, eventhubs.Config{Tier: eventhubs.Premium})
	connect := testEnv(hubs.Addr, "").Kafka
	found, err := kafka.Probe(t.Context(), connect, testOffsets, 0)
	if err != nil {
		t.Fatal(err)
	}
	env.Kafka = func(o ...kgo.Opt) (*kgo.Client, error) { return connect(append(o, found.Options()...)...) }
	task, err := makeTaskIn(env, s.config("c"+s.db, set), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return runTask(t, task), hubs
}

// A row is larger than a request to Event Hubs may be, and smaller than what its event hub takes.
func TestARecordThatAServiceTakesInNoRequestIsDealtWithAsOneThatIsTooLargeForItsTopic(t *testing.T) {
	for mode, topic := range map[string]string{"stop": "", "truncate": ".public.a", "dead.letter": "-oversized"} {
		s := newSource(t)
		if !servers.kafka.Real {
			t.Skip("needs Apache Kafka:", servers.kafka.Notice)
		}
		s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1, 'small')")
		c, hubs := s.startOverEventHubs(t, map[string]string{"oversized.records.mode": mode})
		s.awaitSlot(t)
		await(t, s.db+".public.a", 1)
		s.exec(t, "INSERT INTO a VALUES (2, '"+noise(1_038_000)+"')")
		if mode == "stop" {
			err := c.failure(t)
			for word, said := range map[string]bool{"no larger requests": true, "oversized.records.mode": true,
				"max.message.bytes": false} {
				if strings.Contains(err.Error(), word) != said {
					t.Errorf("the error says %q: %t, in %.1000s", word, !said, err)
				}
			}
			continue
		}
		eventually(t, "the record in mode "+mode, func() error {
			if got := len(records(t, s.db+topic)); topic == ".public.a" && got < 2 || got < 1 {
				return fmt.Errorf("%d records", got)
			}
			return nil
		})
		s.exec(t, "INSERT INTO a VALUES (3, 'after')")
		await(t, s.db+".public.a", map[string]int{"truncate": 3, "dead.letter": 2}[mode])
		if refused := hubs.Refusals(); refused["request size"] > 0 {
			t.Errorf("refused: %v", refused)
		}
	}
}

// Batches of several topics go to a broker in one request, each of them small enough for its topic.
func TestRowsOfSeveralTablesComeInNoRequestThatIsTooLargeForAService(t *testing.T) {
	s := newSource(t)
	if !servers.kafka.Real {
		t.Skip("needs Apache Kafka:", servers.kafka.Notice)
	}
	tables := []string{"a", "b", "c", "d"}
	fill := func(from int) {
		for _, table := range tables {
			for id := from; id < from+3; id++ {
				s.exec(t, fmt.Sprintf("INSERT INTO %s VALUES (%d, '%s')", table, id, noise(400_000)))
			}
		}
	}
	for _, table := range tables {
		s.exec(t, "CREATE TABLE "+table+" (id int PRIMARY KEY, x text)")
	}
	fill(0)
	_, hubs := s.startOverEventHubs(t, nil)
	for _, table := range tables {
		await(t, s.db+".public."+table, 3)
	}
	s.awaitSlot(t)
	s.exec(t, "BEGIN")
	fill(3)
	s.exec(t, "COMMIT")
	for _, table := range tables {
		await(t, s.db+".public."+table, 6)
	}
	if refused := hubs.Refusals(); refused["request size"] > 0 {
		t.Errorf("refused: %v", refused)
	}
}
