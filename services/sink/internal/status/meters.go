package status

import (
	"context"
	"errors"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

// Meters are the metrics of a worker's sink tasks. Labels never carry offsets, keys or values.
type Meters struct {
	records, refused, bytes, failures, skips, doubles metric.Int64Counter
	seconds, visible, fromProduce, process            metric.Float64Histogram
	batches                                           metric.Int64Counter
}

// NewMeters registers the metrics. How far partitions are behind is read from the registry when metrics are collected.
func NewMeters(meter metric.Meter, registry *Registry) (*Meters, error) {
	m := &Meters{}
	var errs []error
	counter := func(name, unit, help string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(help))
		errs = append(errs, err)
		return c
	}
	histogram := func(name, help string) metric.Float64Histogram {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(help),
			metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600))
		errs = append(errs, err)
		return h
	}
	m.records = counter("cdc_sink_records", "{record}",
		"Records by topic and result: ingested, tombstone, delete, no_row (logical messages, heartbeats, metadata of transactions), dead_letter, passed_over.")
	m.refused = counter("cdc_sink_refused_records", "{record}",
		"Records that could not be delivered, by topic and class: unreadable, transform_failed, misfit, too_large, refused.")
	m.bytes = counter("cdc_sink_ingest_bytes", "By", "Bytes of rows, before compression, that are in the table.")
	m.failures = counter("cdc_sink_ingest_failures", "{failure}",
		"Attempts to ingest that failed, by reason and whether it is for good.")
	m.skips = counter("cdc_sink_ingest_skips", "{batch}",
		"Batches that the cluster had already, sent again after a crash or a lost answer.")
	m.doubles = counter("cdc_sink_doubled_batches", "{batch}",
		"Batches that were sent again and that the cluster took although it had them under their tag.")
	m.seconds = histogram("cdc_sink_ingest_seconds", "Time of an attempt to ingest a batch, to its final status.")
	m.visible = histogram("cdc_sink_commit_to_visible_seconds",
		"Time from the commit of a change's transaction, by the source's clock, to its row being in the table; a sample for the oldest of each group of rows that were produced together. Snapshots have no part in it.")
	m.fromProduce = histogram("cdc_sink_produce_to_visible_seconds", "The same from the record's production, of all rows.")
	m.batches = counter("cdc_sink_batches", "{batch}", "Batches whose rows are in the table.")
	m.process = histogram("messaging.process.duration",
		"Time of processing a batch of records, to their rows being in the table or set aside (OpenTelemetry, messaging).")
	_, err := meter.Int64ObservableGauge("cdc_sink_consumer_lag_records", metric.WithUnit("{record}"),
		metric.WithDescription(
			"Offsets between what is committed and the end of the log at the last fetch, by topic and partition."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			registry.EachLag(func(connector string, tp batch.Source, lag int64) {
				o.Observe(lag, metric.WithAttributes(attribute.String("connector", connector), attribute.String("topic", tp.Topic),
					attribute.Int("partition", int(tp.Partition))))
			})
			return nil
		}))
	errs = append(errs, err)
	// perConnector is a gauge that adds up what a connector's tasks have.
	perConnector := func(name, unit, help string, of func(*Task) int64) {
		_, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(help),
			metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
				for _, connector := range registry.Connectors() {
					n := int64(0)
					for _, t := range registry.Of(connector) {
						n += of(t)
					}
					o.Observe(n, metric.WithAttributes(attribute.String("connector", connector)))
				}
				return nil
			}))
		errs = append(errs, err)
	}
	perConnector("cdc_sink_batches_in_flight", "{batch}",
		"Batches that are sent and whose final status is not known yet, by connector.",
		func(t *Task) int64 { return t.memory.InFlight.Load() })
	perConnector("cdc_sink_buffered_bytes", "By",
		"Bytes of fetched records, rows and batches under way that a connector's tasks hold.",
		func(t *Task) int64 { return t.memory.Held.Load() })
	_, err = meter.Int64ObservableGauge("cdc_sink_buffer_limit_bytes", metric.WithUnit("By"),
		metric.WithDescription("Bytes that all sinks of the process may hold together (buffer.memory.bytes)."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(registry.Memory.Limit.Load())
			return nil
		}))
	errs = append(errs, err)
	return m, errors.Join(errs...)
}

func (m *Meters) Attempt(ctx context.Context, mode spec.Mode, blob *kusto.Blob, took time.Duration, err error) {
	m.seconds.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("table", blob.Table),
		attribute.String("mode", string(mode))))
	if err == nil {
		m.bytes.Add(ctx, blob.RawSize, metric.WithAttributes(attribute.String("table", blob.Table)))
		return
	}
	m.failures.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", reasonOf(err)),
		attribute.Bool("permanent", kusto.Permanent(err))))
}

// reasonOf names a failure by the service's code, or how far the request came.
func reasonOf(err error) string {
	var e *kusto.Error
	switch {
	case !errors.As(err, &e):
		return "unreachable"
	case e.Code != "":
		return e.Code
	case e.Status != 0:
		return "http_" + strconv.Itoa(e.Status)
	}
	return "unreachable"
}

func (m *Meters) Skipped(ctx context.Context, blob *kusto.Blob) {
	m.skips.Add(ctx, 1, metric.WithAttributes(attribute.String("table", blob.Table)))
}

func (m *Meters) Doubled(ctx context.Context, table string, n int64) {
	m.doubles.Add(ctx, n, metric.WithAttributes(attribute.String("table", table)))
}

// SetAside counts refused records of a topic by their classes.
func (m *Meters) SetAside(ctx context.Context, topic string, classes []string, dead bool) {
	result := "passed_over"
	if dead {
		result = "dead_letter"
	}
	m.Add(ctx, topic, result, int64(len(classes)))
	for _, class := range classes {
		m.refused.Add(ctx, 1, metric.WithAttributes(attribute.String("topic", topic), attribute.String("class", class)))
	}
}

func (m *Meters) Delivered(ctx context.Context, topic string, b *batch.Batch) {
	m.Add(ctx, topic, "ingested", b.Rows)
	m.Add(ctx, topic, "tombstone", b.Tombstones)
	m.Add(ctx, topic, "delete", b.Deletes)
	m.Add(ctx, topic, "no_row", b.Others)
	if b.Rows == 0 {
		return
	}
	now, of := time.Now(), metric.WithAttributes(attribute.String("topic", topic))
	m.batches.Add(ctx, 1, of)
	for _, c := range b.AgeGroups.All {
		m.fromProduce.Record(ctx, now.Sub(c.Produced).Seconds(), of)
		if c.Dated > 0 {
			m.visible.Record(ctx, now.Sub(c.Committed).Seconds(), of)
		}
	}
}

// Processed notes the processing of a batch by the conventions of OpenTelemetry.
func (m *Meters) Processed(ctx context.Context, group, topic string, took time.Duration, err error) {
	attributes := []attribute.KeyValue{
		attribute.String("messaging.system", "kafka"), attribute.String("messaging.operation.name", "process"),
		attribute.String("messaging.consumer.group.name", group), attribute.String("messaging.destination.name", topic),
	}
	if err != nil {
		attributes = append(attributes, attribute.String("error.type", reasonOf(err)))
	}
	m.process.Record(ctx, took.Seconds(), metric.WithAttributes(attributes...))
}

func (m *Meters) Add(ctx context.Context, topic, result string, n int64) {
	if n > 0 {
		m.records.Add(ctx, n, metric.WithAttributes(attribute.String("topic", topic), attribute.String("result", result)))
	}
}
