package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/connect"
)

// A process that is stopped keeps its connections, takes new ones and says nothing: unlike one that
// was killed it is not noticed by whoever calls it.
func TestQuestionsAreAnsweredAndCommandsObeyedWhileAWorkerOfEachFleetIsFrozen(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short")
	}
	r := newSinkRigOf(t, 2)
	var frozen []string
	for fleet, c := range map[string]struct {
		client connect.Client
		name   string
	}{"capture": {r.Source(), connector}, "sink": {r.Sink(), sinkConnector}} {
		before, err := c.client.Status(t.Context(), c.name)
		if err != nil {
			t.Fatal(err)
		}
		victim := before.Tasks[0].WorkerID
		_, service := r.serviceAt(t, fleet, victim)
		if err := service.Process().Freeze(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = service.Process().Thaw() })
		frozen = append(frozen, fleet+" at "+victim)
	}

	ask := func(client connect.Client, method, path string, out any) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var body any
		if method == "POST" || method == "PATCH" {
			body = map[string]any{}
		}
		if err := client.Call(ctx, method, path, body, out); err != nil {
			t.Errorf("while %s are frozen: %v", strings.Join(frozen, " and "), err)
		}
	}
	var names []string
	ask(r.Source(), "GET", "/connectors", &names)
	if !slices.Contains(names, connector) || !slices.Contains(names, sinkConnector) {
		t.Errorf("the connectors are %v", names)
	}
	for range 4 { // each worker is the first to be asked in turn
		ask(r.Source(), "GET", "/connectors/"+connector+"/status", nil)
		ask(r.Sink(), "GET", "/connectors/"+sinkConnector+"/status", nil)
		ask(r.Source(), "GET", "/connectors?expand=status&expand=info", nil)
	}
	var shown struct {
		Pipelines []struct {
			Verdict string
			Checks  []struct{ Name, Subject, State, Summary string }
		}
	}
	ask(r.Source(), "GET", "/v1/pipelines", &shown)
	said := fmt.Sprint(shown)
	for _, worker := range frozen {
		if !strings.Contains(said, worker) {
			t.Errorf("the pipelines do not name %s: %s", worker, said)
		}
	}

	// Every worker that is told to change something does it, wherever the task ran.
	ask(r.Sink(), "PUT", "/connectors/"+sinkConnector+"/pause", nil)
	ask(r.Sink(), "PUT", "/connectors/"+sinkConnector+"/resume", nil)
	ask(r.Sink(), "POST", "/connectors/"+sinkConnector+"/restart?includeTasks=true", nil)
	ask(r.Source(), "PUT", "/connectors/"+connector+"/stop", nil)
	ask(r.Source(), "PUT", "/connectors/"+connector+"/resume", nil)
	ask(r.Sink(), "DELETE", "/connectors/"+stateConnector, nil)
	testenv.Eventually(t, 2*time.Minute, "the other workers to run what the frozen ones ran",
		func(ctx context.Context) error {
			var all []error
			for _, c := range []struct {
				client connect.Client
				name   string
			}{{r.Source(), connector}, {r.Sink(), sinkConnector}} {
				now, err := c.client.Status(ctx, c.name)
				all = append(all, err)
				for _, task := range now.Tasks {
					if slices.ContainsFunc(frozen, func(f string) bool { return strings.HasSuffix(f, " "+task.WorkerID) }) ||
						task.State != "RUNNING" {
						all = append(all, fmt.Errorf("task %d of %s is %s on %s", task.ID, c.name, task.State, task.WorkerID))
					}
				}
			}
			return errors.Join(all...)
		})
}
