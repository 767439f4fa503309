package connector_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
)

func TestConnectorsAreKeptOnBrokersThatTakeNoCompressedBatches(t *testing.T) {
	t.Parallel()
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	hubs := eventhubs.Run(t, kafka.Bootstrap, eventhubs.Config{Tier: eventhubs.Standard})
	options, b := []kgo.Opt{kgo.SeedBrokers(hubs.Addr)}, newBoard()
	w := startReadyWorker(t, options, b, connector.Source, "w1:1")
	create(t, w, "a")
	awaitStates(t, w, "a", "RUNNING RUNNING")
	if _, err := w.PauseConnector(t.Context(), &connectorv1.PauseConnectorRequest{Name: "a"}); err != nil {
		t.Error(err)
	}
	awaitStates(t, w, "a", "PAUSED PAUSED")
	events, err := w.ListEvents(t.Context(), &connectorv1.ListEventsRequest{})
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d events; refused: %v", len(events.GetEvents()), hubs.Refusals())
	if compressed := hubs.Refusals()["compression"]; compressed != 1 {
		t.Errorf("%d compressed batches were sent, want the one that finds it out", compressed)
	}
}

func TestAWorkerRefusesToKeepConnectorsInATopicThatForgetsThem(t *testing.T) {
	t.Parallel()
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	options := []kgo.Opt{kgo.SeedBrokers(kafka.Bootstrap)}
	client, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	deleted := "delete"
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, map[string]*string{"cleanup.policy": &deleted},
		"calypso-offsets"); err != nil {
		t.Fatal(err)
	}
	w := startWorker(t, options, newBoard(), connector.Source, "w1:1")
	eventually(t, "the worker says what is wrong", func() error {
		err := w.Ready()
		if err == nil {
			t.Fatal("the worker is ready")
		}
		for _, part := range []string{"calypso-offsets", "cleanup.policy=delete", "kafka-configs.sh"} {
			if !strings.Contains(err.Error(), part) {
				return err
			}
		}
		return nil
	})
}

func TestAWorkerNeedsNotMakeTopicsThatAreThere(t *testing.T) {
	t.Parallel()
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true,
		Properties: []string{"auto.create.topics.enable=false"}})
	hubs := eventhubs.Run(t, kafka.Bootstrap, eventhubs.Config{Tier: eventhubs.Standard, WithoutAdmin: true})
	own, err := kgo.NewClient(kgo.SeedBrokers(kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	options := []kgo.Opt{kgo.SeedBrokers(hubs.Addr)}
	w := startWorker(t, options, newBoard(), connector.Source, "w1:1")
	for _, topic := range []string{"calypso-configs", "calypso-status", "calypso-offsets"} {
		eventually(t, "the worker says which topic to make", func() error {
			if err := w.Ready(); err == nil || !strings.Contains(err.Error(), topic) ||
				!strings.Contains(err.Error(), "make it yourself") {
				return fmt.Errorf("it says %w", err)
			}
			return nil
		})
		compact := "compact"
		if made, err := kadm.NewClient(own).CreateTopic(t.Context(), 1, 1, map[string]*string{"cleanup.policy": &compact},
			topic); err != nil || made.Err != nil {
			t.Fatal(err, made.Err)
		}
	}
	eventually(t, "the worker is ready", w.Ready)
	create(t, w, "a")
	awaitStates(t, w, "a", "RUNNING RUNNING")
}

func TestACheckSaysBeforeTheStartWhetherTheBrokersHaveTransactions(t *testing.T) {
	t.Parallel()
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	for name, c := range map[string]struct {
		config eventhubs.Config
		has    bool
	}{
		"a tier that knows no transactions":        {eventhubs.Config{Tier: eventhubs.Standard}, false},
		"one that ends the connection of who asks": {eventhubs.Config{Tier: eventhubs.Standard, CutTransactions: true}, false},
		"one that knows the requests and refuses":  {eventhubs.Config{Tier: eventhubs.Premium, RefuseTransactions: true}, false},
		"one that has transactions":                {eventhubs.Config{Tier: eventhubs.Premium}, true},
	} {
		hubs := eventhubs.Run(t, kafka.Bootstrap, c.config)
		w := startReadyWorker(t, []kgo.Opt{kgo.SeedBrokers(hubs.Addr)}, newBoard(), connector.Source, "w1:1")
		for support, ok := range map[string]bool{"requested": true, "required": c.has} {
			settings := config("name", "a", "exactly.once.support", support)
			response, err := w.ValidateConfig(t.Context(),
				&connectorv1.ValidateConfigRequest{Plugin: settings["connector.class"], Config: settings})
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(response.Checks, func(c *connectorv1.Check) bool { return c.Name == "kafka transactions" })
			if at < 0 {
				t.Fatalf("%s: no such check: %v", name, response.Checks)
			}
			check := response.Checks[at]
			if once := strings.Contains(check.Detail, "exactly once"); check.Ok != ok ||
				support == "requested" && (once != c.has || !c.has && !strings.Contains(check.Detail, "again")) ||
				!c.has && check.Remedy == "" {
				t.Errorf("%s, %s: %v", name, support, check)
			}
		}
	}
}

func TestWhatTheServiceRefusesForNowIsWrittenAgainOnBehalfOfWhoAsks(t *testing.T) {
	t.Parallel()
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	hubs := eventhubs.Run(t, kafka.Bootstrap, eventhubs.Config{Tier: eventhubs.Standard})
	w := startReadyWorker(t, []kgo.Opt{kgo.SeedBrokers(hubs.Addr)}, newBoard(), connector.Source, "w1:1")
	hubs.Throttle(2)
	create(t, w, "a")
	awaitStates(t, w, "a", "RUNNING RUNNING")
	hubs.Stumble(2)
	if _, err := w.StopConnector(t.Context(), &connectorv1.StopConnectorRequest{Name: "a"}); err != nil {
		t.Error(err)
	}
	awaitStates(t, w, "a", "STOPPED")
	hubs.Throttle(2)
	if _, err := w.ResetOffsets(t.Context(), &connectorv1.ResetOffsetsRequest{Name: "a"}); err != nil {
		t.Error(err)
	}
	hubs.Throttle(2)
	if _, err := w.AppendEvent(t.Context(), &connectorv1.AppendEventRequest{Event: &connectorv1.Event{
		Action: "Throttled", Connector: "a"}}); err != nil {
		t.Error(err)
	}
	found, err := w.ListEvents(t.Context(), &connectorv1.ListEventsRequest{})
	if err != nil || len(found.GetEvents()) == 0 || found.GetEvents()[0].GetAction() != "Throttled" {
		t.Errorf("%v (%v)", found, err)
	}
}

func TestACheckSaysWhatToDoWhereTheServiceMakesNoMoreTopics(t *testing.T) {
	t.Parallel()
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	full := eventhubs.Standard
	full.Hubs = 3 // those of the workers
	for name, c := range map[string]struct {
		config         eventhubs.Config
		detail, remedy string
	}{
		"none by clients": {eventhubs.Config{Tier: eventhubs.Standard, WithoutAdmin: true}, "let no client make topics",
			"Make it yourself"},
		"a namespace that is full": {eventhubs.Config{Tier: full}, "has its 3 event hubs", "make room"},
	} {
		options := []kgo.Opt{kgo.SeedBrokers(kafka.Bootstrap)}
		startReadyWorker(t, options, newBoard(), connector.Source, "w1:1") // makes the topics of the workers
		hubs := eventhubs.Run(t, kafka.Bootstrap, c.config)
		own, err := kgo.NewClient(kgo.SeedBrokers(hubs.Addr))
		if err != nil {
			t.Fatal(err)
		}
		defer own.Close()
		for _, topic := range []string{"x", "y", "z"} { // as many as the namespace has room for
			_, _ = kadm.NewClient(own).CreateTopic(t.Context(), 1, 1, nil, topic)
		}
		w := startReadyWorker(t, []kgo.Opt{kgo.SeedBrokers(hubs.Addr)}, newBoard(), connector.Source, "w2:1",
			func(c *runtime.Config) {
				c.Plugins[0].Topics = func(catalogue.Values) connector.UsedTopics { return connector.UsedTopics{Prefix: "shop."} }
			})
		settings := config("name", "a")
		response, err := w.ValidateConfig(t.Context(),
			&connectorv1.ValidateConfigRequest{Plugin: settings["connector.class"], Config: settings})
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(response.Checks, func(c *connectorv1.Check) bool { return c.Name == "topic creation" })
		if check := response.Checks[at]; !strings.Contains(check.Detail, c.detail) ||
			!strings.Contains(check.Remedy, c.remedy) || strings.Contains(check.Remedy, "kafka-acls") {
			t.Errorf("%s: %v", name, check)
		}
	}
}

// A sink whose topic of dead letters is missing fails at its start, and one without that of their
// marks when the first letter is replayed; both are said before.
func TestACheckNamesTheTopicsThatAreMissingWhereClientsMakeNone(t *testing.T) {
	t.Parallel()
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	own, err := kgo.NewClient(kgo.SeedBrokers(kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	startReadyWorker(t, []kgo.Opt{kgo.SeedBrokers(kafka.Bootstrap)}, newBoard(), connector.Sink, "w1:1") // makes the workers' topics
	for name, c := range map[string]struct {
		brokers string
		made    map[string]string // policies by topic
		want    map[string]string // remedies by topic
	}{
		"topics are made": {kafka.Bootstrap, nil, nil},
		"none": {"", nil, map[string]string{"a-dead": "topic a-dead with one partition and cleanup.policy=delete",
			"a-dead-resolved": "topic a-dead-resolved with one partition and cleanup.policy=compact"}},
		"one that forgets": {"", map[string]string{"b-dead": "delete", "b-dead-resolved": "delete"},
			map[string]string{"b-dead-resolved": "set it to compact"}},
		"as they must be": {"", map[string]string{"c-dead": "delete", "c-dead-resolved": "compact"}, nil},
	} {
		if c.brokers == "" {
			c.brokers = eventhubs.Run(t, kafka.Bootstrap, eventhubs.Config{Tier: eventhubs.Standard, WithoutAdmin: true}).Addr
		}
		dead := "a-dead"
		for topic, policy := range c.made {
			if made, err := kadm.NewClient(own).CreateTopic(t.Context(), 1, 1, map[string]*string{"cleanup.policy": &policy},
				topic); err != nil || made.Err != nil {
				t.Fatal(err, made.Err)
			}
			dead = strings.TrimSuffix(topic, "-resolved")
		}
		w := startReadyWorker(t, []kgo.Opt{kgo.SeedBrokers(c.brokers)}, newBoard(), connector.Sink, "w2:1",
			func(r *runtime.Config) {
				r.Plugins[0].Topics = func(catalogue.Values) connector.UsedTopics {
					return connector.UsedTopics{Needs: []connector.NeededTopic{{Name: dead, For: "dead letters", Replication: -1},
						{Name: dead + "-resolved", For: "their marks", Replication: -1, Compacted: true, Later: true}}}
				}
			})
		settings := config("name", "a", "connector.class", "test.BoardSinkConnector")
		response, err := w.ValidateConfig(t.Context(),
			&connectorv1.ValidateConfigRequest{Plugin: settings["connector.class"], Config: settings})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, check := range response.Checks {
			if topic, ok := strings.CutPrefix(check.Name, "topic "); ok && topic != "creation" {
				found[topic] = check.Remedy
				if check.Ok != strings.HasSuffix(topic, "-resolved") {
					t.Errorf("%s: %v", name, check)
				}
			}
		}
		if len(found) != len(c.want) {
			t.Errorf("%s: %v, want %v", name, found, c.want)
		}
		for topic, want := range c.want {
			if !strings.Contains(found[topic], want) {
				t.Errorf("%s: %s: %q, want %q in it", name, topic, found[topic], want)
			}
		}
	}
}
