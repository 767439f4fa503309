package metrics

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// Meters are the metrics of all captures of a worker.
type Meters struct {
	rows, transactions, decodeErrors, reconnects, snapshotRows metric.Int64Counter
	commitToProduce                                            metric.Float64Histogram
}

// New registers the metrics. What a capture's state holds is read from the registry when metrics are collected.
func New(meter metric.Meter, registry *status.Registry) (*Meters, error) {
	m := new(Meters)
	for _, c := range []struct {
		into       *metric.Int64Counter
		name, help string
	}{
		{&m.rows, "cdc_capture_rows", "Change events delivered, by table and operation."},
		{&m.transactions, "cdc_capture_transactions", "Transactions delivered."},
		{&m.decodeErrors, "cdc_capture_decode_errors", "Values or events that could not be converted, by kind."},
		{&m.reconnects, "cdc_capture_reconnects", "Sessions that failed and were tried again, by reason."},
		{&m.snapshotRows, "cdc_capture_snapshot_rows", "Rows delivered by snapshots, by table."},
	} {
		var err error
		if *c.into, err = meter.Int64Counter(c.name, metric.WithDescription(c.help)); err != nil {
			return nil, err
		}
	}
	var err error
	m.commitToProduce, err = meter.Float64Histogram("cdc_capture_commit_to_produce_seconds", metric.WithUnit("s"),
		metric.WithDescription(
			"Time from a transaction's commit to the broker's acknowledgement of its events; one sample for the oldest of the transactions that became durable together."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60))
	if err != nil {
		return nil, err
	}
	return m, registerGauges(meter, registry)
}

// Observe implements status.Observer.
func (m *Meters) Observe(e status.Event) {
	ctx := context.Background()
	switch e := e.(type) {
	case *status.Delivered:
		m.delivered(ctx, e)
	case status.Unconverted:
		m.decodeErrors.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", e.Kind)))
	case status.SessionFailed:
		m.reconnects.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", reasonOf(e.Err))))
	}
}

func (m *Meters) delivered(ctx context.Context, d *status.Delivered) {
	for _, c := range d.Summary.Counts {
		table := attribute.String("table", c.Table)
		m.rows.Add(ctx, c.Events, metric.WithAttributes(table, attribute.String("op", string(rune(c.Op)))))
		if c.Op == debezium.Read {
			m.snapshotRows.Add(ctx, c.Events, metric.WithAttributes(table))
		}
	}
	if d.Summary.Transactions > 0 {
		m.transactions.Add(ctx, int64(d.Summary.Transactions))
	}
	if d.Summary.Changed > 0 {
		m.commitToProduce.Record(ctx, d.At.Sub(time.UnixMicro(d.Summary.Oldest)).Seconds())
	}
}

// reasonOf is the label that says why a session failed: a reason of pgrepl, KAFKA or OTHER.
func reasonOf(err error) string {
	switch reason := pgrepl.ReasonOf(err); {
	case reason != "":
		return string(reason)
	case retry.KafkaTransient(err):
		return "KAFKA"
	}
	return "OTHER"
}
