package connector_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
)

// network is a connection to Kafka that can be cut and fixed.
type network struct {
	mu          sync.Mutex
	cut         bool
	connections map[net.Conn]struct{}
}

func newNetwork() *network { return &network{connections: map[net.Conn]struct{}{}} }

func (n *network) options(kafka []kgo.Opt) []kgo.Opt {
	return append(append([]kgo.Opt{}, kafka...),
		kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.cut {
				return nil, errors.New("the network is cut")
			}
			connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				n.connections[connection] = struct{}{}
			}
			return connection, err
		}))
}

func (n *network) set(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
	if cut {
		for connection := range n.connections {
			connection.Close()
		}
		clear(n.connections)
	}
}

func shortSession(c *runtime.Config) { c.SessionTimeout = 2 * time.Second }

func TestAWorkerThatIsCutOffStopsItsTasksAndAnotherTakesOver(t *testing.T) {
	kafka, b, cable := broker(t), newBoard(), newNetwork()
	first := startReadyWorker(t, cable.options(kafka), b, connector.Source, "w1:1", shortSession)
	create(t, first, "orders", "tasks.max", "6") // one a partition
	all := "RUNNING RUNNING RUNNING RUNNING RUNNING RUNNING RUNNING"
	awaitStates(t, first, "orders", all)
	second := startReadyWorker(t, kafka, b, connector.Source, "w2:1", shortSession)
	eventually(t, "the workers share the tasks", func() error {
		shares := map[string]int{}
		for _, worker := range b.workers() {
			shares[worker]++
		}
		if shares["w1:1"] != 3 || shares["w2:1"] != 3 {
			return fmt.Errorf("%v", shares)
		}
		return nil
	})
	cable.set(true)
	eventually(t, "all tasks run on the second worker", allOn(b, 6, "w2:1"))
	b.assertNothingRanTwice(t)
	if err := first.Ready(); err == nil {
		t.Error("a worker that is cut off says it is ready")
	}
	eventually(t, "the first worker says why the states that it tells are old", func() error {
		if trace := traceOf(t, first, "orders"); !strings.Contains(trace, "the network is cut") {
			return fmt.Errorf("the trace is %q", trace)
		}
		return nil
	})
	cable.set(false)
	eventually(t, "the first worker is back", first.Ready)
	awaitStates(t, second, "orders", all)
	b.assertNothingRanTwice(t)
}

func TestAWorkerThatTheGroupDoesNotTakeTellsTheStatesThatOthersReportWithoutATrace(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	kafka := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}
	b := newBoard()
	first := startReadyWorker(t, kafka, b, connector.Source, "w1:1")
	create(t, first, "orders")
	awaitStates(t, first, "orders", "RUNNING RUNNING")
	cluster.ControlKey(int16(kmsg.JoinGroup), func(q kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		full := q.ResponseKind().(*kmsg.JoinGroupResponse)
		full.ErrorCode = kerr.GroupMaxSizeReached.Code
		return full, nil, true
	})
	second := startWorker(t, kafka, b, connector.Source, "w2:1")
	awaitStates(t, second, "orders", "RUNNING RUNNING")
	if trace := traceOf(t, second, "orders"); trace != "" {
		t.Errorf("the trace is %q", trace)
	}
	if second.Ready() == nil {
		t.Error("the group has taken it")
	}
}

// traceOf is the trace of a connector, not of its tasks.
func traceOf(t *testing.T, w *worker, name string) string {
	t.Helper()
	response, err := w.GetConnectorStatus(t.Context(), &connectorv1.GetConnectorStatusRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return response.Status.Trace
}

func TestWhileKafkaIsAwayAWorkerStillHasTheConnectorsToWatchThatWereItsOwn(t *testing.T) {
	kafka, b, cable := broker(t), newBoard(), newNetwork()
	w := startReadyWorker(t, cable.options(kafka), b, connector.Source, "w1:1", shortSession)
	create(t, w, "paused")
	create(t, w, "running")
	if _, err := w.PauseConnector(t.Context(), &connectorv1.PauseConnectorRequest{Name: "paused"}); err != nil {
		t.Fatal(err)
	}
	watches := func(names ...string) func() error {
		return func() error {
			if idle := w.Idle(); !slices.Equal(idle, names) {
				return fmt.Errorf("it watches %v", idle)
			}
			return nil
		}
	}
	eventually(t, "the paused connector is watched", watches("paused"))
	cable.set(true)
	eventually(t, "the other is watched as well once its task has stopped", watches("paused", "running"))
	eventually(t, "the worker has lost its membership", func() error {
		if w.Ready() == nil {
			return errors.New("it is ready")
		}
		return nil
	})
	second := startReadyWorker(t, kafka, b, connector.Source, "w2:1", shortSession)
	eventually(t, "another worker has taken its tasks over", allOn(b, 1, "w2:1"))
	if err := watches("paused", "running")(); err != nil {
		t.Errorf("while it cannot know of the other, %v", err)
	}
	cable.set(false)
	eventually(t, "each is watched by one worker and no other", func() error {
		idle := append(w.Idle(), second.Idle()...)
		if w.Ready() != nil || !slices.Equal(idle, []string{"paused"}) {
			return fmt.Errorf("they watch %v", idle)
		}
		return nil
	})
}

func TestWhileKafkaIsAwayAWorkerAlsoWatchesTheConnectorsOfOneThatHasEnded(t *testing.T) {
	kafka, b, cable := broker(t), newBoard(), newNetwork()
	first := startReadyWorker(t, cable.options(kafka), b, connector.Source, "w1:1", shortSession)
	second := startReadyWorker(t, cable.options(kafka), b, connector.Source, "w2:1", shortSession)
	var names []string
	for i := range 8 {
		name := fmt.Sprint("c", i)
		names = append(names, name)
		create(t, first, name)
		if _, err := first.PauseConnector(t.Context(), &connectorv1.PauseConnectorRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "each is watched by one worker", func() error {
		one, other := first.Idle(), second.Idle()
		all := slices.Sorted(slices.Values(append(slices.Clone(one), other...)))
		if len(one) == 0 || len(other) == 0 || !slices.Equal(all, names) {
			return fmt.Errorf("they watch %v and %v", one, other)
		}
		return nil
	})
	cable.set(true)
	second.stop()
	eventually(t, "the worker that is left watches all", func() error {
		if idle := first.Idle(); !slices.Equal(idle, names) {
			return fmt.Errorf("it watches %v", idle)
		}
		return nil
	})
}

func allOn(b *board, tasks int, workers ...string) func() error {
	return func() error {
		running := b.workers()
		for _, on := range running {
			ok := false
			for _, worker := range workers {
				ok = ok || on == worker
			}
			if !ok {
				return fmt.Errorf("%v", running)
			}
		}
		if len(running) != tasks {
			return fmt.Errorf("%v", running)
		}
		return nil
	}
}

func TestARollingRestartMovesTasksWithoutEverRunningOneTwice(t *testing.T) {
	kafka, b := broker(t), newBoard()
	var fleet []*worker
	for i := range 3 {
		fleet = append(fleet, startReadyWorker(t, kafka, b, connector.Source, fmt.Sprintf("w%d:1", i)))
	}
	for i := range 4 {
		create(t, fleet[0], fmt.Sprintf("c%d", i), "tasks.max", "3")
	}
	eventually(t, "12 tasks run", allOn(b, 12, "w0:1", "w1:1", "w2:1"))
	for i := range 3 {
		fleet[i].stop()
		var others []string
		for j := range fleet {
			if j < i {
				others = append(others, fmt.Sprintf("w%d:2", j))
			} else if j > i {
				others = append(others, fmt.Sprintf("w%d:1", j))
			}
		}
		eventually(t, "the others run all", allOn(b, 12, others...))
		fleet[i] = startReadyWorker(t, kafka, b, connector.Source, fmt.Sprintf("w%d:2", i))
	}
	eventually(t, "12 tasks run", allOn(b, 12, "w0:2", "w1:2", "w2:2"))
	for i := range 4 {
		awaitStates(t, fleet[0], fmt.Sprintf("c%d", i), "RUNNING RUNNING RUNNING RUNNING")
	}
	b.assertNothingRanTwice(t)
}

func TestFleetsShareTopicsAndLeaveEachOthersConnectorsAlone(t *testing.T) {
	kafka, b := broker(t), newBoard()
	source := startReadyWorker(t, kafka, b, connector.Source, "capture:1")
	sink := startReadyWorker(t, kafka, b, connector.Sink, "sink:1")
	create(t, source, "a")
	create(t, sink, "b", "connector.class", "test.BoardSinkConnector")
	awaitStates(t, source, "a", "RUNNING RUNNING")
	awaitStates(t, sink, "b", "RUNNING RUNNING")
	if running := b.workers(); running["a-0"] != "capture:1" || running["b-0"] != "sink:1" || len(running) != 2 {
		t.Errorf("running: %v", running)
	}
	if _, err := source.GetConnector(t.Context(),
		&connectorv1.GetConnectorRequest{Name: "b"}); connector.ReasonOf(err) != connector.ReasonConnectorNotFound {
		t.Errorf("the other fleet's connector: %v", err)
	}
	eventually(t, "a name is taken for both fleets", func() error {
		_, err := source.CreateConnector(t.Context(), &connectorv1.CreateConnectorRequest{Name: "b", Config: config()})
		if connector.ReasonOf(err) != connector.ReasonConnectorExists {
			return fmt.Errorf("creating it again: %w", err)
		}
		return nil
	})
	_, err := source.UpdateConnectorConfig(t.Context(),
		&connectorv1.UpdateConnectorConfigRequest{Name: "b", Config: config()})
	if connector.ReasonOf(err) != connector.ReasonConnectorExists {
		t.Errorf("put over the other fleet's connector: %v", err)
	}
	list, err := sink.ListConnectors(t.Context(), &connectorv1.ListConnectorsRequest{})
	if err != nil || len(list.Connectors) != 1 || list.Connectors[0].Name != "b" {
		t.Errorf("%v %v", list, err)
	}
}

func TestWhileKafkaIsDownCallsSayItAndEverythingComesBackByItself(t *testing.T) {
	kafka, b, cable := broker(t), newBoard(), newNetwork()
	cable.set(true)
	w := startWorker(t, cable.options(kafka), b, connector.Source, "w1:1", shortSession,
		func(c *runtime.Config) { c.StoreTimeout = time.Second })
	_, err := w.ListConnectors(t.Context(), &connectorv1.ListConnectorsRequest{})
	if connector.ReasonOf(err) != connector.ReasonStoreUnavailable || w.Ready() == nil {
		t.Errorf("before Kafka was reached: %v", err)
	}
	cable.set(false)
	eventually(t, "the worker is ready", w.Ready)
	create(t, w, "a")
	awaitStates(t, w, "a", "RUNNING RUNNING")

	cable.set(true)
	if _, err := w.CreateConnector(t.Context(), &connectorv1.CreateConnectorRequest{Name: "b",
		Config: config()}); connector.ReasonOf(err) != connector.ReasonStoreUnavailable {
		t.Errorf("create while Kafka is down: %v", err)
	} else if !strings.Contains(err.Error(), "the network is cut") {
		t.Errorf("the error hides why Kafka cannot be reached: %v", err)
	}
	eventually(t, "the worker is not ready, and says why", func() error {
		if err := w.Ready(); err == nil || !strings.Contains(err.Error(), "the network is cut") {
			return fmt.Errorf("it says %w", err)
		}
		return nil
	})
	if _, err := w.GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: "a"}); err != nil {
		t.Errorf("what is known is still told: %v", err)
	}
	cable.set(false)
	eventually(t, "a connector can be created again", func() error {
		_, err := w.CreateConnector(t.Context(), &connectorv1.CreateConnectorRequest{Name: "c", Config: config()})
		if connector.ReasonOf(err) == connector.ReasonConnectorExists {
			return nil // an attempt whose answer did not come in time has made it
		}
		return err
	})
	awaitStates(t, w, "a", "RUNNING RUNNING")
	awaitStates(t, w, "c", "RUNNING RUNNING")
	b.assertNothingRanTwice(t)
}

func TestAWorkerWithoutAShareIsReadyToTakeOver(t *testing.T) {
	kafka, b := broker(t), newBoard()
	onePartition := func(c *runtime.Config) { c.Partitions = 1 }
	first := startReadyWorker(t, kafka, b, connector.Source, "w1:1", onePartition)
	create(t, first, "a")
	eventually(t, "the task runs", allOn(b, 1, "w1:1"))
	second := startReadyWorker(t, kafka, b, connector.Source, "w2:1", onePartition)
	first.stop()
	eventually(t, "the task runs on the other worker", allOn(b, 1, "w2:1"))
	awaitStates(t, second, "a", "RUNNING RUNNING")
	b.assertNothingRanTwice(t)
}

func TestTasksThatAreCreatedLaterAreSpreadOverTheFleet(t *testing.T) {
	kafka, b := broker(t), newBoard()
	first := startReadyWorker(t, kafka, b, connector.Source, "w1:1")
	startReadyWorker(t, kafka, b, connector.Source, "w2:1")
	startReadyWorker(t, kafka, b, connector.Source, "w3:1")
	create(t, first, "orders", "tasks.max", "3")
	eventually(t, "each worker has a task", func() error {
		workers := map[string]bool{}
		for _, worker := range b.workers() {
			workers[worker] = true
		}
		if len(workers) != 3 {
			return fmt.Errorf("%v", b.workers())
		}
		return nil
	})
	awaitStates(t, first, "orders", "RUNNING RUNNING RUNNING RUNNING")
	b.assertNothingRanTwice(t)
}
