package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// source is a database of its own on the tests' PostgreSQL cluster, with a connection to change it.
type source struct {
	*testenv.Postgres
	db   string
	conn *pgx.Conn
}

// newSource creates a database.
func newSource(t testing.TB, pg *testenv.Postgres) *source {
	t.Helper()
	ctx := t.Context()
	db := fmt.Sprintf("t%d", time.Now().UnixNano())
	if err := pg.Exec(ctx, "postgres", "CREATE DATABASE "+db); err != nil {
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

// config is a connector's configuration for the source; set overrides it.
func (s *source) config(name string, set map[string]string) map[string]string {
	c := map[string]string{
		"name": name, "connector.class": Class, "database.hostname": s.Host, "database.port": fmt.Sprint(s.Port),
		"database.user": testenv.PostgresUser, "database.password": testenv.PostgresPassword, "database.dbname": s.db,
		"topic.prefix": s.db, "slot.name": s.db, "publication.name": s.db, "plugin.name": "pgoutput", "database.sslmode": "disable",
		"value.converter.schemas.enable": "false", "key.converter.schemas.enable": "false",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter": "org.apache.kafka.connect.json.JsonConverter",
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

const testOffsets = "calypso-offsets"

// start runs a connector until stop or the test's end.
func start(t testing.TB, brokers string, config map[string]string) *capture {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	c := &capture{cancel: cancel, done: make(chan error, 1)}
	task, err := makeTask(brokers, config, NewBoard(), func(err error) {
		if err != nil {
			c.mu.Lock()
			c.retries = append(c.retries, err)
			c.mu.Unlock()
		}
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() { c.done <- task.Run(ctx) }()
	t.Cleanup(func() { c.stop(t) })
	return c
}

// makeTask makes a task with what the runtime gives one: clients, and offsets read from their topic.
func makeTask(brokers string, config map[string]string, board *Board, retrying func(error)) (connector.Task, error) {
	plugin, err := Plugin(Options{Board: board})
	if err != nil {
		return nil, err
	}
	values, _, problems := plugin.Catalogue.Parse(config)
	if len(problems) > 0 {
		return nil, fmt.Errorf("configuration: %v", problems)
	}
	client := func(o ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers)}, o...)...)
	}
	if err := makeOffsetsTopic(client); err != nil {
		return nil, err
	}
	level := slog.LevelWarn
	if os.Getenv("CALYPSO_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	return plugin.NewTask(connector.TaskEnv{
		Connector: config["name"], Tasks: 1, WorkerID: "test:1", Kafka: client, OffsetsTopic: testOffsets,
		Offsets: func(ctx context.Context) (map[string][]byte, error) {
			return readOffsets(ctx, client, config["name"])
		},
		UsedTopic: func(string) {}, Retrying: retrying,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	}, values)
}

// makeOffsetsTopic makes the offsets topic, as the runtime does.
func makeOffsetsTopic(client func(...kgo.Opt) (*kgo.Client, error)) error {
	c, err := client()
	if err != nil {
		return err
	}
	defer c.Close()
	compact := "compact"
	r, err := kadm.NewClient(c).CreateTopic(context.Background(), 4, 1, map[string]*string{"cleanup.policy": &compact}, testOffsets)
	if err == nil && !errors.Is(r.Err, kerr.TopicAlreadyExists) {
		err = r.Err
	}
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// readOffsets reads the last committed offset of each partition of a connector.
func readOffsets(ctx context.Context, client func(...kgo.Opt) (*kgo.Client, error), name string) (map[string][]byte, error) {
	out := make(map[string][]byte)
	records, err := readTopic(ctx, client, testOffsets)
	for _, r := range records {
		if n, partition, err := connector.ParseOffsetKey(r.Key); err == nil && n == name {
			out[string(partition)] = r.Value
		}
	}
	return out, err
}

// readTopic reads a topic's committed records up to its end; none if there is no such topic.
func readTopic(ctx context.Context, client func(...kgo.Opt) (*kgo.Client, error), topic string) ([]*kgo.Record, error) {
	adm, err := client()
	if err != nil {
		return nil, err
	}
	defer adm.Close()
	ends, err := kadm.NewClient(adm).ListCommittedOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	left := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Err == nil && o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	if len(left) == 0 {
		return nil, nil
	}
	c, err := client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var out []*kgo.Record
	for len(left) > 0 {
		f := c.PollFetches(ctx)
		if err := f.Err(); err != nil {
			return nil, err
		}
		f.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				out = append(out, r)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return out, nil
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

// events reads a topic's committed events.
func events(t testing.TB, brokers, topic string) []event {
	t.Helper()
	records, err := readTopic(t.Context(), func(o ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers)}, o...)...)
	}, topic)
	if err != nil {
		t.Fatal(err)
	}
	var out []event
	for _, r := range records {
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
func await(t testing.TB, brokers, topic string, n int) []event {
	t.Helper()
	var got []event
	testenv.Eventually(t, 60*time.Second, fmt.Sprintf("%d events in %s", n, topic), func(context.Context) error {
		if got = events(t, brokers, topic); len(got) < n {
			return fmt.Errorf("%d are there", len(got))
		}
		return nil
	})
	if len(got) > n {
		t.Fatalf("%d events in %s, want %d: %+v", len(got), topic, n, got)
	}
	return got
}
