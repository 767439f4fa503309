package sink

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/spec"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// someFleet is a fleet in which every connector has one environment and none is idle.
type someFleet func(connector string) (connector.TaskEnv, catalogue.Values, error)

func (f someFleet) Environment(name string) (connector.TaskEnv, catalogue.Values, error) {
	return f(name)
}
func (someFleet) Idle() []string { return nil }

// idleFleet has connectors that do not run.
type idleFleet struct {
	someFleet
	names []string
}

func (f idleFleet) Idle() []string { return f.names }

// noon is when the first of the records was made that wait.
var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func TestHowMuchWaitsForASinkThatDoesNotRunIsKnown(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	for topic, n := range map[string]int{"s.p.read": 7, "s.p.unread": 3, "other": 5} {
		if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic,
				Value: fmt.Appendf(nil, "%d", i), Timestamp: noon.Add(time.Duration(i) * time.Minute)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := kadm.Offsets{}
	read.AddOffset("s.p.read", 0, 4, -1)
	if err := admin.CommitAllOffsets(t.Context(), "connect-paused", read); err != nil {
		t.Fatal(err)
	}
	fleet := idleFleet{names: []string{"broken", "paused"},
		someFleet: func(name string) (connector.TaskEnv, catalogue.Values, error) {
			if name == "broken" {
				return connector.TaskEnv{}, catalogue.Values{}, errors.New("its configuration cannot be resolved")
			}
			keys, err := spec.Keys()
			if err != nil {
				return connector.TaskEnv{}, catalogue.Values{}, err
			}
			values, _, _ := keys.Parse(map[string]string{"topics": "s.p.read,s.p.unread"})
			return connector.TaskEnv{Kafka: func(options ...kgo.Opt) (*kgo.Client, error) {
				return kgo.NewClient(append(options, kgo.SeedBrokers(broker.ListenAddrs()...))...)
			}}, values, nil
		}}
	service, err := newService(Options{}, fleet)
	if err != nil {
		t.Fatal(err)
	}
	all, err := service.ListSinks(t.Context(), &sinkv1.ListSinksRequest{})
	if err != nil || len(all.Sinks) != 1 {
		t.Fatalf("the sinks are %v, %v", all, err)
	}
	waiting := map[string]int64{}
	for _, p := range all.Sinks[0].Partitions {
		waiting[p.Topic] += p.End - max(p.Committed, 0)
	}
	if all.Sinks[0].Connector != "paused" || all.Sinks[0].Guarantee != "" || len(waiting) != 2 ||
		waiting["s.p.read"] != 3 || waiting["s.p.unread"] != 3 {
		t.Errorf("of %v wait %v", all.Sinks[0], waiting)
	}
	// How old they are is known at one of the next looks, of which none waits for the brokers.
	for topic, want := range map[string]time.Time{"s.p.read": noon.Add(4 * time.Minute), "s.p.unread": noon} {
		testenv.Eventually(t, time.Minute, "what waits to be known", func(ctx context.Context) error {
			one, err := service.GetSink(ctx, &sinkv1.GetSinkRequest{Connector: "paused"})
			if err != nil {
				return err
			}
			for _, p := range one.Sink.Partitions {
				if p.Topic == topic && (p.Waiting != sinkv1.PartitionProgress_WAITING_IN_KAFKA ||
					!p.OldestWaitingTime.AsTime().Equal(want)) {
					return fmt.Errorf("of %s %v is waiting since %v", topic, p.Waiting, p.OldestWaitingTime)
				}
			}
			return nil
		})
	}
	one, err := service.GetSink(t.Context(), &sinkv1.GetSinkRequest{Connector: "paused"})
	if err != nil || len(one.Sink.Partitions) != 2 {
		t.Errorf("the sink is %v, %v", one, err)
	}
}
