package connector_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

// garbage is what something else than a worker may have written to the topics of the workers.
var garbage = map[string][]string{
	"calypso-configs": {
		"connector-", "connector-huge", "connector-negative", "connector-null", "connector-text", "connector-list",
		"connector-huge-max",
		"target-state-orders", "restart-connector-orders", "restart-task-orders-0", "config-version-1-orders",
		"config-version-", "task-orders-0", "commit-orders", "",
	},
	"calypso-status": {"status-connector-orders", "status-task-orders-0", "status-task-orders--1",
		"status-task-orders-99999999999999999999", "status-topic-:connector-orders", "status-", ""},
	"calypso-offsets": {`["orders"`, `["orders",1]`, `["orders",{"server":"x"},1]`, `[["orders"],{}]`,
		`["orders",` + strings.Repeat(`[`, 20_000), "orders", ""},
}

var garbageValues = []string{
	"", "\x00\xff", "null", "[]", `"text"`, "{", strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000),
	`{"properties":null,"tasks":1}`, `{"properties":{"connector.class":"BoardSource"},"tasks":4611686018427387904}`,
	`{"properties":{"connector.class":"BoardSource"},"tasks":-9223372036854775808}`,
	`{"properties":{"connector.class":"BoardSource","tasks.max":"2147483647"}}`,
	`{"properties":{"connector.class":"BoardSource"},"version":9223372036854775807}`,
	`{"state":"EXPLODED","state.v2":"EXPLODED"}`, `{"state":-1}`, `{"connector":"orders","task":-1,"include-tasks":true}`,
	`{"connector":"orders","task":4611686018427387904}`,
	`{"state":"EXPLODED","worker_id":"x","generation":-1,"quarantined":true}`, `{"server":null}`,
}

func TestGarbageInTheTopicsOfWorkersHarmsNoConnector(t *testing.T) {
	kafka, b := broker(t), newBoard()
	first := startReadyWorker(t, kafka, b, connector.Source, "w1:1")
	create(t, first, "orders", "tasks.max", "2")
	awaitStates(t, first, "orders", "RUNNING RUNNING RUNNING")
	offsets := newOffsetWriter(t, kafka, "orders")
	offsets.begin(t)
	offsets.write(t, "orders", "x", `{"n":1}`)
	offsets.end(t, kgo.TryCommit)

	writer, err := kgo.NewClient(append(append([]kgo.Opt{}, kafka...),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))...)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for topic, keys := range garbage {
		for _, key := range keys {
			for _, value := range garbageValues {
				writer.Produce(t.Context(), &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}, nil)
			}
		}
	}
	// The configuration that such a name has last is one that a worker can take.
	writer.Produce(t.Context(), &kgo.Record{Topic: "calypso-configs", Key: []byte("connector-huge-max"),
		Value: []byte(`{"properties":{"connector.class":"BoardSource","tasks.max":"2147483647"}}`)}, nil)
	if err := writer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := startReadyWorker(t, kafka, b, connector.Source, "w2:1") // which reads all of it from the start
	for _, w := range []*worker{first, second} {
		eventually(t, "the connector runs, and no other has become one that there is not", func() error {
			got, err := w.GetConnectorStatus(t.Context(), &connectorv1.GetConnectorStatusRequest{Name: "orders"})
			if err != nil {
				return err
			}
			if tasks := got.GetStatus().GetTasks(); len(tasks) != 2 || tasks[0].GetState() != connectorv1.State_STATE_RUNNING ||
				tasks[1].GetState() != connectorv1.State_STATE_RUNNING {
				return fmt.Errorf("%v", tasks)
			}
			huge, err := w.GetConnectorStatus(t.Context(), &connectorv1.GetConnectorStatusRequest{Name: "huge-max"})
			if err != nil {
				return err
			}
			if tasks := huge.GetStatus().GetTasks(); len(tasks) != 1 || tasks[0].GetState() != connectorv1.State_STATE_RUNNING {
				return fmt.Errorf("%v", tasks)
			}
			return nil
		})
		list, err := w.ListConnectors(t.Context(), &connectorv1.ListConnectorsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list.GetConnectors() {
			if one.GetName() == "" {
				t.Errorf("there is a connector without a name: %v", one)
			}
		}
		if err := w.Ready(); err != nil {
			t.Error(err)
		}
	}
	got, err := environment(t, second, "orders").Offsets(context.Background())
	if err != nil || string(got[`{"server":"x"}`]) != `{"n":1}` {
		t.Error(errors.Join(err, fmt.Errorf("the offsets are %s", got)))
	}
}
