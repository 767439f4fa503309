package capture

import (
	"fmt"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/calypso-cdc/calypso/services/capture/internal/metrics"
)

// Delivery is the guarantee that a worker gives where the broker allows it.
type Delivery int

const (
	// ExactlyOnce writes events and checkpoint in Kafka transactions. Their markers take offsets in the topics.
	ExactlyOnce Delivery = iota
	// AtLeastOnce writes without transactions, for readers that cannot cope with gaps in offsets: a
	// crash can repeat the last batch.
	AtLeastOnce
)

// Options are what a plugin's tasks report to. The zero value reports nowhere.
type Options struct {
	// Registry shows the captures; a registry of its own if nil.
	Registry *Registry
	// Meter and Tracer record metrics and spans; none if nil.
	Meter  metric.Meter
	Tracer trace.Tracer
	// Delivery is ExactlyOnce by default.
	Delivery Delivery
}

// complete fills in what is missing and registers the metrics.
func (o Options) complete() (Options, *metrics.Meters, error) {
	if o.Registry == nil {
		o.Registry = NewRegistry()
	}
	if o.Meter == nil {
		o.Meter = metricnoop.Meter{}
	}
	if o.Tracer == nil {
		o.Tracer = tracenoop.Tracer{}
	}
	m, err := metrics.New(o.Meter, o.Registry.captures)
	if err != nil {
		return o, nil, fmt.Errorf("register the metrics of captures: %w", err)
	}
	return o, m, nil
}
