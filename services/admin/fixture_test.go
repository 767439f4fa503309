package admin

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/api"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// system is two fleets of one real worker each, whose connectors move nothing, a generator, and an admin over them.
type system struct {
	// broker is the Kafka of all workers.
	broker                *kfake.Cluster
	capture, sink, orders string // gRPC addresses
	grpc                  string // admin's
	http                  string // admin's, as a URL
	connection            *grpc.ClientConn
	log                   *lockedBuffer

	captures *captures
	sinks    *sinks
	// tls is what the workers serve with, and the test's own certificate.
	tls  rpc.TLS
	stop map[string]func() // by fleet
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs a system; change, if not nil, adapts admin's configuration.
func start(t *testing.T, change func(*Config)) *system {
	t.Helper()
	return startWith(t, rpc.TLS{}, change)
}

// startWith runs a system whose parts speak TLS.
func startWith(t *testing.T, files rpc.TLS, change func(*Config)) *system {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	s := &system{tls: files, broker: broker, captures: &captures{}, sinks: &sinks{}, stop: map[string]func(){},
		log: &lockedBuffer{}}
	s.capture = s.runFleet(t, broker, "capture", connector.Source, "test.SourceConnector", func(server *rpc.Server) {
		capturev1.RegisterCaptureServiceServer(server, s.captures)
		tablev1.RegisterTableServiceServer(server, comparables{names: []string{"a", "broken", "z"}})
	})
	s.sink = s.runFleet(t, broker, "sink", connector.Sink, "test.SinkConnector", func(server *rpc.Server) {
		sinkv1.RegisterSinkServiceServer(server, s.sinks)
		tablev1.RegisterTableServiceServer(server, comparables{names: []string{"a", "broken", "z"}})
	})
	generator := rpc.NewServer(rpc.Config{TLS: files.ServerOfServices()})
	ordersv1.RegisterOrdersServiceServer(generator, orders{})
	s.orders, s.stop["orders-generator"] = serve(t, generator)

	tel, err := telemetry.Start(t.Context(), "admin", "test", telemetry.WithLogOutput(s.log))
	if err != nil {
		t.Fatal(err)
	}
	httpPort := testenv.Port(t)
	cfg := Config{
		GRPCAddress:   fmt.Sprintf("127.0.0.1:%d", testenv.Port(t)),
		HTTPAddresses: []string{fmt.Sprintf("127.0.0.1:%d", httpPort), "127.0.0.1:0"},
		Capture:       []string{s.capture}, Sink: []string{s.sink}, Orders: s.orders,
		TLS: files, Telemetry: tel,
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	s.grpc, s.http = cfg.GRPCAddress, fmt.Sprintf("http://127.0.0.1:%d", httpPort)
	if s.connection, err = grpc.NewClient("dns:///"+s.grpc, files.Dial()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.connection.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		_ = tel.Shutdown(context.Background())
	})
	testenv.Eventually(t, 30*time.Second, "the system", func(ctx context.Context) error {
		for _, address := range []string{s.capture, s.sink, s.grpc} {
			if err := files.CheckHealth(ctx, address); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func (s *system) connectors() connectorv1.ConnectorServiceClient {
	return connectorv1.NewConnectorServiceClient(s.connection)
}

// create makes a connector and fails the test if that fails.
func (s *system) create(t *testing.T, name, class string, config map[string]string) {
	t.Helper()
	full := map[string]string{"connector.class": class}
	for k, v := range config {
		full[k] = v
	}
	if _, err := s.connectors().CreateConnector(t.Context(),
		&connectorv1.CreateConnectorRequest{Name: name, Config: full}); err != nil {
		t.Fatal(err)
	}
}

// await waits until a connector and its one task are in a state.
func (s *system) await(t *testing.T, name string, state connectorv1.State) {
	t.Helper()
	testenv.Eventually(t, time.Minute, fmt.Sprintf("%s to be %v", name, state), func(ctx context.Context) error {
		r, err := s.connectors().GetConnectorStatus(ctx, &connectorv1.GetConnectorStatusRequest{Name: name})
		if err != nil {
			return err
		}
		if r.Status.State != state || state == connectorv1.State_STATE_RUNNING &&
			(len(r.Status.Tasks) != 1 || r.Status.Tasks[0].State != state) {
			return fmt.Errorf("status is %v", r.Status)
		}
		return nil
	})
}

// runFleet runs one worker whose connectors wait until they are stopped.
func (s *system) runFleet(t *testing.T, broker *kfake.Cluster, name string, kind connector.Type, class string,
	register func(*rpc.Server)) string {
	t.Helper()
	keys := append([]catalogue.Key{{Name: "topic.prefix", Type: catalogue.String},
		{Name: "secret.password", Type: catalogue.Password}}, catalogue.SourceFramework()...)
	if kind == connector.Sink {
		keys = catalogue.SinkFramework()
	}
	c, err := catalogue.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	worker, err := runtime.New(runtime.Config{
		Kafka: []kgo.Opt{kgo.SeedBrokers(broker.ListenAddrs()...)}, GroupID: "calypso-" + name,
		Settings: runtime.Settings{WorkerID: name + ":1", Secrets: secret.Settings{RevealSecrets: true}}, Partitions: 4,
		Plugins: []connector.Plugin{{
			Class: class, Aliases: []string{"alias." + class}, Type: kind, Version: "test", Catalogue: c,
			Repeats: []string{"rows come twice into a table"},
			Tasks:   func(catalogue.Values) (int, error) { return 1, nil },
			NewTask: func(connector.TaskEnv, catalogue.Values) (connector.Task, error) {
				return waiting{}, nil
			},
		}},
		Logger: telemetry.NewLogger(s.log, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(rpc.Config{TLS: s.tls.ServerOfServices(), Ready: worker.Ready, Version: "1.2.3",
		Tasks: worker.Running})
	connectorv1.RegisterConnectorServiceServer(server, api.New(worker))
	register(server)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := worker.Run(ctx); err != nil {
			t.Errorf("worker of %s: %v", name, err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	address, stop := serve(t, server)
	s.stop[name] = stop
	return address
}

// serve runs a gRPC server on a free port until stop is called or the test ends.
func serve(t *testing.T, server *rpc.Server) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(ctx, listener); err != nil {
			t.Errorf("serving: %v", err)
		}
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return listener.Addr().String(), stop
}

type waiting struct{}

func (waiting) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// captures and sinks answer what a test sets.
type captures struct {
	capturev1.UnimplementedCaptureServiceServer
	mu       sync.Mutex
	all      []*capturev1.Capture
	snapshot *capturev1.IncrementalSnapshot
}

func (c *captures) set(all ...*capturev1.Capture) { c.mu.Lock(); c.all = all; c.mu.Unlock() }

func (c *captures) GetCapture(_ context.Context, q *capturev1.GetCaptureRequest) (*capturev1.GetCaptureResponse,
	error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.all {
		if one.Connector == q.Connector {
			return &capturev1.GetCaptureResponse{Capture: one}, nil
		}
	}
	return nil, rpc.Error(codes.NotFound, "CONNECTOR_NOT_FOUND", "no such capture")
}

func (c *captures) ListCaptures(context.Context, *capturev1.ListCapturesRequest) (*capturev1.ListCapturesResponse,
	error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &capturev1.ListCapturesResponse{Captures: c.all}, nil
}

// AcknowledgeLosses returns how many there are, and takes none back.
func (c *captures) AcknowledgeLosses(ctx context.Context,
	q *capturev1.AcknowledgeLossesRequest) (*capturev1.AcknowledgeLossesResponse, error) {
	of, err := c.GetCapture(ctx, &capturev1.GetCaptureRequest{Connector: q.Connector})
	if err != nil {
		return nil, err
	}
	r := &capturev1.AcknowledgeLossesResponse{}
	for _, f := range of.Capture.BackgroundFailures {
		if f.Lasts && (q.Work == "" || q.Work == f.Work) {
			r.Acknowledged++
		}
	}
	return r, nil
}

// SignalSnapshot shows the tables of the signal as what is being read.
func (c *captures) SignalSnapshot(ctx context.Context,
	q *capturev1.SignalSnapshotRequest) (*capturev1.SignalSnapshotResponse, error) {
	if _, err := c.GetCapture(ctx, &capturev1.GetCaptureRequest{Connector: q.Connector}); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch q.Action {
	case capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE:
		c.snapshot = &capturev1.IncrementalSnapshot{}
		for _, t := range q.Tables {
			c.snapshot.Tables = append(c.snapshot.Tables, &capturev1.IncrementalTable{Table: t.Pattern, Condition: t.Condition,
				State: capturev1.IncrementalTable_STATE_READING, RowsEstimated: -1, MaxKey: []string{"9"}, LastKey: []string{"4"}})
		}
	case capturev1.SnapshotAction_SNAPSHOT_ACTION_PAUSE:
		c.snapshot.Paused = true
	case capturev1.SnapshotAction_SNAPSHOT_ACTION_RESUME:
		c.snapshot.Paused = false
	case capturev1.SnapshotAction_SNAPSHOT_ACTION_STOP:
		c.snapshot = nil
	default:
		return nil, rpc.InvalidField("action", "no action")
	}
	return &capturev1.SignalSnapshotResponse{Incremental: c.snapshot}, nil
}

func (c *captures) GetSnapshotProgress(context.Context,
	*capturev1.GetSnapshotProgressRequest) (*capturev1.GetSnapshotProgressResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &capturev1.GetSnapshotProgressResponse{Initial: []*capturev1.TableSnapshot{{Table: "retail.orders_info",
		RowsDone: 12, Completed: true}}, Incremental: c.snapshot}, nil
}

// ListCapturedTables and ListSchemaVersions show one table that has changed once.
func (c *captures) ListCapturedTables(ctx context.Context,
	q *capturev1.ListCapturedTablesRequest) (*capturev1.ListCapturedTablesResponse, error) {
	if _, err := c.GetCapture(ctx, &capturev1.GetCaptureRequest{Connector: q.Connector}); err != nil {
		return nil, err
	}
	return &capturev1.ListCapturedTablesResponse{Tables: []*capturev1.CapturedTable{{Table: "retail.orders_info",
		Topic: "shop.retail.orders_info",
		State: capturev1.CapturedTable_STATE_STREAMING, RowsInserted: 7, SchemaVersion: 2, ReplicaIdentity: "DEFAULT",
		Warnings: []string{"It has no key."}}}}, nil
}

func (c *captures) ListSchemaVersions(ctx context.Context,
	q *capturev1.ListSchemaVersionsRequest) (*capturev1.ListSchemaVersionsResponse, error) {
	if _, err := c.GetCapture(ctx, &capturev1.GetCaptureRequest{Connector: q.Connector}); err != nil {
		return nil, err
	}
	if q.Table != "" && q.Table != "retail.orders_info" {
		return &capturev1.ListSchemaVersionsResponse{}, nil
	}
	return &capturev1.ListSchemaVersionsResponse{Versions: []*capturev1.SchemaVersion{
		{Table: "retail.orders_info", Version: 2, Lsn: "0/2A", Compatibility: capturev1.Compatibility_COMPATIBILITY_BREAKING,
			Changes: []*capturev1.SchemaChange{{Kind: capturev1.SchemaChange_KIND_COLUMN_DROPPED, Column: "city", From: "text",
				Breaking: true}}},
		{Table: "retail.orders_info", Version: 1, Lsn: "0/10",
			Columns: []*capturev1.SchemaColumn{{Name: "orderid", Type: "integer", KeyPlace: 1}}},
	}}, nil
}

type sinks struct {
	sinkv1.UnimplementedSinkServiceServer
	mu      sync.Mutex
	all     []*sinkv1.Sink
	letters []*sinkv1.DeadLetter
	edits   []*sinkv1.DeadLetterEdit
	proven  []*sinkv1.ProvenOffset
}

func (c *sinks) GetProvenOffsets(context.Context,
	*sinkv1.GetProvenOffsetsRequest) (*sinkv1.GetProvenOffsetsResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &sinkv1.GetProvenOffsetsResponse{Offsets: c.proven}, nil
}

// ListDeadLetters, ReplayDeadLetters and DiscardDeadLetters know ids only. A replay refuses a
// letter whose reason is "forever".
func (c *sinks) ListDeadLetters(_ context.Context,
	q *sinkv1.ListDeadLettersRequest) (*sinkv1.ListDeadLettersResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &sinkv1.ListDeadLettersResponse{}
	for _, l := range c.letters {
		if f := q.GetFilter(); (f.GetClass() == 0 || f.GetClass() == l.Class) &&
			(len(f.GetIds()) == 0 || slices.Contains(f.GetIds(), l.Id)) {
			r.Letters = append(r.Letters, l)
		}
	}
	r.Total = int64(len(r.Letters))
	return r, nil
}

func (c *sinks) take(f *sinkv1.DeadLetterFilter, all bool) (taken []*sinkv1.DeadLetter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.letters = slices.DeleteFunc(c.letters, func(l *sinkv1.DeadLetter) bool {
		chosen := all || slices.Contains(f.GetIds(), l.Id)
		if chosen {
			taken = append(taken, l)
		}
		return chosen
	})
	return taken
}

func (c *sinks) ReplayDeadLetters(_ context.Context,
	q *sinkv1.ReplayDeadLettersRequest) (*sinkv1.ReplayDeadLettersResponse, error) {
	r := &sinkv1.ReplayDeadLettersResponse{}
	for _, l := range c.take(q.Filter, q.All) {
		if l.Reason == "forever" && len(q.Edits) == 0 {
			r.Refused = append(r.Refused, l)
			r.RefusedTotal++
		} else {
			r.Replayed++
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.edits = append(c.edits, q.Edits...)
	return r, nil
}

func (c *sinks) DiscardDeadLetters(_ context.Context,
	q *sinkv1.DiscardDeadLettersRequest) (*sinkv1.DiscardDeadLettersResponse, error) {
	return &sinkv1.DiscardDeadLettersResponse{Discarded: int64(len(c.take(q.Filter, q.All)))}, nil
}

// AcknowledgeNotices returns how many notices match, and takes none back.
func (c *sinks) AcknowledgeNotices(_ context.Context,
	q *sinkv1.AcknowledgeNoticesRequest) (*sinkv1.AcknowledgeNoticesResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &sinkv1.AcknowledgeNoticesResponse{}
	if !slices.ContainsFunc(c.all, func(s *sinkv1.Sink) bool { return s.Connector == q.Connector }) {
		return nil, rpc.Error(codes.NotFound, "CONNECTOR_NOT_FOUND", "no such sink")
	}
	for _, s := range c.all {
		for _, n := range s.Notices {
			if s.Connector == q.Connector && (q.Kind == 0 || q.Kind == n.Kind) && (q.Topic == "" || q.Topic == n.Topic) {
				r.Acknowledged++
			}
		}
	}
	return r, nil
}

func (c *sinks) set(all ...*sinkv1.Sink) { c.mu.Lock(); c.all = all; c.mu.Unlock() }

func (c *sinks) GetSink(_ context.Context, q *sinkv1.GetSinkRequest) (*sinkv1.GetSinkResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.all {
		if one.Connector == q.Connector {
			return &sinkv1.GetSinkResponse{Sink: one}, nil
		}
	}
	return nil, rpc.Error(codes.NotFound, "CONNECTOR_NOT_FOUND", "no such sink")
}

func (c *sinks) ListSinks(context.Context, *sinkv1.ListSinksRequest) (*sinkv1.ListSinksResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &sinkv1.ListSinksResponse{Sinks: c.all}, nil
}

type orders struct {
	ordersv1.UnimplementedOrdersServiceServer
}

func (orders) SetRate(_ context.Context, q *ordersv1.SetRateRequest) (*ordersv1.SetRateResponse, error) {
	return &ordersv1.SetRateResponse{Statistics: &ordersv1.Statistics{Rate: q.Rate}}, nil
}

func (orders) GetStatistics(context.Context, *ordersv1.GetStatisticsRequest) (*ordersv1.GetStatisticsResponse, error) {
	return &ordersv1.GetStatisticsResponse{Statistics: &ordersv1.Statistics{Inserted: 42}}, nil
}
