package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestALimitThatIsSetHoldsUpToWhatAClientSends(t *testing.T) {
	for name, c := range map[string]struct {
		options []kgo.Opt
		set     int
		want    int32
		bounded bool
	}{
		"a limit beyond what is taken from topics": {set: 64 << 20, want: 64 << 20},
		"no limit":                             {want: defaultLimit},
		"a service that takes less":            {options: []kgo.Opt{kgo.BrokerMaxWriteBytes(1_046_528)}, set: 64 << 20, want: 1_046_528 - batchOverhead, bounded: true},
		"less than the service would take":     {options: []kgo.Opt{kgo.BrokerMaxWriteBytes(1_046_528)}, set: 500_000, want: 500_000},
		"a topic whose limit is not known yet": {options: []kgo.Opt{kgo.BrokerMaxWriteBytes(2_000_000)}, want: defaultLimit},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := kgo.NewClient(append(c.options, kgo.SeedBrokers("localhost:1"))...)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			limits := NewTopicLimits(func(string) *string { return nil }, c.set)
			limits.Ask(client)
			if got := limits.Known("t"); got != c.want {
				t.Errorf("Known = %d, want %d", got, c.want)
			}
			if got := limits.Bounded("t"); got != c.bounded {
				t.Errorf("Bounded = %v, want %v", got, c.bounded)
			}
		})
	}
}

func TestALimitThatTheUserSetsMakesAClientWhoseRequestsHoldIt(t *testing.T) {
	for _, set := range []int{0, 512, 1 << 20, 100 << 20, 340_000_000, 1 << 30} {
		limits := NewTopicLimits(func(string) *string { return nil }, set)
		client, err := kgo.NewClient(append(RequestOf(set), kgo.SeedBrokers("localhost:1"),
			kgo.ProducerBatchMaxBytesFn(limits.Known))...)
		if err != nil {
			t.Errorf("%d: %v", set, err)
			continue
		}
		limits.Ask(client)
		if got := int(limits.Known("t")); set > 0 && got < min(set, 1<<30-batchOverhead) {
			t.Errorf("batches of %d bytes are bounded by %d", set, got)
		}
		client.Close()
	}
}

func TestATopicThatTakesMoreThanIsSentUnaskedIsToldFromOneWithTheLimit(t *testing.T) {
	for name, c := range map[string]struct {
		set   int
		topic string
		want  bool
	}{
		"a topic that takes more":                  {topic: "340000000", want: true},
		"a topic that takes less":                  {topic: "1048588"},
		"a topic that takes more than what is set": {set: 50_000_000, topic: "340000000"},
	} {
		limits := NewTopicLimits(func(string) *string { return nil }, c.set)
		limits.Note("t", c.topic)
		if got := limits.Unset("t"); got != c.want {
			t.Errorf("%s: Unset = %v, want %v", name, got, c.want)
		}
	}
}
