package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/services/admin"
	"github.com/calypso-cdc/calypso/services/capture"
	ordersgenerator "github.com/calypso-cdc/calypso/services/orders-generator"
	"github.com/calypso-cdc/calypso/services/sink"
)

const metricsIntroduction = `# Metrics

What Prometheus reads at ` + "`/metrics`" + ` of each service; ` + "`OTEL_METRICS_EXPORTER=otlp`" +
	` sends the same over OTLP. Every service also has
` + "`cdc_build_info`" + ` and the metrics of the Go runtime and the process. Histograms have the suffixes ` +
	"`_bucket`, `_sum` and `_count`" + `. A metric appears
when it first has something to say. Those that begin with ` + "`messaging_`" +
	` follow OpenTelemetry's conventions for messaging;
each service also has ` + "`rpc_server_call_duration_seconds`" +
	` of its gRPC calls, by method and status, from OpenTelemetry's instrumentation.

This page is generated from the code: ` + "`make docs`" + `.
`

// described is a metric as the code declares it.
type described struct{ name, kind, help string }

// recorder is a meter that keeps what is declared.
type recorder struct {
	noop.Meter
	all []described
}

func (r *recorder) Int64Counter(name string, o ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	c := metric.NewInt64CounterConfig(o...)
	r.note(name, c.Unit(), "counter", c.Description())
	return r.Meter.Int64Counter(name, o...)
}

func (r *recorder) Int64UpDownCounter(name string,
	o ...metric.Int64UpDownCounterOption) (metric.Int64UpDownCounter, error) {
	c := metric.NewInt64UpDownCounterConfig(o...)
	r.note(name, c.Unit(), "gauge", c.Description())
	return r.Meter.Int64UpDownCounter(name, o...)
}

func (r *recorder) Float64Histogram(name string, o ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	c := metric.NewFloat64HistogramConfig(o...)
	r.note(name, c.Unit(), "histogram", c.Description())
	return r.Meter.Float64Histogram(name, o...)
}

func (r *recorder) Int64ObservableCounter(name string,
	o ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	c := metric.NewInt64ObservableCounterConfig(o...)
	r.note(name, c.Unit(), "counter", c.Description())
	return r.Meter.Int64ObservableCounter(name, o...)
}

func (r *recorder) Float64ObservableCounter(name string,
	o ...metric.Float64ObservableCounterOption) (metric.Float64ObservableCounter, error) {
	c := metric.NewFloat64ObservableCounterConfig(o...)
	r.note(name, c.Unit(), "counter", c.Description())
	return r.Meter.Float64ObservableCounter(name, o...)
}

func (r *recorder) Int64ObservableGauge(name string,
	o ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	c := metric.NewInt64ObservableGaugeConfig(o...)
	r.note(name, c.Unit(), "gauge", c.Description())
	return r.Meter.Int64ObservableGauge(name, o...)
}

func (r *recorder) Float64ObservableGauge(name string,
	o ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	c := metric.NewFloat64ObservableGaugeConfig(o...)
	r.note(name, c.Unit(), "gauge", c.Description())
	return r.Meter.Float64ObservableGauge(name, o...)
}

// note names a metric as OpenTelemetry's Prometheus exporter does: dots become underscores, the
// unit and _total are added.
func (r *recorder) note(name, unit, kind, help string) {
	name = strings.ReplaceAll(name, ".", "_")
	suffix := map[string]string{"s": "seconds", "By": "bytes", "By/s": "bytes_per_second"}[unit]
	if suffix != "" && !strings.HasSuffix(name, "_"+suffix) {
		name += "_" + suffix
	}
	if kind == "counter" {
		name += "_total"
	}
	r.all = append(r.all, described{name, kind, help})
}

// writeMetrics writes the page of metrics.
func writeMetrics(w io.Writer) error {
	captures, sinks, workers, pipelines, orders := &recorder{}, &recorder{}, &recorder{}, &recorder{}, &recorder{}
	plugins, err := capture.Plugins(capture.Options{Meter: captures})
	if err != nil {
		return err
	}
	if _, err := sink.Plugin(sink.Options{Meter: sinks}); err != nil {
		return err
	}
	if _, err := runtime.New(runtime.Config{Kafka: []kgo.Opt{kgo.SeedBrokers("localhost:1")}, GroupID: "g",
		Settings: runtime.Settings{WorkerID: "w"}, Plugins: plugins, Meter: workers}); err != nil {
		return err
	}
	if err := admin.DeclareMetrics(pipelines); err != nil {
		return err
	}
	if err := ordersgenerator.DeclareMetrics(orders); err != nil {
		return err
	}
	if _, err := io.WriteString(w, metricsIntroduction); err != nil {
		return err
	}
	for _, part := range []struct {
		title string
		from  *recorder
	}{{"capture", captures}, {"sink", sinks}, {"capture and sink: the connector workers", workers},
		{"admin: pipelines", pipelines}, {"orders-generator", orders}} {
		slices.SortFunc(part.from.all, func(a, b described) int { return strings.Compare(a.name, b.name) })
		if _, err := fmt.Fprintf(w, "\n## %s\n\n| metric | kind | what it says |\n|---|---|---|\n", part.title); err != nil {
			return err
		}
		for _, m := range part.from.all {
			if _, err := fmt.Fprintf(w, "| `%s` | %s | %s |\n", m.name, m.kind, m.help); err != nil {
				return err
			}
		}
	}
	return nil
}
