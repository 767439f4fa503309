package ordersgenerator

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics are the generator's metrics.
type metrics struct {
	changes metric.Int64Counter
	errors  metric.Int64Counter
	seconds metric.Float64Histogram
}

// DeclareMetrics registers the generator's metrics at a meter, without values: for their documentation.
func DeclareMetrics(meter metric.Meter) error {
	_, err := newMetrics(meter)
	return err
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	m := &metrics{}
	var errs [3]error
	m.changes, errs[0] = meter.Int64Counter("cdc_orders_changes", metric.WithUnit("{change}"),
		metric.WithDescription("Changes committed to PostgreSQL, by operation (insert, update, delete)."))
	m.errors, errs[1] = meter.Int64Counter("cdc_orders_errors", metric.WithUnit("{error}"),
		metric.WithDescription("Transactions that failed."))
	m.seconds, errs[2] = meter.Float64Histogram("cdc_orders_transaction_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time from sending a transaction to its commit."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .002, .004, .008, .016, .032, .064, .128, .256, .512, 1, 2, 4))
	return m, errors.Join(errs[:]...)
}

func (m *metrics) wrote(ctx context.Context, c *changes, took time.Duration, err error) {
	if err != nil {
		m.errors.Add(ctx, 1)
		return
	}
	m.seconds.Record(ctx, took.Seconds())
	m.count(ctx, "insert", len(c.customers))
	m.count(ctx, "update", len(c.updates))
	m.count(ctx, "delete", len(c.deletes))
}

func (m *metrics) count(ctx context.Context, op string, n int) {
	if n > 0 {
		m.changes.Add(ctx, int64(n), metric.WithAttributes(attribute.String("op", op)))
	}
}
