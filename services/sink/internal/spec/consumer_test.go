package spec

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What Kafka's consumer takes must make a client: the library has bounds of its own, which it names
// in words that say nothing about the key.
func TestSettingsThatKafkasConsumerTakesMakeAClient(t *testing.T) {
	const big = "2147483647"
	for _, override := range []map[string]string{
		{"fetch.max.bytes": big}, {"fetch.max.bytes": "0"}, {"fetch.max.bytes": "209715200"},
		{"max.partition.fetch.bytes": big}, {"max.partition.fetch.bytes": "0"},
		{"fetch.max.wait.ms": "0"}, {"fetch.max.wait.ms": big}, {"fetch.min.bytes": "0"}, {"fetch.min.bytes": big},
		{"session.timeout.ms": "1"}, {"session.timeout.ms": "1000"}, {"session.timeout.ms": big},
		{"heartbeat.interval.ms": "3000"}, {"heartbeat.interval.ms": "44999"},
		{"session.timeout.ms": "45000", "heartbeat.interval.ms": "44999"},
		{"metadata.max.age.ms": "0"}, {"metadata.max.age.ms": "9223372036854775807"}, {"client.id": ""}, {},
	} {
		m, _, err := membershipOf(override)
		if err != nil {
			t.Errorf("%v: %v", override, err)
			continue
		}
		if m.Refresh < 0 {
			t.Errorf("%v: topics are looked for every %s", override, m.Refresh)
		}
		options := append([]kgo.Opt{kgo.SeedBrokers("localhost:1"), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t")},
			m.Options...)
		client, err := kgo.NewClient(options...)
		if err != nil {
			t.Errorf("%v: %v", override, err)
			continue
		}
		client.Close()
	}
}

func TestAFetchAsksForNoMoreThanTheUserAllows(t *testing.T) {
	m, _, err := membershipOf(map[string]string{"fetch.max.bytes": "1000", "max.partition.fetch.bytes": "0"})
	if err != nil {
		t.Fatal(err)
	}
	if all, each := m.Bound(5000, 3000); all != 1000 || each != 1 {
		t.Errorf("bounded to %d and %d bytes, want 1000 and 1", all, each)
	}
	if all, each := (membership{}).Bound(5000, 3000); all != 5000 || each != 3000 {
		t.Errorf("bounded to %d and %d bytes without settings", all, each)
	}
}
