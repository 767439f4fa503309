package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	prombridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// MetricsHandler serves all metrics of the service in the Prometheus text format, for GET /metrics.
func (t *Telemetry) MetricsHandler() http.Handler {
	return promhttp.HandlerFor(t.gatherers, promhttp.HandlerOpts{
		ErrorLog:          promErrors{t},
		EnableOpenMetrics: true,
		// A failing collector must not hide the metrics of the others.
		ErrorHandling: promhttp.ContinueOnError,
	})
}

type promErrors struct{ t *Telemetry }

func (e promErrors) Println(v ...any) {
	e.t.Logger.Warn("collecting metrics failed", "err", fmt.Sprint(v...))
}

func (t *Telemetry) startMetrics(ctx context.Context, res *resource.Resource, version string) error {
	t.Registry = prometheus.NewRegistry()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "cdc_build_info",
		Help: "Always 1; the label says which version runs.",
	}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	t.Registry.MustRegister(build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	// Metrics of OpenTelemetry libraries are kept in a registry of their own: /metrics shows both, and over OTLP they
	// would arrive twice if the bridge below read them as well.
	libraries := prometheus.NewRegistry()
	reader, err := otelprom.New(otelprom.WithRegisterer(libraries))
	if err != nil {
		return fmt.Errorf("make the Prometheus reader of OpenTelemetry metrics: %w", err)
	}
	opts := []sdkmetric.Option{sdkmetric.WithResource(res), sdkmetric.WithReader(reader)}
	if exports("METRICS") {
		exporter, err := newMetricExporter(ctx)
		if err != nil {
			return err
		}
		opts = append(opts, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter,
			sdkmetric.WithProducer(prombridge.NewMetricProducer(prombridge.WithGatherer(t.Registry))))))
	}
	provider := sdkmetric.NewMeterProvider(opts...)
	t.Meters = provider
	t.gatherers = prometheus.Gatherers{t.Registry, libraries}
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return nil
}

// newMetricExporter makes the OTLP exporter that the environment describes. The autoexport package is not used for it
// because it cannot be given a producer for one registry.
func newMetricExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	if e := os.Getenv("OTEL_METRICS_EXPORTER"); e != "" && e != "otlp" {
		return nil, fmt.Errorf("OTEL_METRICS_EXPORTER is %q: use otlp or none (Prometheus metrics are always at /metrics)", e)
	}
	protocol := os.Getenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL")
	if protocol == "" {
		protocol = os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	switch protocol {
	case "grpc":
		return otlpmetricgrpc.New(ctx)
	case "", "http/protobuf":
		return otlpmetrichttp.New(ctx)
	}
	return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: use grpc or http/protobuf", protocol)
}
