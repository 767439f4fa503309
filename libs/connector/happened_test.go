package connector_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestWhatATaskSeesIsAnEventOfItsWorker(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	create(t, w, "a")
	env, _, err := w.Environment("a")
	if err != nil {
		t.Fatal(err)
	}
	env.Happened("SchemaChanged", "table public.t is version 2")
	eventually(t, "the event is listed", func() error {
		r, err := w.ListEvents(t.Context(), &connectorv1.ListEventsRequest{Connectors: []string{"a"}})
		if err != nil {
			return err
		}
		for _, e := range r.Events {
			if e.Action == "SchemaChanged" && e.Actor == "worker w1:1" && e.Connector == "a" &&
				e.Detail == "table public.t is version 2" && time.Since(e.Time.AsTime()) < time.Hour {
				return nil
			}
		}
		return fmt.Errorf("events are %v", r.Events)
	})
}

func TestATopicIsReadToTheEndsOfItsPartitions(t *testing.T) {
	brokers := broker(t)
	w := startReadyWorker(t, brokers, newBoard(), connector.Source, "w1:1")
	create(t, w, "a")
	env, _, err := w.Environment("a")
	if err != nil {
		t.Fatal(err)
	}
	client, err := env.Kafka()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	read := func(topic string) (values []string, err error) {
		err = testenv.ReadTopic(t.Context(), env.Kafka, topic,
			func(r *kgo.Record) { values = append(values, string(r.Value)) })
		return values, err
	}
	if _, err := read("none"); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("reading a topic that does not exist: %v", err)
	}
	for i := range 100 {
		if err := client.ProduceSync(context.WithoutCancel(t.Context()),
			&kgo.Record{Topic: env.OffsetsTopic, Key: fmt.Append(nil, i), Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	values, err := read(env.OffsetsTopic)
	if err != nil || len(values) != 100 {
		t.Errorf("%d records, %v; want 100", len(values), err)
	}
}
