package connector_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/api"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/reexec"
)

// lockTask holds a lock on a file while it runs. The operating system releases the lock of a process that is killed,
// so that a lock that is taken proves that the task runs elsewhere.
type lockTask struct {
	env   connector.TaskEnv
	locks string
}

func (task lockTask) Run(ctx context.Context) error {
	if _, err := task.env.Offsets(ctx); err != nil { // as a source does that takes up where its predecessor ended
		return err
	}
	name := filepath.Join(task.locks, fmt.Sprintf("%s-%d", task.env.Connector, task.env.Task))
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(name)
		twice := fmt.Sprintf("%s runs on %s and on %s", filepath.Base(name), holder, task.env.WorkerID)
		return errors.Join(errors.New(twice), os.WriteFile(name+".twice", []byte(twice), 0o600))
	}
	if err := os.WriteFile(name, []byte(task.env.WorkerID), 0o600); err != nil {
		return err
	}
	task.env.Started()
	<-ctx.Done()
	return os.WriteFile(name, nil, 0o600)
}

// deadlyTask ends the process some time after its start.
type deadlyTask struct {
	env connector.TaskEnv
	end func()
}

func (task deadlyTask) Run(ctx context.Context) error {
	task.env.Started()
	go func() {
		time.Sleep(100 * time.Millisecond)
		task.end()
	}()
	<-ctx.Done()
	return nil
}

// A start alone is watched for so long. Until then a task that ends the process must have done so,
// also on a busy machine, or whoever starts next would be blamed: filling memory takes a second there.
const (
	watched        = 2 * time.Second
	watchedFilling = 5 * time.Second
)

// growingTask takes memory without end, and counts it.
type growingTask struct {
	holds   atomic.Int64
	watched time.Duration
}

func (task *growingTask) Holds() int64 { return task.holds.Load() }

func (task *growingTask) Run(ctx context.Context) error {
	select {
	case <-time.After(2 * task.watched): // its start is not watched any more
	case <-ctx.Done():
		return nil
	}
	var taken [][]byte
	for ctx.Err() == nil {
		const piece = 4 << 20
		taken = append(taken, bytes.Repeat([]byte{1}, piece))
		task.holds.Add(piece)
		time.Sleep(10 * time.Millisecond)
	}
	goruntime.KeepAlive(taken)
	return nil
}

// overflow never returns; its stack grows by what it keeps.
//
//nolint:staticcheck // it is to end the process
func overflow(n int) int { return overflow(n+1) + n }

// workerSettings are what a worker process is told.
type workerSettings struct {
	// Address is where it serves, Kafka the broker.
	Address, Kafka string
	// Locks is the directory of the locks of lockTasks, Crashes where the worker keeps what its processes end of.
	Locks, Crashes string
	// Memory is what it joins to have less memory; empty if it has what there is.
	Memory string
	// Alone is how long a start alone is watched.
	Alone time.Duration
}

// workerProcess is a service as a fleet has it: worker and gRPC server, until SIGTERM.
var workerProcess = reexec.New("worker", func(s workerSettings) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if s.Memory != "" {
		if err := os.WriteFile(s.Memory, []byte("0"), 0); err != nil {
			return err
		}
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	keys, err := catalogue.New(catalogue.SourceFramework())
	if err != nil {
		return err
	}
	debug.SetMaxStack(1 << 20)
	plugin := func(class string, task func(connector.TaskEnv) connector.Task) connector.Plugin {
		return connector.Plugin{
			Class: class, Type: connector.Source, Version: "1", Catalogue: keys,
			Tasks:   func(catalogue.Values) (int, error) { return 1, nil },
			NewTask: func(env connector.TaskEnv, _ catalogue.Values) (connector.Task, error) { return task(env), nil },
		}
	}
	deadly := func(class string, end func()) connector.Plugin {
		return plugin(class, func(env connector.TaskEnv) connector.Task { return deadlyTask{env, end} })
	}
	worker, err := runtime.New(runtime.Config{
		Settings: runtime.Settings{WorkerID: s.Address, ReplicationFactor: 1, CrashDir: s.Crashes},
		Kafka:    []kgo.Opt{kgo.SeedBrokers(s.Kafka)}, GroupID: "fleet", Partitions: 12,
		Logger: logger, AloneFor: s.Alone,
		Plugins: []connector.Plugin{deadly("test.OverflowSourceConnector", func() { _ = overflow(0) }),
			deadly("test.StrangerSourceConnector", func() {
				// as a library's goroutine that was not started for this task
				pprof.SetGoroutineLabels(context.Background())
				panic("a fault of a library, with password=hidden1234")
			}),
			// as for one hostile record
			deadly("test.BurstSourceConnector", func() { goruntime.KeepAlive(bytes.Repeat([]byte{1}, 8<<30)) }),
			plugin("test.GrowingSourceConnector", func(env connector.TaskEnv) connector.Task {
				env.Started()
				return &growingTask{watched: s.Alone}
			}), {
				Class: "test.LockSourceConnector", Type: connector.Source, Version: "1", Catalogue: keys,
				Tasks: func(values catalogue.Values) (int, error) { return strconv.Atoi(values.String("tasks.max")) },
				NewTask: func(env connector.TaskEnv, _ catalogue.Values) (connector.Task, error) {
					return lockTask{env, s.Locks}, nil
				},
			}},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.Address)
	if err != nil {
		return err
	}
	server := rpc.NewServer(rpc.Config{Logger: logger, Ready: worker.Ready})
	connectorv1.RegisterConnectorServiceServer(server, api.New(worker))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return worker.Run(ctx) })
	group.Go(func() error { return server.Serve(ctx, listener) })
	return group.Wait()
})

// processFleet are workers in processes of their own.
type processFleet struct {
	kafka, locks string
	// crashes is where the workers keep what their processes end of.
	crashes string
	// memory is what they join to have less memory; empty if they have what there is.
	memory string
	// alone is how long a start alone is watched; watched if 0.
	alone time.Duration
}

func (f processFleet) start(t *testing.T) (*testenv.Process, string) {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", testenv.Port(t))
	return f.startAt(t, address), address
}

func (f processFleet) startAt(t *testing.T, address string) *testenv.Process {
	t.Helper()
	return workerProcess.Start(t, workerSettings{Address: address, Kafka: f.kafka, Locks: f.locks, Crashes: f.crashes,
		Memory: f.memory, Alone: cmp.Or(f.alone, watched)}).Process
}

// holders says which worker began each task last and was not stopped since (a worker that was killed may still be
// named), and fails on a task that ran twice.
func (f processFleet) holders(t *testing.T) map[string]string {
	t.Helper()
	files, err := os.ReadDir(f.locks)
	if err != nil {
		t.Fatal(err)
	}
	holders := map[string]string{}
	for _, file := range files {
		path := filepath.Join(f.locks, file.Name())
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file.Name(), ".twice") {
			t.Fatalf("%s", content)
		}
		if len(content) > 0 {
			holders[file.Name()] = string(content)
		}
	}
	return holders
}

func (f processFleet) awaitTasks(t *testing.T, tasks int, not string) map[string]string {
	t.Helper()
	var holders map[string]string
	testenv.Eventually(t, time.Minute, fmt.Sprintf("%d tasks, none on %s", tasks, not), func(context.Context) error {
		holders = f.holders(t)
		for _, holder := range holders {
			if holder == not {
				return fmt.Errorf("%v", holders)
			}
		}
		if len(holders) != tasks {
			return fmt.Errorf("%v", holders)
		}
		return nil
	})
	return holders
}

// createLocks creates connectors of tasks that each hold a lock.
func createLocks(t *testing.T, client connectorv1.ConnectorServiceClient, connectors, tasksEach int) {
	t.Helper()
	for i := range connectors {
		testenv.Eventually(t, time.Minute, "a connector is created", func(ctx context.Context) error {
			_, err := client.CreateConnector(ctx, &connectorv1.CreateConnectorRequest{Name: fmt.Sprintf("c%d", i),
				Config: map[string]string{"connector.class": "LockSource", "tasks.max": fmt.Sprint(tasksEach)}})
			if connector.ReasonOf(err) == connector.ReasonConnectorExists {
				return nil
			}
			return err
		})
	}
}

func TestAWorkerTakesFiveHundredTasksOfAnotherAndGoesOnWithItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short: starts a Kafka broker")
	}
	t.Parallel()
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{})
	fleet := processFleet{kafka: kafka.Bootstrap, locks: t.TempDir(), crashes: t.TempDir()}
	victim, gone := fleet.start(t)
	survivor, address := fleet.start(t)
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	client := connectorv1.NewConnectorServiceClient(connection)
	const connectors, tasksEach = 10, 100
	createLocks(t, client, connectors, tasksEach)
	var before map[string]string
	testenv.Eventually(t, 2*time.Minute, "each worker has about half of the tasks", func(context.Context) error {
		before = fleet.holders(t)
		own := 0
		for _, holder := range before {
			if holder == address {
				own++
			}
		}
		if len(before) != connectors*tasksEach || own < 400 || own > 600 {
			return fmt.Errorf("%d tasks run, %d of them on the second worker", len(before), own)
		}
		return nil
	})
	// The topic of offsets is as large as that of a fleet that has worked for long.
	writer, err := kgo.NewClient(kgo.SeedBrokers(kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for n := range 500_000 {
		writer.Produce(t.Context(), &kgo.Record{Topic: "calypso-offsets",
			Key:   connector.OffsetKey(fmt.Sprintf("c%d", n%connectors), map[string]any{"n": n % 1000}),
			Value: fmt.Appendf(nil, `{"n":%d}`, n)}, nil)
	}
	if err := writer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	started := strings.Count(survivor.Log(), "task started")
	if err := survivor.ResetPeakRSS(); err != nil {
		t.Fatal(err)
	}
	victim.Kill()
	killed := time.Now()
	after := fleet.awaitTasks(t, connectors*tasksEach, gone)
	took := time.Since(killed)
	peak, err := survivor.PeakRSS()
	taken := 0
	for task, holder := range before {
		if holder == gone && after[task] == address {
			taken++
		}
	}
	t.Logf("%d tasks were taken over in %s, with %d MB at most", taken, took.Round(100*time.Millisecond), peak>>20)
	if more := strings.Count(survivor.Log(), "task started") - started; more != taken {
		t.Errorf("%d tasks were started to take over %d", more, taken)
	}
	if stopped := strings.Count(survivor.Log(), "task stopped"); stopped > 0 &&
		strings.Contains(survivor.Log(), "tasks stop, since others may take them over") {
		t.Errorf("the survivor stopped %d tasks", stopped)
	}
	if err != nil || peak > 512<<20 && !testenv.RaceDetector {
		t.Errorf("the survivor took %d MB: %v", peak>>20, err)
	}
}

func TestThreeWorkerProcessesReplaceWhicheverIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short: starts a Kafka broker")
	}
	t.Parallel()
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{})
	t.Log(kafka.Notice)
	fleet := processFleet{kafka: kafka.Bootstrap, locks: t.TempDir(), crashes: t.TempDir()}
	type member struct {
		process *testenv.Process
		address string
	}
	var members []member
	for range 3 {
		process, address := fleet.start(t)
		members = append(members, member{process, address})
	}
	const connectors, tasksEach = 4, 3
	connection, err := grpc.NewClient(members[0].address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	client := connectorv1.NewConnectorServiceClient(connection)
	createLocks(t, client, connectors, tasksEach)
	testenv.Eventually(t, time.Minute, "all three workers have tasks", func(context.Context) error {
		workers := map[string]bool{}
		holders := fleet.holders(t)
		for _, holder := range holders {
			workers[holder] = true
		}
		if len(workers) != 3 || len(holders) != connectors*tasksEach {
			return fmt.Errorf("%v", holders)
		}
		return nil
	})
	if _, err := client.PatchConnectorConfig(t.Context(),
		&connectorv1.PatchConnectorConfigRequest{Name: "c0",
			Config: map[string]string{"errors.tolerance": "all"}}); err != nil {
		t.Fatal(err)
	}
	for i := range members {
		before := time.Now()
		members[i].process.Kill()
		fleet.awaitTasks(t, connectors*tasksEach, members[i].address)
		t.Logf("killed worker %d: all its tasks run elsewhere after %s", i, time.Since(before).Round(10*time.Millisecond))
		process, address := fleet.start(t)
		members[i] = member{process, address}
		testenv.Eventually(t, time.Minute, "the new worker has tasks", func(context.Context) error {
			holders := fleet.holders(t)
			for _, holder := range holders {
				if holder == address && len(holders) == connectors*tasksEach {
					return nil
				}
			}
			return fmt.Errorf("%v", holders)
		})
	}
	// None of the processes that took the calls is left; what they kept is.
	later, err := grpc.NewClient(members[2].address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	kept, err := connectorv1.NewConnectorServiceClient(later).ListConfigVersions(t.Context(),
		&connectorv1.ListConfigVersionsRequest{Name: "c0"})
	if err != nil || len(kept.GetVersions()) != 2 || kept.GetVersions()[0].GetConfig()["errors.tolerance"] != "all" ||
		kept.GetVersions()[1].GetConfig()["errors.tolerance"] != "" {
		t.Errorf("after all three were killed the versions are %v (%v)", kept, err)
	}
	for i := range members {
		before := time.Now()
		if err := members[i].process.Stop(syscall.SIGTERM, time.Minute); err != nil {
			t.Fatalf("worker %d: %v", i, err)
		}
		if i < 2 {
			fleet.awaitTasks(t, connectors*tasksEach, members[i].address)
			t.Logf("stopped worker %d: all its tasks run elsewhere after %s", i, time.Since(before).Round(10*time.Millisecond))
		}
	}
}
