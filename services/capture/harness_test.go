package capture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/api"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/pgserver"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/reexec"
)

// servers are what the package's tests share: each test has a database and topics of its own. The
// first test that needs them starts them; see needServers.
var servers struct {
	once  sync.Once
	err   error
	pg    *testenv.Postgres
	kafka *testenv.Kafka
}

// needServers starts PostgreSQL and Kafka, or skips a test that cannot do without.
func needServers(t testing.TB) {
	t.Helper()
	servers.once.Do(func() { servers.err = startServers(context.Background()) })
	if errors.Is(servers.err, pgserver.ErrNoBinaries) && os.Getenv("CALYPSO_TEST_REQUIRE") == "" {
		t.Skipf("left out: %v", servers.err)
	}
	if servers.err != nil {
		t.Fatal(servers.err)
	}
}

func TestMain(m *testing.M) {
	reexec.Run()
	code := m.Run()
	if servers.kafka != nil {
		servers.kafka.Close()
	}
	if servers.pg != nil {
		servers.pg.Close()
	}
	os.Exit(code)
}

func startServers(ctx context.Context) (err error) {
	settings := []string{"wal_sender_timeout = 4s", "max_replication_slots = 300", "max_wal_senders = 100",
		"max_connections = 300", "max_prepared_transactions = 10"}
	if bin, err := testenv.PostgresBin(); err == nil {
		// Before 13 the server has no such setting.
		if version, _ := exec.Command(filepath.Join(bin, "postgres"),
			"--version").Output(); !strings.Contains(string(version), ") 12") {
			settings = append(settings, "logical_decoding_work_mem = '64kB'")
		}
	}
	if servers.pg, err = testenv.StartPostgres(ctx, testenv.PostgresConfig{Settings: settings}); err != nil {
		return err
	}
	if servers.kafka, err = testenv.StartKafka(ctx, testenv.KafkaConfig{Proxied: true}); err != nil {
		if servers.kafka, err = testenv.StartKafka(ctx, testenv.KafkaConfig{}); err != nil {
			return err
		}
	}
	if !servers.kafka.Real {
		fmt.Fprintln(os.Stderr, servers.kafka.Notice)
	}
	return nil
}

// worker says what a process runs until it is killed.
type worker struct {
	// Brokers are where the connector's records go.
	Brokers string
	Config  map[string]string
}

var workerProcess = reexec.New("capture", func(w worker) error {
	task, err := makeTask(w.Brokers, w.Config, Options{}, func(error) {})
	if err != nil {
		return err
	}
	return task.Run(context.Background())
})

// child runs a connector in a process of its own that kills itself at a failpoint.
func child(t testing.TB, config map[string]string, at string) *reexec.Process {
	t.Helper()
	return workerProcess.Start(t, worker{servers.kafka.Bootstrap, config}, failpoint.Variable+"="+at)
}

// source is a database of its own on the tests' PostgreSQL cluster, with a connection to change it.
type source struct {
	*testenv.Postgres
	db   string
	conn *pgx.Conn
}

// newSource creates a database.
func newSource(t testing.TB) *source { return newSourceWith(t, "") }

// newSourceWith creates a database with options of CREATE DATABASE.
func newSourceWith(t testing.TB, options string) *source {
	t.Helper()
	needServers(t)
	ctx, pg := t.Context(), servers.pg
	db := fmt.Sprintf("t%d", time.Now().UnixNano())
	if err := pg.Exec(ctx, "postgres", "CREATE DATABASE "+db+" "+options); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, pg.URL(db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return &source{pg, db, conn}
}

func (s *source) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := s.conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (s *source) query(t testing.TB, sql string) string {
	t.Helper()
	var out *string
	if err := s.conn.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if out == nil {
		return ""
	}
	return *out
}

// needsMessages skips on servers whose pgoutput sends no logical messages.
func (s *source) needsMessages(t testing.TB) {
	t.Helper()
	if version := s.query(t, "SELECT current_setting('server_version_num')"); version < "140000" {
		t.Skipf("left out: server version %s is older than 14 and sends no logical messages", version)
	}
}

// config is a connector's configuration for the source; set overrides it.
func (s *source) config(name string, set map[string]string) map[string]string {
	c := map[string]string{
		"name": name, "connector.class": Class, "database.hostname": s.Host, "database.port": fmt.Sprint(s.Port),
		"database.user": testenv.PostgresUser, "database.password": testenv.PostgresPassword, "database.dbname": s.db,
		"topic.prefix": s.db, "slot.name": s.db, "publication.name": s.db, "plugin.name": "pgoutput",
		"database.sslmode":               "disable",
		"value.converter.schemas.enable": "false", "key.converter.schemas.enable": "false",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"key.converter":   "org.apache.kafka.connect.json.JsonConverter",
	}
	for k, v := range set {
		c[k] = v
	}
	return c
}

// capture is a running task, as the runtime would run it.
type capture struct {
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex
	retries []error // guarded by mu
}

const (
	testOffsets = "calypso-offsets"
	testSchemas = "calypso-schemas"
)

// start runs a connector until stop or the test's end.
func start(t testing.TB, config map[string]string) *capture {
	t.Helper()
	needServers(t)
	return startWith(t, servers.kafka.Bootstrap, config, Options{})
}

// startTold is start, and returns what the connector adds to the timeline, each as "action: detail".
func startTold(t testing.TB, config map[string]string) <-chan string {
	t.Helper()
	env, told := testEnv(servers.kafka.Bootstrap, config["name"]), make(chan string, 10)
	env.Happened = func(action, detail string) { told <- action + ": " + detail }
	task, err := makeTaskIn(env, config, Options{})
	if err != nil {
		t.Fatal(err)
	}
	runTask(t, task)
	return told
}

// startWith is start with other addresses of the broker and options of the worker.
func startWith(t testing.TB, brokers string, config map[string]string, o Options) *capture {
	t.Helper()
	c := &capture{done: make(chan error, 1)}
	task, err := makeTask(brokers, config, o, func(err error) {
		if err != nil {
			c.mu.Lock()
			c.retries = append(c.retries, err)
			c.mu.Unlock()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	c.run(t, task)
	return c
}

// runTask runs a task that was made by makeTask.
func runTask(t testing.TB, task connector.Task) *capture {
	t.Helper()
	c := &capture{done: make(chan error, 1)}
	c.run(t, task)
	return c
}

func (c *capture) run(t testing.TB, task connector.Task) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	c.cancel = cancel
	go func() {
		err := task.Run(ctx)
		if err != nil {
			t.Logf("the connector failed: %v", err)
		}
		c.done <- err
	}()
	t.Cleanup(func() { c.stop(t) })
}

// makeTask makes a task with what the runtime gives one: clients, and offsets read from their topic.
func makeTask(brokers string, config map[string]string, o Options, retrying func(error)) (connector.Task, error) {
	env := testEnv(brokers, config["name"])
	env.Retrying = retrying
	return makeTaskIn(env, config, o)
}

func makeTaskIn(env connector.TaskEnv, config map[string]string, o Options) (connector.Task, error) {
	plugins, err := Plugins(o)
	if err != nil {
		return nil, err
	}
	plugin := plugins[slices.IndexFunc(plugins, func(p connector.Plugin) bool {
		return p.Class == config["connector.class"]
	})]
	values, _, problems := plugin.Catalogue.Parse(config)
	if len(problems) > 0 {
		return nil, fmt.Errorf("configuration: %v", problems)
	}
	if err := makeOffsetsTopic(env.Kafka); err != nil {
		return nil, err
	}
	return plugin.NewTask(env, values)
}

// testEnv is what the runtime gives a task.
func testEnv(brokers, name string) connector.TaskEnv {
	client := func(o ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers)}, o...)...)
	}
	level := slog.LevelWarn
	if os.Getenv("CALYPSO_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	return connector.TaskEnv{
		Connector: name, Tasks: 1, WorkerID: "test:1", Kafka: client, OffsetsTopic: testOffsets,
		Offsets: func(ctx context.Context) (map[string][]byte, error) {
			return readOffsets(ctx, client, name)
		},
		Schemas: connector.Schemas{Topic: testSchemas, ReplicationFactor: -1,
			Versions: func(ctx context.Context) (values [][]byte, err error) {
				key := fmt.Appendf(nil, `["%s",`, name)
				err = testenv.ReadTopic(ctx, client, testSchemas, func(r *kgo.Record) {
					if bytes.HasPrefix(r.Key, key) && r.Value != nil {
						values = append(values, r.Value)
					}
				})
				return values, err
			},
		},
		Started: func() {}, Doing: func(string) {}, BrokersAway: func() error { return nil },
		UsedTopic: func(string) error { return nil }, Retrying: func(error) {}, Happened: func(string, string) {},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	}
}

// makeOffsetsTopic makes the offsets topic, as the runtime does.
func makeOffsetsTopic(client func(...kgo.Opt) (*kgo.Client, error)) error {
	c, err := client()
	if err != nil {
		return err
	}
	defer c.Close()
	compact := "compact"
	_, err = kafka.MakeTopic(context.Background(), kadm.NewClient(c), testOffsets, 4, 1,
		map[string]*string{"cleanup.policy": &compact})
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// readOffsets reads the last committed offset of each partition of a connector.
func readOffsets(ctx context.Context, client func(...kgo.Opt) (*kgo.Client, error),
	name string) (map[string][]byte, error) {
	out := make(map[string][]byte)
	records, err := readTopic(ctx, client, testOffsets)
	for _, r := range records {
		if n, partition, err := connector.ParseOffsetKey(r.Key); err == nil && n == name {
			out[string(partition)] = r.Value
		}
	}
	return out, err
}

// readTopic reads a topic's committed records up to its end, waiting for transactions that are open
// there; none if there is no such topic.
func readTopic(ctx context.Context, client func(...kgo.Opt) (*kgo.Client, error),
	topic string) (out []*kgo.Record, err error) {
	err = testenv.ReadTopic(ctx, client, topic, func(r *kgo.Record) { out = append(out, r) })
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		err = nil
	}
	return out, err
}

// stop ends the task in order and returns what Run returned.
func (c *capture) stop(t testing.TB) error {
	t.Helper()
	c.cancel()
	select {
	case err := <-c.done:
		c.done <- err
		return err
	case <-time.After(30 * time.Second):
		t.Error("the task did not stop within 30 s")
		return nil
	}
}

// event is a change event as the tests look at it.
type event struct {
	Op     string
	Before map[string]any
	After  map[string]any
	Source struct {
		Snapshot string
		Table    string
		LSN      uint64
		TxID     uint64
	}
	key       string
	tombstone bool
	headers   map[string]string
	partition int32
}

// records reads a topic's committed records.
func records(t testing.TB, topic string) []*kgo.Record {
	t.Helper()
	out, err := readTopic(t.Context(), func(o ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(servers.kafka.Bootstrap)}, o...)...)
	}, topic)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// events reads a topic's committed events.
func events(t testing.TB, topic string) []event {
	t.Helper()
	var out []event
	for _, r := range records(t, topic) {
		e := event{key: string(r.Key), tombstone: r.Value == nil, headers: make(map[string]string), partition: r.Partition}
		for _, h := range r.Headers {
			e.headers[h.Key] = string(h.Value)
		}
		if r.Value != nil {
			if err := json.Unmarshal(r.Value, &e); err != nil {
				t.Fatalf("%s: %v", r.Value, err)
			}
		}
		out = append(out, e)
	}
	return out
}

// await waits until a topic has n committed events and returns them; more than n fail the test.
func await(t testing.TB, topic string, n int) []event {
	t.Helper()
	var got []event
	testenv.Eventually(t, 60*time.Second, fmt.Sprintf("%d events in %s", n, topic), func(context.Context) error {
		if got = events(t, topic); len(got) < n {
			return fmt.Errorf("%d are there", len(got))
		}
		return nil
	})
	if len(got) > n {
		t.Fatalf("%d events in %s, want %d: %+v", len(got), topic, n, got)
	}
	return got
}

// workerWithoutBroker serves what a worker knows of its plugins by itself.
func workerWithoutBroker(t *testing.T) connectorv1.ConnectorServiceServer {
	t.Helper()
	plugins, err := Plugins(Options{})
	if err != nil {
		t.Fatal(err)
	}
	worker, err := runtime.New(runtime.Config{Kafka: []kgo.Opt{kgo.SeedBrokers("localhost:1")}, GroupID: "g",
		Settings: runtime.Settings{WorkerID: "w"}, Plugins: plugins})
	if err != nil {
		t.Fatal(err)
	}
	return api.New(worker)
}
