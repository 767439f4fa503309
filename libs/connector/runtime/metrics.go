package runtime

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// workerMetrics are the metrics of the runtime itself; tasks count what passes through them.
type workerMetrics struct {
	running    metric.Int64UpDownCounter
	starts     metric.Int64Counter
	failures   metric.Int64Counter
	rebalances metric.Int64Counter
}

func newWorkerMetrics(meter metric.Meter) (*workerMetrics, error) {
	m := &workerMetrics{}
	var err error
	if m.running, err = meter.Int64UpDownCounter("calypso.connector.tasks.running", metric.WithUnit("{task}"),
		metric.WithDescription("Tasks that run on this worker.")); err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	if m.starts, err = meter.Int64Counter("calypso.connector.task.starts", metric.WithUnit("{start}"),
		metric.WithDescription("Starts of tasks on this worker.")); err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	if m.failures, err = meter.Int64Counter("calypso.connector.task.failures", metric.WithUnit("{failure}"),
		metric.WithDescription("Tasks that went to FAILED on this worker.")); err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	if m.rebalances, err = meter.Int64Counter("calypso.connector.rebalances", metric.WithUnit("{rebalance}"),
		metric.WithDescription("Assignments of partitions that this worker took part in.")); err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	return m, nil
}

func (m *workerMetrics) started(name, class string) {
	set := metric.WithAttributes(attribute.String("connector", name), attribute.String("class", class))
	m.starts.Add(context.Background(), 1, set)
	m.running.Add(context.Background(), 1, set)
}

func (m *workerMetrics) ended(name, class string, failed bool) {
	set := metric.WithAttributes(attribute.String("connector", name), attribute.String("class", class))
	m.running.Add(context.Background(), -1, set)
	if failed {
		m.failures.Add(context.Background(), 1, set)
	}
}

func (m *workerMetrics) rebalanced() { m.rebalances.Add(context.Background(), 1) }
