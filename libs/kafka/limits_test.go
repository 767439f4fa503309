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
