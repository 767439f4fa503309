package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/calypso-cdc/calypso/services/sink/internal/membership"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/reexec"
)

// servers are what the package's tests share: each test has topics and tables of its own.
var servers struct {
	kafka *testenv.Kafka
	adx   *adx
	// missing is why there are none.
	missing error
}

// needServers leaves out a test of whole tasks where there is nothing to run them against.
func needServers(t *testing.T) {
	t.Helper()
	if servers.missing != nil {
		t.Skip("left out, for localadx cannot be run:", servers.missing)
	}
}

func TestMain(m *testing.M) {
	reexec.Run()
	code := runTests(m)
	if err := leaks(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// leaks says which goroutines have not ended in a minute after the tests.
func leaks() (err error) {
	// Asked for the ingestion resources of a cluster that is away, the SDK sleeps in fixed pauses
	// that look at no context. See kusto.Client.Enqueue.
	asleep := goleak.IgnoreAnyFunction(
		"github.com/Azure/azure-kusto-go/azkustoingest/internal/resources.(*Manager).fetchRetry")
	for deadline := time.Now().Add(time.Minute); ; {
		if err = goleak.Find(asleep); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// runTests runs the tests with the servers. Where localadx cannot be run, those that need none of
// them run all the same.
func runTests(m *testing.M) int {
	ctx := context.Background()
	var err error
	if servers.adx, servers.missing = startADX(ctx); servers.missing != nil {
		return m.Run()
	}
	defer servers.adx.close()
	if servers.kafka, err = testenv.StartKafka(ctx, testenv.KafkaConfig{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer servers.kafka.Close()
	if !servers.kafka.Real {
		fmt.Fprintln(os.Stderr, servers.kafka.Notice)
	}
	return m.Run()
}

// worker says what a process runs until it is killed.
type worker struct {
	// Brokers are where the connector's records come from.
	Brokers string
	Config  map[string]string
	// Replay has the process replay the connector's dead letters in place of running its tasks.
	Replay bool
}

var workerProcess = reexec.New("sink", func(w worker) error {
	board := status.NewRegistry()
	board.Memory.Limited = LimitHeap
	t, err := makeTaskOn(board, w.Brokers, w.Config, 0, func(error) {})
	if err != nil {
		return err
	}
	if w.Replay {
		service, err := serviceOf(t, w.Config)
		if err != nil {
			return err
		}
		_, err = service.ReplayDeadLetters(context.Background(),
			&sinkv1.ReplayDeadLettersRequest{Connector: w.Config["name"], All: true})
		return err
	}
	ended := make(chan error, 1)
	for number := 1; number < tasksOf(w.Config); number++ {
		other, err := makeTaskOn(t.o.Registry, w.Brokers, w.Config, number, func(error) {})
		if err != nil {
			return err
		}
		go func() { ended <- other.Run(context.Background()) }()
	}
	go func() { ended <- t.Run(context.Background()) }()
	return <-ended
})

// tasksOf is how many tasks a connector has.
func tasksOf(config map[string]string) int {
	n, err := strconv.Atoi(config["tasks.max"])
	if err != nil {
		return 1
	}
	return n
}

// internalTopic is a key of configurations that names a topic of the runtime's own.
const internalTopic = "test.internal.topic"

// setup is what a test has otherwise than usual in a task's options and environment.
type setup func(*Options, *connector.TaskEnv)

// makeTask makes a task as the runtime does.
func makeTask(brokers string, config map[string]string, number int, retrying func(error),
	with ...setup) (*task, error) {
	return makeTaskOn(nil, brokers, config, number, retrying, with...)
}

// makeTaskOn makes a task of a process with a registry.
func makeTaskOn(registry *status.Registry, brokers string, config map[string]string, number int, retrying func(error),
	with ...setup) (*task, error) {
	o := Options{Registry: registry, Failpoints: failpoint.Parse(os.Getenv(failpoint.Variable))}
	if err := o.complete(); err != nil {
		return nil, err
	}
	keys, err := spec.Keys()
	if err != nil {
		return nil, err
	}
	values, _, problems := keys.Parse(config)
	for _, p := range problems {
		err = errors.Join(err, errors.New(p.Key+": "+p.Message))
	}
	if err != nil {
		return nil, err
	}
	env := connector.TaskEnv{
		Started: func() {}, Doing: func(string) {},
		Connector: config["name"], Task: number, Tasks: 1, WorkerID: "test",
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(strings.Split(brokers, ",")...)}, opts...)...)
		},
		Note: func(_ context.Context, name string, note json.RawMessage) error {
			return noted.write(config["name"], name, note)
		},
		Notes:          func() map[string]json.RawMessage { return noted.of(config["name"]) },
		InternalTopics: []string{config[internalTopic]},
		UsedTopic: func(topic string) error {
			if topic == config[internalTopic] {
				return fmt.Errorf("topic %s is internal", topic)
			}
			return nil
		}, Retrying: retrying, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, c := range with {
		c(&o, &env)
	}
	return newTask(env, values, o)
}

// noted are the notes of connectors, which outlive their tasks as those in the status topic do.
var noted = notebook{notes: map[string]map[string]json.RawMessage{}, broken: map[string]bool{},
	refused: map[string]int{}}

type notebook struct {
	mu    sync.Mutex
	notes map[string]map[string]json.RawMessage
	// broken are connectors whose notes cannot be written.
	broken map[string]bool
	// refused counts the notes that could not be.
	refused map[string]int
}

func (b *notebook) write(connector, name string, note json.RawMessage) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken[connector] {
		b.refused[connector]++
		return errors.New("the notes cannot be written")
	}
	if b.notes[connector] == nil {
		b.notes[connector] = map[string]json.RawMessage{}
	}
	if b.notes[connector][name] = note; note == nil {
		delete(b.notes[connector], name)
	}
	return nil
}

func (b *notebook) of(connector string) map[string]json.RawMessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.notes[connector])
}

// breakNotes has no note of the connector be written until it is fixed.
func (s *fixture) breakNotes() (fix func()) {
	set := func(broken bool) {
		noted.mu.Lock()
		defer noted.mu.Unlock()
		noted.broken[s.name] = broken
	}
	set(true)
	return func() { set(false) }
}

// adx is a localadx process behind a proxy that injects faults.
type adx struct {
	process *testenv.Process
	client  *kusto.Client
	caFile  string
	url     string
	dir     string
	http    *httptest.Server
	https   *httptest.Server

	mu    sync.Mutex
	fault func(r *http.Request) fault
	kept  []func()
	// judge gives the error code that the service ends each ingestion into a table with; empty as it is.
	judge func(table string) string
}

// fault is what happens to a request.
type fault int

const (
	pass fault = iota
	// refuse answers 503 without passing the request on; throttle 429; drop cuts the connection.
	refuse
	throttle
	drop
	// lose passes the request on and cuts the connection instead of answering.
	lose
	// hang answers nothing, as a server does that is stopped.
	hang
	// forbid answers as ADX does where a role is missing.
	forbid
	// fail answers with a failure of the service's own that it calls permanent.
	fail
	// keep answers as a queue does that has taken a message, which comes out of it when the test releases it.
	keep
	// answer answers an ingestion with the code that judge gives for the table that the request names.
	answer
)

func startADX(ctx context.Context, more ...string) (_ *adx, err error) {
	binary, err := testenv.Build(ctx, "localadx")
	if err != nil {
		return nil, err
	}
	a := &adx{}
	if a.dir, err = os.MkdirTemp("", "sink-adx-"); err != nil {
		return nil, err
	}
	plain, err := testenv.FreePort()
	if err != nil {
		return nil, err
	}
	secure, err := testenv.FreePort()
	if err != nil {
		return nil, err
	}
	a.http = httptest.NewServer(a.proxy(plain))
	a.https = httptest.NewTLSServer(a.proxy(plain))
	a.url = a.http.URL
	a.caFile = filepath.Join(a.dir, "proxy-ca.pem")
	if err := os.WriteFile(a.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.https.Certificate().Raw}),
		0o600); err != nil {
		return nil, err
	}
	a.process, err = testenv.StartProcess(testenv.Command{Path: binary, Log: filepath.Join(a.dir, "log"),
		Args: append([]string{
			"--http", fmt.Sprintf("localhost:%d", plain), "--https", fmt.Sprintf("localhost:%d", secure), "--data",
			filepath.Join(a.dir, "data"),
			"--database", "shop", "--max-batching-time", "300ms", "--storage-url", a.https.URL, "--log-level", "warn",
			// the variable is read here so that results are cached by it
			"--like-adx", os.Getenv(testenv.LikeADX), "--storage-life", "15s",
		}, more...)})
	if err != nil {
		return nil, err
	}
	endpoints, err := kusto.DeriveEndpoints(fmt.Sprintf("http://localhost:%d", plain), "")
	if err != nil {
		return nil, err
	}
	if a.client, err = kusto.New(kusto.Config{Endpoints: endpoints,
		Auth: kusto.Auth{Strategy: kusto.NoAuth}}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return a, testenv.WaitFor(ctx, "localadx", func(ctx context.Context) error {
		_, err := a.client.Manage(ctx, "shop", ".show tables")
		return err
	})
}

func (a *adx) close() {
	a.http.Close()
	a.https.Close()
	a.client.Close()
	_ = a.process.Stop(os.Interrupt, 10*time.Second)
	_ = os.RemoveAll(a.dir)
}

// inject sets what happens to requests until the test ends.
func (a *adx) inject(t *testing.T, f func(*http.Request) fault) {
	needServers(t)
	set := func(f func(*http.Request) fault) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.fault = f
	}
	set(f)
	t.Cleanup(func() { set(nil) })
}

// release passes on the messages that were kept and returns how many they were.
func (a *adx) release() int {
	a.mu.Lock()
	kept := a.kept
	a.kept = nil
	a.mu.Unlock()
	for _, pass := range kept {
		pass()
	}
	return len(kept)
}

// instead has the test use a localadx of its own, started with these arguments.
func instead(t *testing.T, arguments ...string) {
	t.Helper()
	needServers(t)
	other, err := startADX(t.Context(), arguments...)
	if err != nil {
		t.Fatal(err)
	}
	usual := servers.adx
	servers.adx = other
	t.Cleanup(func() {
		servers.adx = usual
		other.close()
	})
}

func (a *adx) proxy(port int) http.Handler {
	to := &url.URL{Scheme: "http", Host: "localhost:" + strconv.Itoa(port)}
	forward := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = to.Host },
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), ModifyResponse: a.ended,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		f := a.fault
		a.mu.Unlock()
		kind := pass
		if f != nil {
			kind = f(r)
		}
		switch kind {
		case pass:
			forward.ServeHTTP(w, r)
		case refuse:
			w.WriteHeader(http.StatusServiceUnavailable)
		case throttle:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case drop:
			panic(http.ErrAbortHandler)
		case answer:
			body, _ := io.ReadAll(r.Body)
			ingests := strings.Contains(r.URL.Path, "/v1/rest/ingest/") || bytes.Contains(body, []byte(".ingest inline"))
			if code := a.verdict(r.URL.Path + string(body)); ingests && code != "" {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				_, _ = fmt.Fprintf(w, `{"error":{"code":%q,"message":"as the test says","@permanent":true}}`, code)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			forward.ServeHTTP(w, r)
		case forbid:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w,
				`{"error":{"code":"Forbidden","message":"Caller is not authorized to perform this action","@permanent":true}}`)
		case fail:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w,
				`{"error":{"code":"General_InternalServerError","message":"Unknown error","@permanent":true}}`)
		case keep:
			body, _ := io.ReadAll(r.Body)
			message := r.Clone(context.Background())
			a.mu.Lock()
			a.kept = append(a.kept, func() {
				message.Body = io.NopCloser(bytes.NewReader(body))
				forward.ServeHTTP(httptest.NewRecorder(), message)
			})
			a.mu.Unlock()
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w,
				"<QueueMessagesList><QueueMessage><MessageId>kept</MessageId></QueueMessage></QueueMessagesList>")
		case hang:
			_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that its client left
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		case lose:
			forward.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
	})
}

// verdict is the code that judge gives for a table that a text names.
func (a *adx) verdict(text string) string {
	a.mu.Lock()
	judge := a.judge
	a.mu.Unlock()
	table := regexp.MustCompile(`Orders_\w+`).FindString(text)
	if judge == nil || table == "" {
		return ""
	}
	return judge(table)
}

// judged has judge decide how ingestions end until the test ends.
func (a *adx) judged(t *testing.T, judge func(table string) string) {
	needServers(t)
	set := func(judge func(string) string) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.judge = judge
	}
	set(judge)
	t.Cleanup(func() { set(nil) })
}

// ended changes what a table of statuses says of the end of an ingestion.
func (a *adx) ended(r *http.Response) error {
	if r.Request.Method != http.MethodGet || !strings.Contains(r.Request.URL.Path, "PartitionKey") {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var entity map[string]any
	if json.Unmarshal(body, &entity) == nil {
		table, _ := entity["Table"].(string)
		if code := a.verdict(table); code != "" && entity["Status"] != "Pending" && entity["Status"] != "Queued" {
			entity["Status"], entity["FailureStatus"], entity["ErrorCode"], entity["Details"] = "Failed", "Permanent", code,
				"as the test says"
			if body, err = json.Marshal(entity); err != nil {
				return err
			}
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// fixture is one test's connector, topic and table.
type fixture struct {
	t       *testing.T
	name    string
	topic   string
	table   string
	config  map[string]string
	kafka   *kgo.Client
	brokers string
	// started counts the tasks: each is a member of its own.
	started int
	// registry is what its tasks share with others'; one of their own if nil.
	registry *status.Registry
	// options are what the runtime adds to those of clients.
	options []kgo.Opt
}

func newFixture(t *testing.T, partitions int32, settings map[string]string) *fixture {
	t.Helper()
	needServers(t)
	id := strconv.FormatInt(time.Now().UnixNano(), 36)
	s := &fixture{t: t, name: "sink-" + id, topic: "s.retail.orders-" + id, table: "Orders_" + id,
		brokers: servers.kafka.Bootstrap}
	var err error
	if s.kafka, err = kgo.NewClient(kgo.SeedBrokers(servers.kafka.Bootstrap),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(s.topic),
		kgo.ProducerBatchMaxBytes(4<<20)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kafka.Close)
	if made, err := kadm.NewClient(s.kafka).CreateTopic(t.Context(), partitions, 1, nil, s.topic); err != nil ||
		made.Err != nil {
		t.Fatal(err, made.Err)
	}
	s.manage(".create table " + s.table +
		" (orderid: string, custid: string, city: string, amount: int, purchase_time: datetime)")
	s.manage(".create table " + s.table +
		` ingestion json mapping 'M' '[{"column":"orderid","Properties":{"path":"$.orderid"}},{"column":"custid","Properties":{"path":"$.custid"}},{"column":"city","Properties":{"path":"$.city"}},{"column":"amount","Properties":{"path":"$.amount"}},{"column":"purchase_time","Properties":{"path":"$.purchase_time"}}]'`)
	s.config = map[string]string{
		"name": s.name, "connector.class": Class, "topics": s.topic, "kusto.url": servers.adx.url,
		"kusto.tls.ca.file": servers.adx.caFile,
		"kusto.tables.topics.mapping": fmt.Sprintf(
			"[{'topic': '%s','db': 'shop', 'table': '%s','format': 'json', 'mapping':'M'}]", s.topic, s.table),
		"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
		"flush.size.bytes": "1000", "flush.interval.ms": "200", "flush.max.bytes": "20000",
	}
	for k, v := range settings {
		s.config[k] = v
	}
	return s
}

// intoItems sends the rows to a table of another name, which does not exist yet, without a mapping.
func (s *fixture) intoItems() {
	s.table = "Items_" + strings.TrimPrefix(s.table, "Orders_")
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(`[{"topic":"%s","db":"shop","table":"%s","format":"json"}]`,
		s.topic, s.table)
}

func (s *fixture) manage(command string) *kusto.Table {
	s.t.Helper()
	table, err := servers.adx.client.Manage(s.t.Context(), "shop", command)
	if err != nil {
		s.t.Fatalf("%s: %v", command, err)
	}
	return table
}

func order(id int) string {
	return fmt.Sprintf(
		`{"before":null,"after":{"orderid":%d,"custid":%d,"amount":%d,"city":"New York","purchase_time":"2026-01-02 03:04:05"},"source":{"lsn":%d,"ts_ms":1700000000000,"txId":5},"op":"c","ts_ms":1}`, id, id%1000, 100+id%100, id)
}

// produce writes the orders from to to-1, over all partitions in turn.
func (s *fixture) produce(from, to int, partitions int32) {
	s.t.Helper()
	records := make([]*kgo.Record, 0, to-from)
	for id := from; id < to; id++ {
		records = append(records, &kgo.Record{Partition: int32(id) % partitions,
			Key: []byte(fmt.Sprintf(`{"orderid":%d}`, id)), Value: []byte(order(id))})
	}
	s.send(records...)
}

func (s *fixture) send(records ...*kgo.Record) {
	s.t.Helper()
	if err := s.kafka.ProduceSync(s.t.Context(), records...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// running is a task under way.
type running struct {
	task   *task
	cancel context.CancelFunc
	ended  chan error
	// pipeline and membership are there once the task has joined its group.
	pipeline   atomic.Pointer[pipeline]
	membership atomic.Pointer[membership.Membership]

	mu      sync.Mutex
	retries []error
}

// start runs a task until the test ends or it is stopped.
func (s *fixture) start() *running {
	s.t.Helper()
	r := &running{ended: make(chan error, 1)}
	var err error
	if r.task, err = makeTaskOn(s.registry, s.brokers, s.config, s.started, func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.retries = append(r.retries, err)
	}); err != nil {
		s.t.Fatal(err)
	}
	s.started++
	connect := r.task.env.Kafka
	r.task.env.Kafka = func(options ...kgo.Opt) (*kgo.Client, error) { return connect(append(options, s.options...)...) }
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go r.run(ctx)
	s.t.Cleanup(func() { r.stop() })
	return r
}

// run runs the task.
func (r *running) run(ctx context.Context) {
	r.ended <- r.task.run(ctx, func(p *pipeline, m *membership.Membership) {
		r.membership.Store(m)
		r.pipeline.Store(p)
	})
}

// joined waits until the task is a member of its group, and returns what it runs with.
func (r *running) joined(t *testing.T) *pipeline {
	t.Helper()
	testenv.Eventually(t, time.Minute, "the task to join its group", func(context.Context) error {
		if r.pipeline.Load() == nil {
			return errors.New("it has not")
		}
		return nil
	})
	return r.pipeline.Load()
}

func (r *running) stop() error {
	r.cancel()
	err := <-r.ended
	r.ended <- err
	return err
}

// failure waits for the task to fail by itself.
func (r *running) failure(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		r.ended <- err
		if err == nil {
			t.Fatal("the task ended without an error")
		}
		return err
	case <-time.After(time.Minute):
		t.Fatal("the task did not fail")
	}
	return nil
}

// holds waits until the table has exactly the orders from 1 to n-1, each once.
func (s *fixture) holds(n int) {
	s.t.Helper()
	s.holdsIDs(func(yield func(int) bool) {
		for id := 1; id < n; id++ {
			if !yield(id) {
				return
			}
		}
	})
}

func (s *fixture) holdsIDs(ids func(func(int) bool)) {
	s.t.Helper()
	testenv.Eventually(s.t, 2*time.Minute, "the orders in "+s.table,
		func(ctx context.Context) error { return s.compare(ctx, ids) })
	// A repeated batch could still be on its way.
	time.Sleep(700 * time.Millisecond)
	if err := s.compare(s.t.Context(), ids); err != nil {
		s.t.Fatal(err)
	}
}

func (s *fixture) compare(ctx context.Context, ids func(func(int) bool)) error {
	got, err := servers.adx.client.Query(ctx, "shop", s.table+" | summarize n=count() by orderid | limit 400000")
	if err != nil {
		return err
	}
	count := map[string]string{}
	for _, r := range got.Rows {
		count[r[0]] = r[1]
	}
	want, missing := 0, 0
	for id := range ids {
		want++
		if count[strconv.Itoa(id)] == "" {
			missing++
		}
	}
	var repeated []string
	for id, n := range count {
		if n != "1" {
			repeated = append(repeated, id+"×"+n)
		}
	}
	if missing > 0 || len(repeated) > 0 || len(count) != want {
		return fmt.Errorf("%d of %d orders are missing, %d are there, repeated: %.20v", missing, want, len(count), repeated)
	}
	return nil
}

// committed is the group's committed offset of a partition, -1 if there is none.
func (s *fixture) committed(ctx context.Context, partition int32) (int64, error) {
	offsets, err := kadm.NewClient(s.kafka).FetchOffsets(ctx, "connect-"+s.name)
	if errors.Is(err, kerr.GroupIDNotFound) { // kfake, of a group that has no members and no offsets
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	o, ok := offsets.Lookup(s.topic, partition)
	if !ok {
		return -1, nil
	}
	return o.At, nil
}

// commits waits for the committed offset to become want.
func (s *fixture) commits(partition int32, want int64) {
	s.t.Helper()
	testenv.Eventually(s.t, time.Minute, "the committed offset", func(ctx context.Context) error {
		got, err := s.committed(ctx, partition)
		if err == nil && got != want {
			err = fmt.Errorf("committed %d, want %d", got, want)
		}
		return err
	})
}

// process runs the connector's tasks in a process of their own.
func (s *fixture) process() *reexec.Process {
	s.t.Helper()
	return workerProcess.Start(s.t, worker{Brokers: s.brokers, Config: s.config})
}

// dies runs the connector's tasks in a process of their own that kills itself at a failpoint, and waits for that.
func (s *fixture) dies(at string) {
	s.t.Helper()
	s.diesIn(at, worker{Brokers: s.brokers, Config: s.config})
}

// diesIn is dies for what a process runs.
func (s *fixture) diesIn(at string, w worker) {
	s.t.Helper()
	p := workerProcess.Start(s.t, w, failpoint.Variable+"="+at)
	var status *exec.ExitError
	if err := p.Ends(s.t, time.Minute); !errors.As(err, &status) || status.ExitCode() >= 0 {
		s.t.Fatalf("the process was not killed at %s: %v", at, err)
	}
}
