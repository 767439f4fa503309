package connector_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// supervised is a worker's process that is started again when it ends, as by systemd or Kubernetes.
type supervised struct {
	fleet   processFleet
	address string
	process *testenv.Process
	starts  int
	client  connectorv1.ConnectorServiceClient
}

func (f processFleet) supervise(t *testing.T) *supervised {
	t.Helper()
	process, address := f.start(t)
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return &supervised{f, address, process, 1, connectorv1.NewConnectorServiceClient(connection)}
}

// eventually waits for what check wants, and starts the process again meanwhile.
func (s *supervised) eventually(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	testenv.Eventually(t, 3*time.Minute, what, func(ctx context.Context) error {
		if s.process.Running() != nil {
			s.process = s.fleet.startAt(t, s.address)
			s.starts++
		}
		return check(ctx)
	})
}

func (s *supervised) create(t *testing.T, name, class string) {
	t.Helper()
	s.eventually(t, name+" is created", func(ctx context.Context) error {
		_, err := s.client.CreateConnector(ctx, &connectorv1.CreateConnectorRequest{Name: name,
			Config: map[string]string{"connector.class": class, "tasks.max": "1"}})
		if connector.ReasonOf(err) == connector.ReasonConnectorExists {
			return nil
		}
		return err
	})
}

// state is the state of the connector's task.
func (s *supervised) state(ctx context.Context, name string) (state, trace string, err error) {
	got, err := s.client.GetConnectorStatus(ctx, &connectorv1.GetConnectorStatusRequest{Name: name})
	if err != nil {
		return "", "", err
	}
	tasks := got.GetStatus().GetTasks()
	if len(tasks) != 1 {
		return "", "", fmt.Errorf("%d tasks", len(tasks))
	}
	return tasks[0].GetState().String(), tasks[0].GetTrace(), nil
}

func (s *supervised) awaitQuarantine(t *testing.T, guilty string, says []string, healthy ...string) {
	t.Helper()
	s.eventually(t, guilty+" is quarantined, the others run", func(ctx context.Context) error {
		state, trace, err := s.state(ctx, guilty)
		if err != nil {
			return err
		}
		for _, part := range append(says, "ended 2 times", "restart") {
			if !strings.HasSuffix(state, "FAILED") || !strings.Contains(trace, part) {
				return fmt.Errorf("%s, without %q: %s", state, part, trace)
			}
		}
		if strings.Contains(trace, "hidden1234") {
			return errors.New("the trace shows a secret: " + trace)
		}
		return s.run(ctx, healthy...)
	})
}

// run wants the connectors' tasks to run in the present process.
func (s *supervised) run(ctx context.Context, names ...string) error {
	if started := strings.Count(s.process.Log(), "task started"); started < len(names) {
		return fmt.Errorf("%d tasks were started", started)
	}
	for _, name := range names {
		state, trace, err := s.state(ctx, name)
		if err != nil || !strings.HasSuffix(state, "RUNNING") {
			return fmt.Errorf("%s: %s %s (%w)", name, state, trace, err)
		}
	}
	return nil
}

func TestAConnectorThatEndsTheProcessAgainAndAgainIsQuarantined(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short: ends processes and waits for their successors")
	}
	t.Parallel()
	for _, c := range []struct{ class, says string }{
		{"OverflowSource", "fatal error: stack overflow"},
		{"StrangerSource", "panic: a fault of a library"},
	} {
		t.Run(c.class, func(t *testing.T) {
			t.Parallel()
			says := []string{c.says, "process_test.go", "crash.txt.last"}
			worker := processFleet{kafka: inMemory(t), locks: t.TempDir(), crashes: t.TempDir()}.supervise(t)
			worker.create(t, "a", "LockSource")
			worker.create(t, "z", "LockSource")
			worker.create(t, "guilty", c.class)
			worker.awaitQuarantine(t, "guilty", says, "a", "z")
			t.Logf("%d starts of the process", worker.starts)

			// It is kept to after the process was killed for another reason, ends with a restart by hand, and comes again.
			worker.process.Kill()
			worker.awaitQuarantine(t, "guilty", says, "a", "z")
			before := worker.starts
			if _, err := worker.client.RestartConnector(t.Context(),
				&connectorv1.RestartConnectorRequest{Name: "guilty", IncludeTasks: true, OnlyFailed: true}); err != nil {
				t.Fatal(err)
			}
			worker.eventually(t, "a restart by hand starts the task", func(context.Context) error {
				if worker.starts == before {
					return errors.New("the process goes on")
				}
				return nil
			})
			worker.awaitQuarantine(t, "guilty", says, "a", "z")

			worker.eventually(t, "the timeline has it", func(ctx context.Context) error {
				events, err := worker.client.ListEvents(ctx, &connectorv1.ListEventsRequest{Connectors: []string{"guilty"}})
				if err != nil {
					return err
				}
				for _, event := range events.GetEvents() {
					if event.GetAction() == "TaskQuarantined" && strings.Contains(event.GetDetail(), c.says) {
						return nil
					}
				}
				return fmt.Errorf("%v", events)
			})
			// Another configuration is another chance.
			if _, err := worker.client.PatchConnectorConfig(t.Context(),
				&connectorv1.PatchConnectorConfigRequest{Name: "guilty",
					Config: map[string]string{"connector.class": "LockSource"}}); err != nil {
				t.Fatal(err)
			}
			worker.eventually(t, "it runs with another configuration", func(ctx context.Context) error {
				if state, trace, err := worker.state(ctx, "guilty"); err != nil || !strings.HasSuffix(state, "RUNNING") {
					return fmt.Errorf("%s %s (%w)", state, trace, err)
				}
				return nil
			})
			if _, err := worker.client.DeleteConnector(t.Context(),
				&connectorv1.DeleteConnectorRequest{Name: "guilty"}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAConnectorThatUsesUpTheMemoryAgainAndAgainIsQuarantined(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short: ends processes and waits for their successors")
	}
	t.Parallel()
	memory := int64(256 << 20)
	if testenv.RaceDetector {
		memory *= 3
	}
	for _, c := range []struct{ class, says string }{
		{"BurstSource", "killed by the kernel"},                         // found by starts alone
		{"GrowingSource", "killed by the kernel.*; task guilty-0 held"}, // found by what it counts, long after its start
	} {
		t.Run(c.class, func(t *testing.T) {
			t.Parallel()
			join := testenv.MemoryGroup(t, memory)
			worker := processFleet{kafka: inMemory(t), locks: t.TempDir(), crashes: t.TempDir(), memory: join,
				alone: watchedFilling}.supervise(t)
			worker.create(t, "a", "LockSource")
			worker.create(t, "z", "LockSource")
			worker.create(t, "guilty", c.class)
			worker.awaitQuarantine(t, "guilty", strings.Split(c.says, ".*"), "a", "z")
			t.Logf("%d starts of the process: %s", worker.starts, worker.process.Tail(3))
		})
	}
}

func TestAWorkerThatIsKilledAgainAndAgainQuarantinesNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short: ends processes and waits for their successors")
	}
	t.Parallel()
	worker := processFleet{kafka: inMemory(t), locks: t.TempDir(), crashes: t.TempDir()}.supervise(t)
	names := []string{"a", "z"}
	for _, name := range names {
		worker.create(t, name, "LockSource")
	}
	run := func() {
		t.Helper()
		worker.eventually(t, "all run", func(ctx context.Context) error { return worker.run(ctx, names...) })
	}
	for range 10 {
		run()
		worker.process.Kill()
	}
	run()
	if log := worker.process.Log(); strings.Contains(log, "quarantined") ||
		strings.Contains(log, "the last process of this worker crashed") {
		t.Errorf("the worker takes being killed for a crash:\n%s", log)
	}
}
