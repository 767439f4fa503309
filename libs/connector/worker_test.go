package connector_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

func TestAConnectorRunsThroughItsWholeLife(t *testing.T) {
	b := newBoard()
	w := startReadyWorker(t, broker(t), b, connector.Source, "w1:1")
	ctx := t.Context()

	create(t, w, "orders", "tasks.max", "2")
	awaitStates(t, w, "orders", "RUNNING RUNNING RUNNING")
	if got := b.workers(); len(got) != 2 {
		t.Fatalf("running: %v", got)
	}

	if _, err := w.PauseConnector(ctx, &connectorv1.PauseConnectorRequest{Name: "orders"}); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, w, "orders", "PAUSED PAUSED PAUSED")
	if got := b.workers(); len(got) != 0 {
		t.Fatalf("running while paused: %v", got)
	}

	if _, err := w.StopConnector(ctx, &connectorv1.StopConnectorRequest{Name: "orders"}); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, w, "orders", "STOPPED")

	if _, err := w.ResumeConnector(ctx, &connectorv1.ResumeConnectorRequest{Name: "orders"}); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, w, "orders", "RUNNING RUNNING RUNNING")

	update, err := w.UpdateConnectorConfig(ctx, &connectorv1.UpdateConnectorConfigRequest{Name: "orders",
		Config: config("tasks.max", "1", "batch.size", "77")})
	if err != nil || update.Created {
		t.Fatalf("update: %v %v", update, err)
	}
	awaitStates(t, w, "orders", "RUNNING RUNNING")
	eventually(t, "the task runs with the new configuration", func() error {
		if b.startsOf("orders-0") < 3 || len(b.workers()) != 1 {
			return fmt.Errorf("%d starts, running %v", b.startsOf("orders-0"), b.workers())
		}
		return nil
	})
	if b.seen["orders-0"]["batch.size"] != "77" {
		t.Errorf("configuration of the task: %v", b.seen["orders-0"])
	}

	if _, err := w.DeleteConnector(ctx, &connectorv1.DeleteConnectorRequest{Name: "orders"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.GetConnectorStatus(ctx,
		&connectorv1.GetConnectorStatusRequest{Name: "orders"}); connector.ReasonOf(
		err) != connector.ReasonConnectorNotFound {
		t.Errorf("status after delete: %v", err)
	}
	eventually(t, "the task ends", func() error {
		if running := b.workers(); len(running) != 0 {
			return fmt.Errorf("%v", running)
		}
		return nil
	})
	b.assertNothingRanTwice(t)
}

func TestAFailedTaskSaysWhyAndRestartsWhenAsked(t *testing.T) {
	b := newBoard()
	w := startReadyWorker(t, broker(t), b, connector.Source, "w1:1")
	b.failNext("orders-1", errors.New("read slot calypso: the slot is gone; create it again"))
	create(t, w, "orders", "tasks.max", "2")
	awaitStates(t, w, "orders", "RUNNING RUNNING FAILED")
	status, _ := w.GetConnectorStatus(t.Context(), &connectorv1.GetConnectorStatusRequest{Name: "orders"})
	if got := status.Status.Tasks[1].Trace; got != "read slot calypso: the slot is gone; create it again" {
		t.Errorf("trace = %q", got)
	}
	before := b.startsOf("orders-0")
	restarted, err := w.RestartConnector(t.Context(),
		&connectorv1.RestartConnectorRequest{Name: "orders", IncludeTasks: true, OnlyFailed: true})
	if err != nil {
		t.Fatal(err)
	}
	if s := restarted.Status; s.State != connectorv1.State_STATE_RUNNING ||
		s.Tasks[0].State != connectorv1.State_STATE_RUNNING || s.Tasks[1].State != connectorv1.State_STATE_RESTARTING ||
		s.Tasks[1].Trace == "" {
		t.Errorf("answer to restart: %v", s)
	}
	awaitStates(t, w, "orders", "RUNNING RUNNING RUNNING")
	if b.startsOf("orders-0") != before {
		t.Error("a healthy task was restarted although only failed ones were asked for")
	}
	if _, err := w.RestartTask(t.Context(), &connectorv1.RestartTaskRequest{Name: "orders", Task: 0}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "task 0 starts again", func() error {
		if b.startsOf("orders-0") == before {
			return errors.New("not yet")
		}
		return nil
	})
	if _, err := w.RestartTask(t.Context(), &connectorv1.RestartTaskRequest{Name: "orders",
		Task: 9}); connector.ReasonOf(err) != connector.ReasonTaskNotFound {
		t.Errorf("restart of an unknown task: %v", err)
	}
}

func TestNoConnectorReadsOrWritesTheTopicsOfTheRuntime(t *testing.T) {
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1")
	for i, topic := range []string{"calypso-configs", "calypso-status", "calypso-offsets", "calypso-timeline"} {
		name := fmt.Sprint("thief", i)
		create(t, w, name, "topics", topic)
		awaitStates(t, w, name, "RUNNING FAILED")
		status, err := w.GetConnectorStatus(t.Context(), &connectorv1.GetConnectorStatusRequest{Name: name})
		if err != nil || !strings.Contains(status.Status.Tasks[0].Trace, topic) {
			t.Errorf("%s: %v, %v", topic, status, err)
		}
	}
}

func TestAPanicFailsTheTaskAndNotTheWorker(t *testing.T) {
	b := newBoard()
	w := startReadyWorker(t, broker(t), b, connector.Source, "w1:1")
	create(t, w, "bad", "behaviour", "panic")
	create(t, w, "good")
	awaitStates(t, w, "bad", "RUNNING FAILED")
	awaitStates(t, w, "good", "RUNNING RUNNING")
}

func TestWhatWasSaidBeforeARestartOfTheWorkerHoldsAfterIt(t *testing.T) {
	kafka, b := broker(t), newBoard()
	first := startReadyWorker(t, kafka, b, connector.Source, "w1:1")
	create(t, first, "runs")
	create(t, first, "paused")
	if _, err := first.PauseConnector(t.Context(), &connectorv1.PauseConnectorRequest{Name: "paused"}); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, first, "paused", "PAUSED PAUSED")
	awaitStates(t, first, "runs", "RUNNING RUNNING")
	first.stop()
	if running := b.workers(); len(running) != 0 {
		t.Fatalf("still running after the stop: %v", running)
	}
	second := startReadyWorker(t, kafka, b, connector.Source, "w2:1")
	awaitStates(t, second, "runs", "RUNNING RUNNING")
	awaitStates(t, second, "paused", "PAUSED PAUSED")
	if got := b.workers(); len(got) != 1 || got["runs-0"] != "w2:1" {
		t.Errorf("running: %v", got)
	}
}
