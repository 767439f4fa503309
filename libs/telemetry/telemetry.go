package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/calypso-cdc/calypso/libs/banner"
)

// Telemetry holds a service's traces, metrics and logs. The main package owns it and shuts it down
// last; all fields may be used by any goroutine.
type Telemetry struct {
	// Version is the service's version.
	Version string
	// Tracers makes tracers; it is a no-op provider if no exporter is configured.
	Tracers trace.TracerProvider
	// Meters is for libraries that measure through OpenTelemetry. Calypso's own metrics are registered
	// in Registry.
	Meters metric.MeterProvider
	// Registry holds the service's Prometheus metrics, among them the Go runtime's, the process's and
	// cdc_build_info{version}.
	Registry *prometheus.Registry
	Logger   *slog.Logger
	// Level is the lowest level that Logger writes: that of the variable LOG_LEVEL (debug, info, warn,
	// error), info by default. It may be changed at any time.
	Level *slog.LevelVar
	// Audit writes who changed what, to the same output and at any Level.
	Audit *slog.Logger

	gatherers prometheus.Gatherers
	shutdown  []func(context.Context) error
	// asked is the last check of which server answers at a receiver's address.
	asked atomic.Pointer[asked]
	// ending is set when Shutdown has begun.
	ending atomic.Bool
}

// Option changes what Start sets up.
type Option func(*options)

type options struct {
	logOutput io.Writer
	spans     sdktrace.SpanProcessor
}

// WithLogOutput sends log lines to w instead of standard error.
func WithLogOutput(w io.Writer) Option { return func(o *options) { o.logOutput = w } }

// WithSpanProcessor records every span into p, in addition to the exporters of OTEL_* variables.
// Tests use it.
func WithSpanProcessor(p sdktrace.SpanProcessor) Option { return func(o *options) { o.spans = p } }

// Start sets up the telemetry of the service called service ("capture") in the given version. An
// error means that an OTEL_* variable has an unusable value; it names the variable's exporter.
func Start(ctx context.Context, service, version string, opts ...Option) (*Telemetry, error) {
	o := options{logOutput: os.Stderr}
	for _, opt := range opts {
		opt(&o)
	}
	t := &Telemetry{Version: version, Level: new(slog.LevelVar)}
	t.Level.Set(levelFromEnvironment())
	t.Logger = NewLogger(o.logOutput, t.Level).With("service", service)
	t.Audit = NewLogger(o.logOutput, slog.LevelInfo).With("service", service)
	takeOver(t.Logger)

	// Attributes in OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME override ours, as the OpenTelemetry
	// specification demands, so they come last.
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithAttributes(
			attribute.String("service.namespace", "calypso"),
			attribute.String("service.name", service),
			attribute.String("service.version", version)),
		resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("describe service %s for OpenTelemetry: %w", service, err)
	}
	if err := t.startTraces(ctx, res, o.spans); err != nil {
		return nil, err
	}
	if err := t.startMetrics(ctx, res, version); err != nil {
		return nil, errors.Join(err, t.Shutdown(ctx))
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(t.unsent))
	return t, nil
}

// takeOver redirects Go's standard logger, to which libraries such as net/http write what a server
// sends unasked, to logger. The standard logger would write that to standard error unescaped,
// including sequences that control a terminal.
func takeOver(logger *slog.Logger) {
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(logger.Handler(), slog.LevelWarn).Writer())
}

// unsent logs that spans or metrics were not received: the first time for each, and then rarely
// while that lasts, whatever the errors say. Nothing waits for them, and those not received are
// lost.
func (t *Telemetry) unsent(err error) {
	if t.ending.Load() { // Shutdown reports what is lost at the end
		return
	}
	signal := "traces"
	if strings.Contains(err.Error(), "metrics") {
		signal = "metrics"
	}
	const endpoint = "OTEL_EXPORTER_OTLP_"
	receiver := cmp.Or(os.Getenv(endpoint+strings.ToUpper(signal)+"_ENDPOINT"), os.Getenv(endpoint+"ENDPOINT"))
	said := []any{"signal", signal, "receiver", receiver, Passing("err", err)}
	if other := t.whoAnswers(signal, receiver); other != nil {
		said = append(said, "answers", other)
	}
	t.Logger.Warn("telemetry is not received; the service goes on without", said...)
}

// whoAnswers returns an error if a server other than a receiver answers at the receiver's address,
// as far as that can be told. It checks at most once a minute.
func (t *Telemetry) whoAnswers(signal, receiver string) error {
	if last := t.asked.Load(); last != nil && last.receiver == receiver && time.Since(last.at) < time.Minute {
		return last.other
	}
	const meant = "a receiver of OTLP"
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var other error
	protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_"+strings.ToUpper(signal)+"_PROTOCOL"),
		os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"))
	if to, err := url.Parse(receiver); err == nil && protocol == "grpc" {
		other = banner.GRPC(ctx, to.Host, meant, to.Scheme == "https")
	} else if err == nil {
		other = banner.Web(ctx, receiver, meant)
	}
	t.asked.Store(&asked{receiver, time.Now(), other})
	return other
}

// asked is the result of a check of which server answers at a receiver's address.
type asked struct {
	receiver string
	at       time.Time
	other    error
}

// Shutdown sends what is still buffered and closes the exporters, until ctx ends at the latest.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	t.ending.Store(true)
	var errs []error
	for _, f := range t.shutdown {
		errs = append(errs, f(ctx))
	}
	t.shutdown = nil
	return errors.Join(errs...)
}

func (t *Telemetry) startTraces(ctx context.Context, res *resource.Resource, extra sdktrace.SpanProcessor) error {
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res)}
	if extra != nil {
		opts = append(opts, sdktrace.WithSpanProcessor(extra))
	}
	if exports("TRACES") {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return fmt.Errorf("make the span exporter that OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_* ask for: %w", err)
		}
		opts = append(opts, sdktrace.WithBatcher(exporter))
	} else if extra == nil {
		t.Tracers = noop.NewTracerProvider()
		return nil
	}
	provider := sdktrace.NewTracerProvider(opts...)
	t.Tracers = provider
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return nil
}

// exports reports whether the environment asks for an exporter of signal (TRACES, METRICS). The
// OpenTelemetry specification exports to localhost by default; here the default is off.
func exports(signal string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	if exporter := os.Getenv("OTEL_" + signal + "_EXPORTER"); exporter != "" {
		return exporter != "none"
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}
