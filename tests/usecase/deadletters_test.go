package usecase

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

const deadLetters = "orders-dead"

// tolerate has the sink set aside what it cannot read.
func tolerate(config map[string]any) {
	config["errors.tolerance"], config["errors.deadletterqueue.topic.name"], config["errors.deadletterqueue.topic.replication.factor"] = "all", deadLetters, 1
	delete(config, "behavior.on.error")
}

// setAside sends the sink a record that it cannot read, waits for the dead letter, and discards it.
func (p *pipeline) setAside(t *testing.T) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(p.Kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic,
		Value: []byte(`{"no json`)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	calls, err := grpc.NewClient(p.Address("admin grpc"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer calls.Close()
	letters := sinkv1.NewSinkServiceClient(calls)
	testenv.Eventually(t, 2*time.Minute, "the dead letter", func(ctx context.Context) error {
		found, err := letters.ListDeadLetters(ctx, &sinkv1.ListDeadLettersRequest{Connector: sink})
		if err == nil && found.Total != 1 {
			err = fmt.Errorf("%d dead letters", found.Total)
		}
		return err
	})
	if gone, err := letters.DiscardDeadLetters(t.Context(),
		&sinkv1.DiscardDeadLettersRequest{Connector: sink, All: true}); err != nil || gone.Discarded != 1 {
		t.Error(gone, err)
	}
}
