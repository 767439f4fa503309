package calypso

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/examples/orders"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/fleet"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/admin"
	"github.com/calypso-cdc/calypso/services/capture"
	ordersgenerator "github.com/calypso-cdc/calypso/services/orders-generator"
	"github.com/calypso-cdc/calypso/services/sink"
)

// Patience with a part that starts, and with the first orders: the use case's batches wait 30 s in the sink.
const (
	startPatience  = time.Minute
	ordersPatience = 2 * time.Minute
)

// system holds everything that Up has started. It belongs to one goroutine.
type system struct {
	settings *Settings
	version  string
	out      io.Writer
	progress *progress
	parts    *components

	logs      []*os.File
	telemetry []*telemetry.Telemetry
	source    *source
	target    *target
	brokers   []kgo.Opt
}

// Up starts everything, writes to out what it does and the addresses, and runs until ctx ends; then
// it stops everything in order and returns nil. An error says what is missing or which part ended.
func Up(ctx context.Context, s Settings, version string, out io.Writer) (err error) {
	if err := s.Validate(); err != nil {
		return err
	}
	// The embedded PostgreSQL may run as another user and must be able to pass through; nothing below
	// is readable for others.
	if err := os.MkdirAll(filepath.Join(s.Data, "logs"), 0o711); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	lock, err := lockData(s.Data)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := s.claimPorts(); err != nil {
		return err
	}
	sys := &system{settings: &s, version: version, out: out, progress: newProgress(out), parts: newComponents()}
	defer func() { err = errors.Join(err, sys.stop()) }()

	fmt.Fprintf(out, "Calypso %s starts.\n", version)
	err = sys.start(ctx)
	if err == nil {
		summarize(out, &s, sys.source, sys.target)
		err = sys.awaitOrders(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while starting
		}
		return err
	}
	return sys.awaitEnd(ctx)
}

// start runs the steps in the order in which they depend on each other.
func (sys *system) start(ctx context.Context) error {
	steps := []struct {
		what string
		do   func(context.Context, func(string)) (string, error)
	}{
		{"PostgreSQL", sys.startPostgres},
		{"Kafka", sys.startKafka},
		{"Azure Data Explorer", sys.startADX},
		{"capture", sys.startCapture},
		{"sink", sys.startSink},
		{"admin", sys.startAdmin},
	}
	if !sys.settings.NoOrders {
		steps = append(steps, []struct {
			what string
			do   func(context.Context, func(string)) (string, error)
		}{
			{"tables", sys.makeTables},
			{"connectors", sys.registerConnectors},
			{"orders generator", sys.startGenerator},
		}...)
	}
	for _, step := range steps {
		if err := sys.progress.step(step.what, func(note func(string)) (string, error) {
			return step.do(ctx, note)
		}); err != nil {
			return err
		}
	}
	return nil
}

func (sys *system) startPostgres(ctx context.Context, note func(string)) (string, error) {
	log, err := sys.log("postgres")
	if err != nil {
		return "", err
	}
	if sys.source, err = openSource(ctx, sys.settings, log, note); err != nil {
		return "", err
	}
	if server := sys.source.server; server != nil {
		sys.parts.start("PostgreSQL", func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return server.Stop()
			case <-server.Done():
				return fmt.Errorf("ended (%s); %s says why", server.Ending(), log.Name())
			}
		})
	}
	remark := fmt.Sprintf("%s at %s:%d", sys.source.Version, sys.source.Host, sys.source.Port)
	if sys.source.Remark != "" {
		remark += "; " + sys.source.Remark
	}
	return remark, nil
}

func (sys *system) startKafka(ctx context.Context, _ func(string)) (string, error) {
	remark := "at " + strings.Join(sys.settings.Brokers, ", ")
	addresses := sys.settings.Brokers
	if len(addresses) == 0 {
		b, err := startBroker(filepath.Join(sys.settings.Data, "kafka"), sys.settings.KafkaPort, brokerReserve)
		if err != nil {
			return "", err
		}
		sys.parts.start("Kafka", func(ctx context.Context) error {
			<-ctx.Done()
			b.stop()
			return nil
		})
		addresses, remark = []string{b.address}, "embedded broker at "+b.address
	}
	var err error
	if sys.brokers, err = (kafka.Config{Brokers: addresses}).Options("calypso", nil); err != nil {
		return "", err
	}
	client, err := kgo.NewClient(sys.brokers...)
	if err != nil {
		return "", fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := client.Ping(ctx); err != nil {
		return "", fmt.Errorf("connect to Kafka at %s: %w; see that --brokers is right and that the brokers run",
			strings.Join(addresses, ", "), err)
	}
	return remark, nil
}

func (sys *system) startADX(ctx context.Context, _ func(string)) (string, error) {
	if sys.settings.ADXURL == "" {
		tel, err := sys.observe(ctx, "localadx")
		if err != nil {
			return "", err
		}
		server, err := newLocalADX(ctx, sys.settings, tel.Logger)
		if err != nil {
			return "", err
		}
		part := sys.parts.start("local Azure Data Explorer", server.Run)
		select {
		case <-server.Ready():
		case <-part.done:
			return "", part.failed()
		}
	}
	var err error
	if sys.target, err = openTarget(sys.settings); err != nil {
		return "", err
	}
	if sys.settings.azure() && sys.settings.ADXAppID == "" {
		return "", notAsked("at " + sys.target.URL + ", which was not asked: there are no credentials for it")
	}
	if err := sys.target.answers(ctx); err != nil {
		return "", err
	}
	return "at " + sys.target.URL, nil
}

// worker returns the configuration that the workers of both fleets share.
func (sys *system) worker(port, metrics int, tel *telemetry.Telemetry) fleet.Config {
	s := sys.settings
	return fleet.Config{
		Settings: runtime.Settings{Secrets: s.Secrets, CrashDir: s.Data},
		Kafka:    sys.brokers, GRPCAddress: local(port), HTTPAddress: local(metrics), Telemetry: tel,
	}
}

func (sys *system) startCapture(ctx context.Context, _ func(string)) (string, error) {
	s := sys.settings
	return sys.service(ctx, "capture", s.CapturePort, func(ctx context.Context, tel *telemetry.Telemetry) error {
		return capture.Run(ctx, capture.Config{Fleet: sys.worker(s.CapturePort, s.CaptureHTTP, tel), Delivery: s.delivery()})
	})
}

func (sys *system) startSink(ctx context.Context, _ func(string)) (string, error) {
	s := sys.settings
	return sys.service(ctx, "sink", s.SinkGRPCPort, func(ctx context.Context, tel *telemetry.Telemetry) error {
		return sink.Run(ctx, sink.Config{Fleet: sys.worker(s.SinkGRPCPort, s.SinkHTTP, tel), CAFile: sys.target.caFile,
			TrustedHosts: sys.target.trusted})
	})
}

func (sys *system) startAdmin(ctx context.Context, _ func(string)) (string, error) {
	s := sys.settings
	cfg := admin.Config{
		TableMetrics: 1000,
		GRPCAddress:  local(s.AdminPort), HTTPAddresses: []string{local(s.SourcePort), local(s.SinkPort)},
		Capture: []string{local(s.CapturePort)}, Sink: []string{local(s.SinkGRPCPort)}, Version: sys.version,
	}
	if !s.NoOrders {
		cfg.Orders = local(s.OrdersPort)
	}
	return sys.service(ctx, "admin", s.AdminPort, func(ctx context.Context, tel *telemetry.Telemetry) error {
		cfg.Telemetry = tel
		return admin.Run(ctx, cfg)
	})
}

func (sys *system) makeTables(ctx context.Context, _ func(string)) (string, error) {
	if err := sys.source.run(ctx, orders.SQL); err != nil {
		return "", fmt.Errorf("make table retail.orders_info: %w", err)
	}
	if err := sys.target.setUp(ctx); err != nil {
		return "", err
	}
	return "retail.orders_info and Orders", nil
}

func (sys *system) registerConnectors(ctx context.Context, _ func(string)) (string, error) {
	from, err := sourceFile(sys.source)
	if err != nil {
		return "", err
	}
	if sys.settings.Native {
		from = from.withNativeEvents()
	}
	to, err := sinkFile(sys.target)
	if err != nil {
		return "", err
	}
	for _, c := range []struct {
		port int
		file connectorFile
	}{{sys.settings.SourcePort, from}, {sys.settings.SinkPort, to}} {
		if err := register(ctx, fmt.Sprintf("http://%s", local(c.port)), c.file); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s (%s) and %s", from.Name, from.Config["plugin.name"], to.Name), nil
}

func (sys *system) startGenerator(ctx context.Context, _ func(string)) (string, error) {
	s, src := sys.settings, sys.source
	return sys.service(ctx, "orders-generator", s.OrdersPort, func(ctx context.Context, tel *telemetry.Telemetry) error {
		return ordersgenerator.Run(ctx, ordersgenerator.Config{
			Host: src.Host, Port: src.Port, User: src.User, Password: src.Password, Database: src.Database, SSLMode: src.SSLMode,
			Rate: s.Rate, GRPCAddress: local(s.OrdersPort), HTTPAddress: local(s.OrdersHTTP), Telemetry: tel,
		})
	})
}

// service runs a service and returns when its health says that it is ready.
func (sys *system) service(ctx context.Context, name string, grpcPort int,
	run func(context.Context, *telemetry.Telemetry) error) (string, error) {
	tel, err := sys.observe(ctx, name)
	if err != nil {
		return "", err
	}
	part := sys.parts.start(name, func(ctx context.Context) error { return run(ctx, tel) })
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		err := rpc.CheckHealth(ctx, local(grpcPort))
		if err == nil {
			return "gRPC at " + local(grpcPort), nil
		}
		select {
		case <-part.done:
			return "", part.failed()
		case <-ctx.Done():
			return "", fmt.Errorf("%s is not ready after %v: %w; %s says more", name, startPatience, err, sys.logPath(name))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// awaitOrders shows when Azure Data Explorer has orders.
func (sys *system) awaitOrders(ctx context.Context) error {
	if sys.settings.NoOrders {
		return nil
	}
	fmt.Fprintln(sys.out)
	return sys.progress.step("orders in ADX", func(note func(string)) (string, error) {
		note("batches wait up to 30 s in the sink")
		deadline := time.Now().Add(ordersPatience)
		for {
			n, err := sys.target.count(ctx)
			switch {
			case ctx.Err() != nil:
				return "", ctx.Err()
			case err != nil:
				return "", err
			case n != "0":
				return n + " orders", nil
			case time.Now().After(deadline):
				return fmt.Sprintf("none after %v; ask http://localhost:%d/v1/pipelines why", ordersPatience,
					sys.settings.SourcePort), nil
			}
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case p := <-sys.parts.ended:
				return "", p.failed()
			case <-time.After(500 * time.Millisecond):
			}
		}
	})
}

// awaitEnd returns nil when ctx ends, and an error if a part ends before that.
func (sys *system) awaitEnd(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case p := <-sys.parts.ended:
		return p.failed()
	}
}

// stop ends everything, the last started first.
func (sys *system) stop() error {
	fmt.Fprintln(sys.out, "\nStopping.")
	var err error
	if sys.target != nil { // while its server runs: after failing to fetch resources the SDK sleeps, even if it is closed
		err = sys.target.client.Close()
	}
	err = errors.Join(err, sys.parts.stop(func(name string) { fmt.Fprintf(sys.out, "  %s\n", name) }))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, t := range sys.telemetry {
		err = errors.Join(err, t.Shutdown(ctx))
	}
	for _, l := range sys.logs {
		err = errors.Join(err, l.Close())
	}
	return err
}

// observe starts the telemetry of a service that logs into a file of its own.
func (sys *system) observe(ctx context.Context, name string) (*telemetry.Telemetry, error) {
	log, err := sys.log(name)
	if err != nil {
		return nil, err
	}
	tel, err := telemetry.Start(ctx, name, sys.version, telemetry.WithLogOutput(log))
	if err != nil {
		return nil, err
	}
	sys.telemetry = append(sys.telemetry, tel)
	return tel, nil
}

// log opens a part's log. The log of the previous start is kept next to it; older ones are removed,
// so that logs do not grow for ever.
func (sys *system) log(name string) (*os.File, error) {
	path := sys.logPath(name)
	if err := os.Rename(path, path+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("keep the last log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a log: %w", err)
	}
	sys.logs = append(sys.logs, f)
	return f, nil
}

func (sys *system) logPath(name string) string {
	return filepath.Join(sys.settings.Data, "logs", name+".log")
}
