package usecase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
	"github.com/calypso-cdc/calypso/libs/verify"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

// What Event Hubs refuses is in package eventhubs, with its sources. Nothing here was seen by the real service.
func TestTheUseCaseWorksOnEventHubs(t *testing.T) {
	for _, c := range []eventhubs.Config{
		{Tier: eventhubs.Standard},
		{Tier: eventhubs.Standard, CutTransactions: true},
		{Tier: eventhubs.Premium},
	} {
		name := c.Tier.Name
		if c.CutTransactions {
			name += ", which cuts connections"
		}
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, stack.Options{EventHubs: &c, Kafka: testenv.KafkaConfig{RealOnly: true},
				ADXEnv: []string{batchQuickly}, Workers: 2})
			p.burst(t, 300)
			p.start(t, func(config map[string]any) {
				quick(config)
				tolerate(config)
				config["consumer.override.metadata.max.age.ms"] = 5000
			})
			testenv.Eventually(t, 2*time.Minute, "capture to stream", p.streaming)
			p.EventHubs.Throttle(3)
			p.burst(t, 300)
			p.EventHubs.ForgetProducers(1)
			p.burst(t, 300)
			p.EventHubs.Stumble(2)
			p.burst(t, 300)
			if c.Tier.Epochs {
				testenv.Eventually(t, 2*time.Minute, "the orders so far to be in ADX",
					func(ctx context.Context) error { return p.delivered(ctx, verify.ExactlyOnce, verify.ExactlyOnce) })
				p.EventHubs.MoveLeaders()
				time.Sleep(12 * time.Second) // in which the sink asks for the partitions' leaders
				p.burst(t, 300)
			}
			for _, worker := range []string{"capture", "sink"} { // the others take over what they ran
				p.Service(worker).Kill()
			}
			p.burst(t, 300)
			guarantee := verify.AtLeastOnce
			if c.Tier.Transactions {
				guarantee = verify.ExactlyOnce
			}
			p.settle(t, 3*time.Minute, guarantee, verify.ExactlyOnce)
			p.setAside(t)
			t.Logf("refused: %v", p.EventHubs.Refusals())
		})
	}
}

// The service closes connections that are idle for 240 s; here they are closed after 3 s, so that each
// pause costs capture's producer, its transactions and the sink's consumer all that they had open.
func TestTheUseCaseGoesOnAfterPausesInWhichEventHubsClosedItsConnections(t *testing.T) {
	for _, tier := range []eventhubs.Tier{eventhubs.Standard, eventhubs.Premium} {
		t.Run(tier.Name, func(t *testing.T) {
			p := newPipeline(t, stack.Options{EventHubs: &eventhubs.Config{Tier: tier, Idle: 3 * time.Second},
				Kafka: testenv.KafkaConfig{RealOnly: true}, ADXEnv: []string{batchQuickly}})
			p.burst(t, 20)
			p.start(t, quick)
			testenv.Eventually(t, 2*time.Minute, "capture to stream", p.streaming)
			for range 4 {
				time.Sleep(5 * time.Second) // in which nothing is committed
				p.burst(t, 20)
				if err := errors.Join(p.Source().Running(t.Context(), source),
					p.Stack.Sink().Running(t.Context(), sink)); err != nil {
					t.Errorf("after a pause: %v", err)
				}
			}
			guarantee := verify.AtLeastOnce
			if tier.Transactions {
				guarantee = verify.ExactlyOnce
			}
			p.settle(t, 3*time.Minute, guarantee, verify.ExactlyOnce)
			if err := errors.Join(p.Source().Running(t.Context(), source),
				p.Stack.Sink().Running(t.Context(), sink)); err != nil {
				t.Errorf("at the end: %v", err)
			}
			testenv.Eventually(t, 2*time.Minute, "the pipeline to be healthy", p.healthy)
			t.Logf("refused: %v", p.EventHubs.Refusals())
		})
	}
}

// healthy says why the pipeline's verdict is not HEALTHY.
func (p *pipeline) healthy(ctx context.Context) error {
	body, err := p.view(ctx)
	if err != nil {
		return err
	}
	var answer struct {
		Pipeline struct {
			Verdict string
			Checks  []map[string]any
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("%w: %.300s", err, body)
	}
	if v := answer.Pipeline.Verdict; v != "VERDICT_HEALTHY" {
		return fmt.Errorf("the verdict is %q: %v", v, answer.Pipeline.Checks)
	}
	return nil
}
