package kafka_test

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

func TestClientsAreMeasuredByTheConventionsForMessaging(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	reader := sdkmetric.NewManualReader()
	meters, err := kafka.NewMeters(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("orders"),
		kgo.WithHooks(meters))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 3 {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for n := 0; n < 3; {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		n += fetches.NumRecords()
	}
	meters.OnBrokerE2E(kgo.BrokerMetadata{}, 0, kgo.BrokerE2E{TimeToWrite: time.Second, WriteErr: errors.New("cut off")})
	meters.OnBrokerE2E(kgo.BrokerMetadata{}, 0, kgo.BrokerE2E{ReadErr: kerr.RequestTimedOut})
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			topic, _ := data.DataPoints[0].Attributes.Value("messaging.destination.name")
			if len(data.DataPoints) != 1 || data.DataPoints[0].Value != 3 || topic.AsString() != "orders" {
				t.Errorf("%s is %v", m.Name, data.DataPoints)
			}
			seen[m.Name] = true
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				name, _ := p.Attributes.Value("messaging.operation.name")
				system, _ := p.Attributes.Value("messaging.system")
				failed, ok := p.Attributes.Value(attribute.Key("error.type"))
				if ok {
					name = failed
				}
				if system.AsString() != "kafka" || p.Count == 0 {
					t.Errorf("%s has %v", m.Name, p)
				}
				seen[m.Name+" "+name.AsString()] = true
			}
		}
	}
	for _, want := range []string{
		"messaging.client.sent.messages", "messaging.client.consumed.messages", "messaging.client.operation.duration send",
		"messaging.client.operation.duration poll",
		"messaging.client.operation.duration _OTHER", "messaging.client.operation.duration REQUEST_TIMED_OUT",
	} {
		if !seen[want] {
			t.Errorf("%s is not measured, only %v", want, seen)
		}
	}
}
