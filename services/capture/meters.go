package capture

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/stage"
)

// meters are the metrics of all captures of a worker, and its tracer. Labels never carry LSNs, keys or values.
type meters struct {
	tracer trace.Tracer

	rows, transactions, decodeErrors, reconnects, snapshotRows metric.Int64Counter
	commitToProduce                                            metric.Float64Histogram
}

// newMeters registers the metrics. What a capture's state holds is read from the board when metrics are collected.
func newMeters(meter metric.Meter, tracer trace.Tracer, board *Board) (*meters, error) {
	m := &meters{tracer: tracer}
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
		metric.WithDescription("Time from a transaction's commit to the broker's acknowledgement of its events; one sample for the oldest of the transactions that became durable together."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60))
	if err != nil {
		return nil, err
	}
	return m, board.observe(meter)
}

func (m *meters) delivered(b *stage.Tally, now time.Time) {
	ctx := context.Background()
	for _, c := range b.Counts {
		set := metric.WithAttributes(attribute.String("table", c.Table), attribute.String("op", string(rune(c.Op))))
		m.rows.Add(ctx, c.Events, set)
		if c.Op == change.Read {
			m.snapshotRows.Add(ctx, c.Events, metric.WithAttributes(attribute.String("table", c.Table)))
		}
	}
	if b.Transactions > 0 {
		m.transactions.Add(ctx, int64(b.Transactions))
	}
	if b.Changed > 0 {
		m.commitToProduce.Record(ctx, now.Sub(time.UnixMicro(b.Oldest)).Seconds())
	}
}

func (m *meters) decodeError(ctx context.Context, kind string) {
	m.decodeErrors.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", kind)))
}

func (m *meters) reconnect(ctx context.Context, err error) {
	reason := string(pgrepl.ReasonOf(err))
	if reason == "" {
		reason = "OTHER"
		if retry.KafkaTransient(err) {
			reason = "KAFKA"
		}
	}
	m.reconnects.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", reason)))
}
