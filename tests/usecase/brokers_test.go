package usecase

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

// Brokers forget producers that write nothing for a week, and services allow less beside an offset
// than Apache Kafka does. Here a week is ten seconds.
func TestAPipelineThatIsIdleForLongerThanBrokersRememberGoesOn(t *testing.T) {
	p := newPipeline(t, stack.Options{ADXEnv: []string{batchQuickly},
		Kafka: testenv.KafkaConfig{RealOnly: true, Properties: []string{
			"transactional.id.expiration.ms=10000", "transaction.remove.expired.transaction.cleanup.interval.ms=500",
			"producer.id.expiration.ms=10000",
			"producer.id.expiration.check.interval.ms=500", "offset.metadata.max.bytes=1024",
		}}})
	client, err := kgo.NewClient(kgo.SeedBrokers(p.Kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	p.burst(t, 200)
	p.start(t, quick)
	for range 2 {
		p.settle(t, 3*time.Minute, verify.ExactlyOnce, verify.ExactlyOnce)
		testenv.Eventually(t, 2*time.Minute, "Kafka to forget the producer", func(ctx context.Context) error {
			listed, err := kadm.NewClient(client).ListTransactions(ctx, nil, nil)
			if state, known := listed[connector.TransactionalID(source)]; err == nil && known {
				err = fmt.Errorf("it is %s", state.State)
			}
			return errors.Join(err, p.Source().Running(ctx, source))
		})
		p.burst(t, 200)
	}
	p.settle(t, 3*time.Minute, verify.ExactlyOnce, verify.ExactlyOnce)
}

func TestABrokerThatRefusesConnectionsIsNamedForBothConnectorsAndThePipelineHeals(t *testing.T) {
	p := newPipeline(t, stack.Options{Kafka: testenv.KafkaConfig{RealOnly: true}, ADXEnv: []string{batchQuickly}})
	p.burst(t, 20)
	p.start(t, quick)
	testenv.Eventually(t, 2*time.Minute, "capture to stream", p.streaming)
	if err := p.Kafka.Stop(); err != nil {
		t.Fatal(err)
	}
	want := p.Kafka.Bootstrap + ": connect: connection refused"
	testenv.Eventually(t, time.Minute, "the refusal at both fleets", func(ctx context.Context) error {
		found, err := p.check(ctx, "fleet")
		if err == nil && strings.Count(found, want) != 2 {
			err = fmt.Errorf("%q is not there twice: %s", want, found)
		}
		return err
	})
	if err := p.Kafka.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.burst(t, 20)
	p.settle(t, 3*time.Minute, verify.ExactlyOnce, verify.ExactlyOnce)
	testenv.Eventually(t, 2*time.Minute, "the pipeline to be healthy", p.healthy)
}
