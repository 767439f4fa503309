package connector_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/api"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/reexec"
)

func TestMain(m *testing.M) {
	reexec.Run()
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of these tests; it is no statement about speed.
const patience = 30 * time.Second

// broker is an in-memory Kafka, or with CALYPSO_TEST_REAL_KAFKA an Apache Kafka for each test.
func broker(t *testing.T) []kgo.Opt {
	t.Helper()
	if os.Getenv("CALYPSO_TEST_REAL_KAFKA") != "" {
		kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true,
			Properties: []string{"group.min.session.timeout.ms=1000"}})
		return []kgo.Opt{kgo.SeedBrokers(kafka.Bootstrap)}
	}
	return []kgo.Opt{kgo.SeedBrokers(inMemory(t))}
}

// inMemory is the address of a broker in this process, which takes little time, for tests of which Kafka is not the matter.
func inMemory(t *testing.T) string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1),
		kfake.BrokerConfigs(map[string]string{"group.min.session.timeout.ms": "1000"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// board records which runs of which tasks are under way, over all workers of a test.
type board struct {
	mu      sync.Mutex
	running map[string]string // task -> worker
	starts  map[string]int
	twice   []string
	fail    map[string]error // task -> what its next run fails with
	seen    map[string]map[string]string
	// linger is what tasks wait for that are told to linger.
	linger sync.WaitGroup
}

func newBoard() *board {
	return &board{running: map[string]string{}, starts: map[string]int{}, fail: map[string]error{},
		seen: map[string]map[string]string{}}
}

func (b *board) begin(task, worker string, config map[string]string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.starts[task]++
	b.seen[task] = config
	if err := b.fail[task]; err != nil {
		delete(b.fail, task)
		return err
	}
	if other, ok := b.running[task]; ok {
		b.twice = append(b.twice, fmt.Sprintf("%s on %s and %s", task, other, worker))
	}
	b.running[task] = worker
	return nil
}

func (b *board) end(task string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.running, task)
}

func (b *board) workers() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	copied := map[string]string{}
	for task, worker := range b.running {
		copied[task] = worker
	}
	return copied
}

func (b *board) startsOf(task string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.starts[task]
}

// readBy is the configuration that a task was last started with.
func (b *board) readBy(task string) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen[task]
}

func (b *board) failNext(task string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail[task] = err
}

func (b *board) assertNothingRanTwice(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.twice) > 0 {
		t.Errorf("tasks ran twice at the same time: %v", b.twice)
	}
}

// boardTask runs until it is told to stop.
type boardTask struct {
	board  *board
	env    connector.TaskEnv
	values catalogue.Values
}

func (task *boardTask) Run(ctx context.Context) error {
	name := fmt.Sprintf("%s-%d", task.env.Connector, task.env.Task)
	if err := task.board.begin(name, task.env.WorkerID, task.values.Raw()); err != nil {
		return err
	}
	defer task.board.end(name)
	for _, topic := range task.values.List("topics") {
		if err := task.env.UsedTopic(topic); err != nil {
			return err
		}
	}
	if task.values.String("behaviour") == "panic" {
		panic("as told")
	}
	<-ctx.Done()
	if task.values.String("behaviour") == "linger" {
		task.env.Doing("its last batch")
		task.board.linger.Wait()
	}
	return nil
}

func boardPlugin(t testing.TB, b *board, kind connector.Type) connector.Plugin {
	t.Helper()
	framework := catalogue.SourceFramework()
	if kind == connector.Sink {
		framework = catalogue.SinkFramework()
	}
	keys, err := catalogue.New(framework, []catalogue.Key{
		{Name: "behaviour", Type: catalogue.String, Default: catalogue.Default("run"),
			Allowed: []string{"run", "panic", "linger"}, Doc: "What the task does."},
		{Name: "topics", Type: catalogue.List, Doc: "Topics that the task says it uses."},
		{Name: "batch.size", Aliases: []string{"batch.length"}, Type: catalogue.Int,
			Default: catalogue.Default("2000"), Doc: "Size."},
		{Name: "password", Type: catalogue.Password, Doc: "Password."},
	})
	if err != nil {
		t.Fatal(err)
	}
	class := map[connector.Type]string{connector.Source: "test.BoardSourceConnector",
		connector.Sink: "test.BoardSinkConnector"}[kind]
	return connector.Plugin{
		Class: class, Aliases: []string{"io.example." + string(kind) + ".OtherNameConnector"}, Type: kind, Version: "1.2.3",
		Catalogue: keys,
		Tasks: func(values catalogue.Values) (int, error) {
			if tasks, err := strconv.Atoi(values.String("tasks.max")); err != nil || tasks <= 100 {
				return tasks, err
			}
			return 0, errors.New("more than 100 tasks are not of use")
		},
		Check: func(ctx context.Context, values catalogue.Values) []connector.Check {
			switch values.String("batch.size") {
			case "13":
				return []connector.Check{{Name: "luck", Detail: "13 is refused for " + values.String("password"),
					Remedy: "Take 14."}}
			case "14":
				<-ctx.Done()
			case "15":
				panic("unlucky")
			}
			return []connector.Check{{Name: "luck", OK: true}}
		},
		NewTask: func(env connector.TaskEnv, values catalogue.Values) (connector.Task, error) {
			return &boardTask{b, env, values}, nil
		},
	}
}

// worker is one running member of a fleet.
type worker struct {
	*api.Server
	*runtime.Worker
	stop func()
}

type option func(*runtime.Config)

func startWorker(t *testing.T, kafka []kgo.Opt, b *board, kind connector.Type, id string, options ...option) *worker {
	t.Helper()
	config := runtime.Config{
		Settings: runtime.Settings{WorkerID: id, ReplicationFactor: 1}, Kafka: kafka, GroupID: "fleet-" + string(kind),
		Partitions: 6,
		Plugins:    []connector.Plugin{boardPlugin(t, b, kind)}, Logger: logger(t),
	}
	for _, option := range options {
		option(&config)
	}
	w, err := runtime.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("worker %s: %v", id, err)
			}
		case <-time.After(patience):
			t.Errorf("worker %s does not stop", id)
		}
	})
	t.Cleanup(stop)
	return &worker{api.New(w), w, stop}
}

func startReadyWorker(t *testing.T, kafka []kgo.Opt, b *board, kind connector.Type, id string,
	options ...option) *worker {
	t.Helper()
	w := startWorker(t, kafka, b, kind, id, options...)
	eventually(t, "worker "+id+" is ready", func() error { return w.Ready() })
	return w
}

func logger(t *testing.T) *slog.Logger {
	if os.Getenv("CALYPSO_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for: %s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func create(t *testing.T, w *worker, name string, more ...string) {
	t.Helper()
	if _, err := w.CreateConnector(t.Context(), &connectorv1.CreateConnectorRequest{Name: name,
		Config: config(more...)}); err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
}

func config(more ...string) map[string]string {
	c := map[string]string{"connector.class": "test.BoardSourceConnector"}
	for i := 0; i < len(more); i += 2 {
		c[more[i]] = more[i+1]
	}
	return c
}

// states shows a connector as "CONNECTOR TASK0 TASK1".
func states(w *worker, name string) string {
	response, err := w.GetConnectorStatus(context.Background(), &connectorv1.GetConnectorStatusRequest{Name: name})
	if err != nil {
		return err.Error()
	}
	short := func(state connectorv1.State) string { return strings.TrimPrefix(state.String(), "STATE_") }
	text := short(response.Status.State)
	for _, task := range response.Status.Tasks {
		text += " " + short(task.State)
	}
	return text
}

func awaitStates(t *testing.T, w *worker, name, want string) {
	t.Helper()
	eventually(t, name+" is "+want, func() error {
		if got := states(w, name); got != want {
			return errors.New(got)
		}
		return nil
	})
}
