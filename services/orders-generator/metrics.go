package ordersgenerator

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the generator's Prometheus metrics.
type metrics struct {
	changes *prometheus.CounterVec
	errors  prometheus.Counter
	seconds prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cdc_orders_changes_total",
			Help: "Changes committed to PostgreSQL, by operation (insert, update, delete).",
		}, []string{"op"}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cdc_orders_errors_total",
			Help: "Transactions that failed.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "cdc_orders_transaction_seconds",
			Help:    "Time from sending a transaction to its commit.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
	}
	r.MustRegister(m.changes, m.errors, m.seconds)
	return m
}

func (m *metrics) wrote(c *changes, took time.Duration, err error) {
	if err != nil {
		m.errors.Inc()
		return
	}
	m.seconds.Observe(took.Seconds())
	m.changes.WithLabelValues("insert").Add(float64(len(c.customers)))
	m.changes.WithLabelValues("update").Add(float64(len(c.updates)))
	m.changes.WithLabelValues("delete").Add(float64(len(c.deletes)))
}
