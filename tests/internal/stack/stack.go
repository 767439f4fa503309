package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
	"github.com/calypso-cdc/calypso/tests/internal/connect"
)

// Options say what to run. PostgreSQL and Kafka always run.
type Options struct {
	Postgres testenv.PostgresConfig
	Kafka    testenv.KafkaConfig
	// Capture and Sink run the two fleets and admin in front of them; Workers is how many workers each has, one if 0.
	Capture, Sink bool
	Workers       int
	// EventHubs puts a stand-in for Azure Event Hubs between Kafka and the services; none if nil.
	EventHubs *eventhubs.Config
	// ADX runs localadx.
	ADX bool
	// ADXProxied puts fault proxies in front of localadx: ADXProxy and StorageProxy.
	ADXProxied bool
	// Orders runs the orders-generator, stopped.
	Orders bool
	// Env is added to the environment of capture and sink, CaptureEnv and SinkEnv to that of one of
	// them, ADXEnv to that of localadx.
	Env, CaptureEnv, SinkEnv, ADXEnv []string
	// Prepare is called when Kafka runs and before the services do; nil for nothing.
	Prepare func(context.Context, *testenv.Kafka) error
}

// Stack is a running pipeline.
type Stack struct {
	Postgres *testenv.Postgres
	Kafka    *testenv.Kafka
	// ADXProxy is in front of localadx's commands and queries, StorageProxy in front of its storage; nil unless asked for.
	ADXProxy, StorageProxy *testenv.Proxy
	// EventHubs is what the services take for their broker; nil unless asked for.
	EventHubs *eventhubs.Namespace

	dir      string
	services map[string]*Service
	// order is the order in which services were started; they end in the reverse order.
	order []string
	// addresses of what the services serve, by a name such as "capture grpc".
	addresses map[string]string
	// worker is the environment that capture and sink share.
	worker []string
}

// Start runs a stack for a test. It skips the test where the servers cannot run.
func Start(t testing.TB, o Options) *Stack {
	t.Helper()
	s := &Stack{Postgres: testenv.RunPostgres(t, o.Postgres), Kafka: testenv.RunKafka(t, o.Kafka)}
	if err := s.start(t.Context(), o); err != nil {
		t.Fatal(errors.Join(err, s.stop()))
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, name := range s.order {
				t.Logf("the log of %s ends:\n%s", name, s.services[name].process.Tail(25))
			}
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// New runs a stack outside of a test; Close ends it.
func New(ctx context.Context, o Options) (_ *Stack, err error) {
	s := &Stack{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.Postgres, err = testenv.StartPostgres(ctx, o.Postgres); err != nil {
		return nil, err
	}
	if s.Kafka, err = testenv.StartKafka(ctx, o.Kafka); err != nil {
		return nil, err
	}
	return s, s.start(ctx, o)
}

// Close ends everything and removes the data.
func (s *Stack) Close() error {
	err := s.stop()
	if s.Kafka != nil {
		err = errors.Join(err, s.Kafka.Close())
	}
	if s.Postgres != nil {
		err = errors.Join(err, s.Postgres.Close())
	}
	return err
}

// stop kills the services; how they end on request is for other tests to see.
func (s *Stack) stop() error {
	for _, name := range s.order {
		if p := s.services[name].process; p != nil {
			p.Kill()
		}
	}
	if s.EventHubs != nil {
		s.EventHubs.Close()
	}
	for _, p := range []*testenv.Proxy{s.ADXProxy, s.StorageProxy} {
		if p != nil {
			p.Close()
		}
	}
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

func (s *Stack) start(ctx context.Context, o Options) (err error) {
	s.services, s.addresses = map[string]*Service{}, map[string]string{}
	if s.dir, err = os.MkdirTemp("", "calypso-stack-"); err != nil {
		return fmt.Errorf("make a directory for logs and data: %w", err)
	}
	for _, name := range []string{"admin grpc", "admin source", "admin sink", "capture grpc", "sink grpc", "orders grpc",
		"adx http", "adx https"} {
		port, err := testenv.FreePort()
		if err != nil {
			return err
		}
		s.addresses[name] = fmt.Sprintf("localhost:%d", port)
	}
	if o.Prepare != nil {
		if err := o.Prepare(ctx, s.Kafka); err != nil {
			return err
		}
	}
	brokers := s.Kafka.Bootstrap
	if s.Kafka.ProxiedBootstrap != "" {
		brokers = s.Kafka.ProxiedBootstrap
	}
	if s.Kafka.SecuredBootstrap != "" {
		brokers = s.Kafka.SecuredBootstrap
	}
	if o.EventHubs != nil {
		if s.EventHubs, err = eventhubs.Start(s.Kafka.Bootstrap, *o.EventHubs); err != nil {
			return err
		}
		brokers = s.EventHubs.Addr
	}
	if o.ADXProxied {
		if s.ADXProxy, err = testenv.StartProxy(s.addresses["adx http"]); err != nil {
			return err
		}
		if s.StorageProxy, err = testenv.StartProxy(s.addresses["adx https"]); err != nil {
			return err
		}
		o.ADXEnv = append(o.ADXEnv, "LOCALADX_STORAGE_URL=https://"+s.StorageProxy.Addr)
	}
	if o.ADX {
		if err := s.run(ctx, "localadx", []string{"adx http", "adx https"},
			append([]string{"LOCALADX_HTTP=" + s.addresses["adx http"],
				"LOCALADX_HTTPS=" + s.addresses["adx https"], "LOCALADX_DATA=" + filepath.Join(s.dir, "adx")},
				o.ADXEnv...)...); err != nil {
			return err
		}
	}
	s.worker = append([]string{"BOOTSTRAP_SERVERS=" + brokers, "HTTP_ADDRESS=127.0.0.1:0",
		"KUSTO_CA_FILE=" + s.ADXAuthority()}, o.Env...) // localadx's storage has a certificate of its own making
	if o.Capture {
		if err := s.run(ctx, "capture", []string{"capture grpc"},
			append(append(slices.Clip(s.worker), o.CaptureEnv...), "GRPC_ADDRESS="+s.addresses["capture grpc"])...); err != nil {
			return err
		}
	}
	if o.Sink {
		if err := s.run(ctx, "sink", []string{"sink grpc"},
			append(append(slices.Clip(s.worker), o.SinkEnv...), "GRPC_ADDRESS="+s.addresses["sink grpc"])...); err != nil {
			return err
		}
	}
	workers := map[string][]string{"capture": {s.addresses["capture grpc"]}, "sink": {s.addresses["sink grpc"]}}
	for n := 2; n <= o.Workers; n++ {
		for _, fleet := range []string{"capture", "sink"} {
			if fleet == "capture" && !o.Capture || fleet == "sink" && !o.Sink {
				continue
			}
			name := fmt.Sprintf("%s %d", fleet, n)
			if _, err := s.Join(ctx, fleet, name); err != nil {
				return err
			}
			workers[fleet] = append(workers[fleet], s.addresses[name])
		}
	}
	orders := "none"
	if o.Orders {
		orders = s.addresses["orders grpc"]
		if err := s.run(ctx, "orders-generator", []string{"orders grpc"}, "PG_HOST="+s.Postgres.Host,
			fmt.Sprintf("PG_PORT=%d", s.Postgres.Port),
			"PG_USER="+testenv.PostgresUser, "PG_PASSWORD="+testenv.PostgresPassword, "PG_DB=postgres", "PG_SSLMODE=disable",
			"CALYPSO_STOPPED=true",
			"GRPC_ADDRESS="+s.addresses["orders grpc"], "HTTP_ADDRESS=127.0.0.1:0"); err != nil {
			return err
		}
	}
	if o.Capture || o.Sink {
		return s.run(ctx, "admin", []string{"admin source", "admin sink", "admin grpc"},
			"GRPC_ADDRESS="+s.addresses["admin grpc"],
			"HTTP_ADDRESSES="+strings.Join([]string{s.addresses["admin source"], s.addresses["admin sink"]}, ","),
			"CAPTURE_ADDRESSES="+strings.Join(workers["capture"], ","), "SINK_ADDRESSES="+strings.Join(workers["sink"], ","),
			"ORDERS_ADDRESS="+orders)
	}
	return nil
}

// Fleet is one worker of the capture or sink fleet, with an admin of its own in front of it.
type Fleet struct {
	Worker *Service
	// Connect is the Kafka Connect API in front of the worker.
	Connect connect.Client

	admin *Service
	dir   string
}

// Fleet runs one more worker, of "capture" or "sink", that shares nothing with those that run
// already but the broker: its group and its topics are its own.
func (s *Stack) Fleet(ctx context.Context, name string, env ...string) (_ *Fleet, err error) {
	f := &Fleet{}
	if f.dir, err = os.MkdirTemp("", "calypso-fleet-"); err != nil {
		return nil, fmt.Errorf("make a directory for logs: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	var ports [3]string
	for i := range ports {
		port, err := testenv.FreePort()
		if err != nil {
			return nil, err
		}
		ports[i] = fmt.Sprintf("localhost:%d", port)
	}
	id := filepath.Base(f.dir)
	if f.Worker, err = newService(ctx, f.dir, name, ports[:1],
		append([]string{"BOOTSTRAP_SERVERS=" + s.Kafka.Bootstrap, "HTTP_ADDRESS=127.0.0.1:0",
			"GRPC_ADDRESS=" + ports[0], "GROUP_ID=" + id, "CONFIG_TOPIC=" + id + "-configs", "STATUS_TOPIC=" + id + "-status",
			"OFFSETS_TOPIC=" + id + "-offsets"}, env...)...); err != nil {
		return nil, err
	}
	if err := f.Worker.Start(ctx); err != nil {
		return nil, err
	}
	if f.admin, err = newService(ctx, f.dir, "admin", ports[1:], "GRPC_ADDRESS="+ports[1], "HTTP_ADDRESSES="+ports[2],
		"CAPTURE_ADDRESSES="+ports[0], "SINK_ADDRESSES="+ports[0], "ORDERS_ADDRESS=none"); err != nil {
		return nil, err
	}
	f.Connect = connect.Client{URL: "http://" + ports[2]}
	return f, f.admin.Start(ctx)
}

// Close ends the worker and its admin.
func (f *Fleet) Close() error {
	for _, s := range []*Service{f.admin, f.Worker} {
		if s != nil && s.process != nil {
			s.Kill()
		}
	}
	return os.RemoveAll(f.dir)
}

// run builds and starts a service that listens at the named addresses.
func (s *Stack) run(ctx context.Context, name string, listens []string, env ...string) error {
	addresses := make([]string, len(listens))
	for i, l := range listens {
		addresses[i] = s.addresses[l]
	}
	service, err := newService(ctx, s.dir, name, addresses, env...)
	if err != nil {
		return err
	}
	if err := service.Start(ctx); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	s.services[name] = service
	s.order = append(s.order, name)
	return nil
}

// Service returns a running service by the name of its binary.
func (s *Stack) Service(name string) *Service { return s.services[name] }

// Address is where a service serves: "admin grpc", "admin source", "admin sink", "capture grpc",
// "sink grpc", "orders grpc", "adx http" or "adx https", as host:port.
func (s *Stack) Address(name string) string { return s.addresses[name] }

// Source is the Kafka Connect API at the port of the source side, Sink at that of the sink side.
func (s *Stack) Source() connect.Client {
	return connect.Client{URL: "http://" + s.addresses["admin source"]}
}

// Sink is the Kafka Connect API at the port of the sink side.
func (s *Stack) Sink() connect.Client {
	return connect.Client{URL: "http://" + s.addresses["admin sink"]}
}

// ADX is the address of localadx, not through its proxy.
func (s *Stack) ADX() string { return "http://" + s.addresses["adx http"] }

// ADXAuthority is the PEM file of the authority behind localadx's own certificate.
func (s *Stack) ADXAuthority() string { return filepath.Join(s.dir, "adx", "ca.pem") }

// Join runs one more worker, of "capture" or "sink", in the fleet that runs already, under the given name.
func (s *Stack) Join(ctx context.Context, fleet, name string) (*Service, error) {
	port, err := testenv.FreePort()
	if err != nil {
		return nil, err
	}
	s.addresses[name] = fmt.Sprintf("localhost:%d", port)
	w, err := newService(ctx, s.dir, fleet, []string{s.addresses[name]},
		append(s.worker, "GRPC_ADDRESS="+s.addresses[name])...)
	if err != nil {
		return nil, err
	}
	w.log = filepath.Join(s.dir, name+".log")
	if err := w.Start(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	s.services[name] = w
	s.order = append(s.order, name)
	return w, nil
}
