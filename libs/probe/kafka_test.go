package probe_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/probe"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
)

func TestAProbeOfKafkaTellsServicesApart(t *testing.T) {
	broker := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	own, err := kgo.NewClient(kgo.SeedBrokers(broker.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	admin := kadm.NewClient(own)
	if made, err := admin.CreateTopic(t.Context(), 1, 1, nil, "of-hand"); err != nil || made.Err != nil {
		t.Fatal(err, made.Err)
	}
	codecs := []string{"gzip", "snappy", "lz4", "zstd"}
	for _, c := range []struct {
		name, address string
		// taken are the codecs that batches may have.
		taken                         []string
		transactions, metadata, large probe.Verdict
	}{
		{"Apache Kafka", broker.Bootstrap, codecs, probe.AsExpected, probe.AsExpected, probe.AsExpected},
		{"Event Hubs Standard", eventhubs.Run(t, broker.Bootstrap, eventhubs.Config{Tier: eventhubs.Standard}).Addr, nil,
			probe.Otherwise, probe.Otherwise, probe.Otherwise},
		{"Event Hubs Premium", eventhubs.Run(t, broker.Bootstrap, eventhubs.Config{Tier: eventhubs.Premium}).Addr,
			[]string{"gzip"}, probe.AsExpected, probe.Otherwise, probe.Otherwise},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := probe.Kafka{
				Target: c.address, Compacted: []string{"of-hand", "not-there"}, TransactionalPrefix: "calypso-",
				Connect: func(more ...kgo.Opt) (*kgo.Client, error) {
					return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.address)}, more...)...)
				},
			}.Probe(t.Context(), options())
			if err != nil {
				t.Fatal(err)
			}
			found := told(report)
			want := map[string]probe.Verdict{
				"making a topic": probe.AsExpected, "a batch with no compression": probe.AsExpected, "transactions": c.transactions,
				"a whole transaction":        c.transactions,
				"a request of 1030000 bytes": probe.AsExpected, "a request of 1047500 bytes": c.large,
				"a commit with 1024 bytes of metadata": probe.AsExpected, "a commit with 3900 bytes of metadata": c.metadata,
				"topic of-hand": probe.Otherwise, "topic not-there": probe.AsExpected,
			}
			for _, codec := range codecs {
				want["a batch with "+codec+" compression"] = probe.Otherwise
				if slices.Contains(c.taken, codec) {
					want["a batch with "+codec+" compression"] = probe.AsExpected
				}
			}
			for name, verdict := range want {
				if f := found[name]; f.Verdict != verdict {
					t.Errorf("%s: %+v, want %s", name, f, verdict)
				}
			}
			topics, err := admin.ListTopics(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, topic := range topics.Names() {
				if strings.HasPrefix(topic, "calypso-probe") {
					t.Errorf("topic %s is left", topic)
				}
			}
			if len(report.Left) > 0 {
				t.Errorf("left: %v", report.Left)
			}
		})
	}
}

func TestAProbeOfKafkaThatIsEndedLeavesNothingBehind(t *testing.T) {
	broker := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	connect := func(more ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(broker.Bootstrap)}, more...)...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := options()
	o.Told = func(f probe.Finding) {
		if strings.HasPrefix(f.Name, "a commit with") {
			cancel()
		}
	}
	own, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	const killed = "calypso-probe-killed"
	if made, err := kadm.NewClient(own).CreateTopic(t.Context(), 1, 1, nil, killed); err != nil || made.Err != nil {
		t.Fatal(err, made.Err)
	}
	report, err := probe.Kafka{Target: broker.Bootstrap, TransactionalPrefix: "calypso-", Connect: connect}.Probe(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Left) != 1 || !strings.Contains(report.Left[0], "--delete --topic "+killed) {
		t.Errorf("left by a probe that was killed: %v", report.Left)
	}
	if f := report.Findings[len(report.Findings)-1]; f.Verdict != probe.Untried {
		t.Errorf("after the end: %+v", f)
	}
	topics, err := kadm.NewClient(own).ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	groups, err := kadm.NewClient(own).ListGroups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(topics.Names(), groups.Groups()...) {
		if strings.HasPrefix(name, "calypso-probe") && name != killed {
			t.Errorf("%s is left, the report says %v", name, report.Left)
		}
	}
}
