package admin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/services/admin/checks"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

const (
	// observeInterval is how often the pipelines are looked at between questions.
	observeInterval = 5 * time.Second
	// forgetAfter is after how long a pipeline that is not seen any more is forgotten.
	forgetAfter = 10 * time.Minute
)

// observer remembers where the pipelines were, so that their lags become times, and shows each number as a metric. It is the only
// memory of admin, and nothing is lost with it. Safe for concurrent use.
type observer struct {
	now func() time.Time

	mu sync.Mutex
	// seen is what was last seen of each pipeline, by its source.
	seen map[string]*observed
}

type observed struct {
	history  lag.History
	memory   checks.Memory
	at       time.Time
	pipeline *adminv1.Pipeline
}

func newObserver(now func() time.Time) *observer {
	return &observer{now: now, seen: map[string]*observed{}}
}

// observe judges a pipeline that has just been asked for: it sets lags, checks and verdict. The pipeline is not changed any more then.
func (o *observer) observe(v checks.View) {
	p := v.Pipeline
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	for source, s := range o.seen {
		if now.Sub(s.at) > forgetAfter {
			delete(o.seen, source)
		}
	}
	s, ok := o.seen[p.Source]
	if !ok {
		s = &observed{}
		o.seen[p.Source] = s
	}
	s.history.Observe(now, p)
	v.Trends = s.history.Trends()
	p.Checks = checks.Run(now, v)
	s.memory.Date(now, p.Checks)
	p.Verdict, p.Reason = checks.Verdict(p.Checks)
	s.at, s.pipeline = now, p
}

// run looks at the pipelines until ctx ends. That they cannot be seen is for health to say.
func (o *observer) run(ctx context.Context, all *views) error {
	for pause(ctx, observeInterval) {
		_, _ = all.within(ctx, observeInterval/2)
	}
	return nil
}

// recent are the pipelines that were seen lately; what was seen earlier says nothing of now.
func (o *observer) recent() (all []*adminv1.Pipeline) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.seen {
		if o.now().Sub(s.at) < 4*observeInterval {
			all = append(all, s.pipeline)
		}
	}
	return all
}

// DeclareMetrics registers admin's metrics at a meter, without values: for their documentation.
func DeclareMetrics(meter metric.Meter) error { return newObserver(time.Now).measure(meter) }

// measure registers the numbers of the pipeline view as metrics.
func (o *observer) measure(meter metric.Meter) error {
	var errs []error
	var gauges []metric.Observable
	gauge := func(name, unit, help string) metric.Float64ObservableGauge {
		g, err := meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(help))
		errs, gauges = append(errs, err), append(gauges, g)
		return g
	}
	verdict := gauge("cdc_pipeline_verdict", "", "1 healthy, 2 snapshotting, 3 paused, 4 degraded, 5 broken.")
	seconds := gauge("cdc_pipeline_lag_seconds", "s", "How late a segment is: commit_to_capture, capture_to_kafka, kafka_to_sink, sink_to_queryable.")
	bytes := gauge("cdc_pipeline_lag_bytes", "By", "Log that a segment has still to pass on: commit_to_capture, capture_to_kafka.")
	records := gauge("cdc_pipeline_lag_records", "{record}", "Records that a segment has still to pass on: kafka_to_sink, sink_to_queryable.")
	retained := gauge("cdc_pipeline_slot_retained_bytes", "By", "Log that the server keeps for the slot.")
	growth := gauge("cdc_pipeline_slot_growth", "By/s", "Growth of that log over the last minutes.")
	full := gauge("cdc_pipeline_slot_full_seconds", "s", "When max_slot_wal_keep_size is reached at the present rate.")
	snapshot := gauge("cdc_pipeline_snapshot_rows", "{row}", "Rows that the snapshot of a table has read.")
	letters := gauge("cdc_pipeline_dead_letters", "{record}", "Dead letters of a sink since its tasks started.")
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("register the metrics of pipelines: %w", err)
	}
	_, err := meter.RegisterCallback(func(_ context.Context, out metric.Observer) error {
		for _, p := range o.recent() {
			of := func(extra ...attribute.KeyValue) metric.MeasurementOption {
				return metric.WithAttributes(append(extra, attribute.String("pipeline", p.Source))...)
			}
			out.ObserveFloat64(verdict, float64(p.Verdict), of())
			segment := func(l *adminv1.Lag, name string, amount metric.Float64Observable, n int64, extra ...attribute.KeyValue) {
				if l != nil {
					labels := of(append(extra, attribute.String("segment", name))...)
					out.ObserveFloat64(seconds, l.Time.AsDuration().Seconds(), labels)
					out.ObserveFloat64(amount, float64(n), labels)
				}
			}
			segment(p.CommitToCapture, "commit_to_capture", bytes, p.CommitToCapture.GetBytes())
			segment(p.CaptureToKafka, "capture_to_kafka", bytes, p.CaptureToKafka.GetBytes())
			for _, s := range p.Sinks {
				sink := attribute.String("sink", s.Status.GetName())
				segment(s.KafkaToSink, "kafka_to_sink", records, s.KafkaToSink.GetRecords(), sink)
				segment(s.SinkToQueryable, "sink_to_queryable", records, s.SinkToQueryable.GetRecords(), sink)
				out.ObserveFloat64(letters, float64(s.Sink.GetRowsDeadLettered()), of(sink))
			}
			if f := p.SlotForecast; f != nil {
				out.ObserveFloat64(retained, float64(f.RetainedBytes), of())
				out.ObserveFloat64(growth, f.GrowthBytesPerSecond, of())
				if f.TimeToFull != nil {
					out.ObserveFloat64(full, f.TimeToFull.AsDuration().Seconds(), of())
				}
			}
			for _, t := range p.Capture.GetSnapshots() {
				out.ObserveFloat64(snapshot, float64(t.RowsDone), of(attribute.String("table", t.Table)))
			}
		}
		return nil
	}, gauges...)
	return err
}
