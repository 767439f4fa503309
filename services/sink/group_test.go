package sink

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestWhatKeepsATaskOutOfItsGroupIsNamedAndTakenBackAlthoughNoRecordComes(t *testing.T) {
	s := newFixture(t, 1, nil)
	other, err := kgo.NewClient(kgo.SeedBrokers(servers.kafka.Bootstrap), kgo.ConsumerGroup("connect-"+s.config["name"]),
		kgo.ConsumeTopics(s.topic), kgo.Balancers(kgo.RangeBalancer()))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	assigned := make(chan struct{})
	go func() { other.PollFetches(t.Context()); close(assigned) }()
	s.produce(1, 2, 1)
	<-assigned
	run := s.start()
	shows := func(what string, right func(said string) bool) {
		testenv.Eventually(t, time.Minute, what, func(ctx context.Context) error {
			if sink := s.summary(ctx, run); sink.Connector == "" || !right(sink.TryingAgain) {
				return fmt.Errorf("it tries again because of %q", sink.TryingAgain)
			}
			return nil
		})
	}
	shows("the other member is named", func(said string) bool { return strings.Contains(said, "Another consumer is in group") })
	if err := other.CommitUncommittedOffsets(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.Close()
	shows("the task is in the group", func(said string) bool { return said == "" })
	if err := run.stop(); err != nil {
		t.Error(err)
	}
}

func TestATaskWhoseSessionTheBrokersDoNotAllowFailsWithTheSetting(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"consumer.override.session.timeout.ms": "1500"})
	if err := s.start().failure(t); !strings.Contains(err.Error(), "consumer.override.session.timeout.ms") {
		t.Errorf("the task failed without naming the setting: %v", err)
	}
}
