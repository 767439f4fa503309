package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	latencyv1 "github.com/calypso-cdc/calypso/gen/calypso/latency/v1"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

// DeclareMetrics registers admin's metrics at a meter, without values: for their documentation.
func DeclareMetrics(meter metric.Meter) error { return newObserver(time.Now).measure(meter) }

// gauge is a metric of the pipeline view. of emits its values for one pipeline, each with its
// labels; the pipeline's name is added.
type gauge struct {
	name, unit, help string
	of               func(p *adminv1.Pipeline, emit emitter)
}

type emitter func(value float64, labels ...attribute.KeyValue)

// number emits an integer.
func (e emitter) number(n int64, labels ...attribute.KeyValue) { e(float64(n), labels...) }

// measure registers the numbers of the pipeline view as metrics.
func (o *observer) measure(meter metric.Meter) error {
	var errs []error
	gauges := pipelineGauges()
	observables := make([]metric.Observable, len(gauges))
	instruments := make([]metric.Float64ObservableGauge, len(gauges))
	for i, g := range gauges {
		made, err := meter.Float64ObservableGauge(g.name, metric.WithUnit(g.unit), metric.WithDescription(g.help))
		errs, instruments[i], observables[i] = append(errs, err), made, made
	}
	late, err := meter.Float64ObservableGauge("cdc_table_lag_seconds", metric.WithUnit("s"), metric.WithDescription(
		"Age of a table's oldest change that is not queryable in a sink's target, 0 if nothing waits, by where it is held: commit_to_capture, capture_to_kafka, kafka_to_sink, sink_to_queryable. Of the latest tables only (--table-metrics)."))
	if err := errors.Join(append(errs, err)...); err != nil {
		return fmt.Errorf("register the metrics of pipelines: %w", err)
	}
	_, err = meter.RegisterCallback(func(_ context.Context, out metric.Observer) error {
		for _, p := range o.recent() {
			for i, g := range gauges {
				g.of(p, func(value float64, labels ...attribute.KeyValue) {
					out.ObserveFloat64(instruments[i], value,
						metric.WithAttributes(append(labels, attribute.String("pipeline", p.Source))...))
				})
			}
		}
		type series struct {
			source, table, sink string
			at                  adminv1.HeldAt
		}
		latest := map[series]float64{}
		for _, t := range o.recentTables() {
			// A topic may have several targets, of which the latest counts.
			of := series{t.Source, cmp.Or(t.Table, t.Topic), t.Sink, t.HeldAt}
			latest[of] = max(latest[of], t.LateSeconds)
		}
		for of, seconds := range latest {
			out.ObserveFloat64(late, seconds, metric.WithAttributes(attribute.String("pipeline", of.source),
				attribute.String("table", of.table), attribute.String("sink", of.sink),
				attribute.String("held_at", strings.ToLower(strings.TrimPrefix(of.at.String(), "HELD_AT_")))))
		}
		return nil
	}, append(observables, late)...)
	return err
}

// pipelineGauges are the numbers of the pipeline view.
func pipelineGauges() []gauge {
	return append(append(judgementGauges(), captureGauges()...), sinkGauges()...)
}

// judgementGauges are the metrics that admin derives from what capture and sink say.
func judgementGauges() []gauge {
	segment := func(s lag.Segment) []attribute.KeyValue {
		labels := []attribute.KeyValue{attribute.String("segment", s.Name)}
		if s.Sink != "" {
			labels = append(labels, attribute.String("sink", s.Sink))
		}
		return labels
	}
	return []gauge{
		{"cdc_pipeline_verdict", "", "1 healthy, 2 snapshotting, 3 paused, 4 degraded, 5 broken.",
			func(p *adminv1.Pipeline, emit emitter) { emit(float64(p.Verdict)) }},
		{"cdc_pipeline_check", "", "State of each check: 1 ok, 2 notice, 3 warning, 4 error.",
			func(p *adminv1.Pipeline, emit emitter) {
				for _, c := range p.Checks {
					emit(float64(c.State), attribute.String("check", c.Name), attribute.String("subject", c.Subject))
				}
			}},
		{"cdc_pipeline_checks", "{check}", "Checks by state: ok, notice, warning, error.",
			func(p *adminv1.Pipeline, emit emitter) {
				counts := map[adminv1.CheckState]int64{}
				for _, c := range p.Checks {
					counts[c.State]++
				}
				for state := adminv1.CheckState_CHECK_STATE_OK; state <= adminv1.CheckState_CHECK_STATE_ERROR; state++ {
					emit.number(counts[state], attribute.String("state",
						strings.ToLower(strings.TrimPrefix(state.String(), "CHECK_STATE_"))))
				}
			}},
		{"cdc_pipeline_check_since_timestamp_seconds", "s", "Unix time since which each check has its state.",
			func(p *adminv1.Pipeline, emit emitter) {
				for _, c := range p.Checks {
					if c.Since != nil {
						emit.number(c.Since.Seconds, attribute.String("check", c.Name), attribute.String("subject", c.Subject))
					}
				}
			}},
		{"cdc_pipeline_lag_seconds", "s",
			"How late a segment is: commit_to_capture, capture_to_kafka, kafka_to_sink, sink_to_queryable.",
			func(p *adminv1.Pipeline, emit emitter) {
				for s, l := range lag.Segments(p) {
					emit(l.Time.AsDuration().Seconds(), segment(s)...)
				}
			}},
		{"cdc_pipeline_lag_bytes", "By", "Log that a segment has still to pass on: commit_to_capture, capture_to_kafka.",
			func(p *adminv1.Pipeline, emit emitter) {
				for s, l := range lag.Segments(p) {
					if s.Sink == "" {
						emit.number(l.Bytes, segment(s)...)
					}
				}
			}},
		{"cdc_pipeline_lag_records", "{record}",
			"Records that a segment has still to pass on: kafka_to_sink, sink_to_queryable.",
			func(p *adminv1.Pipeline, emit emitter) {
				for s, l := range lag.Segments(p) {
					if s.Sink != "" {
						emit.number(l.Records, segment(s)...)
					}
				}
			}},
		{"cdc_pipeline_latency_seconds", "s",
			"Percentiles (50, 95, 99, 100) of the age of the changes of the last five minutes: commit_to_kafka, commit_to_queryable, produce_to_queryable. None where nothing changed.", func(p *adminv1.Pipeline, emit emitter) {
				eachLatency(p, func(l *latencyv1.Latency, labels ...attribute.KeyValue) {
					if l.GetCount() == 0 {
						return
					}
					emit(l.P50.AsDuration().Seconds(), append(labels, attribute.String("percentile", "50"))...)
					emit(l.P95.AsDuration().Seconds(), append(labels, attribute.String("percentile", "95"))...)
					emit(l.P99.AsDuration().Seconds(), append(labels, attribute.String("percentile", "99"))...)
					emit(l.Max.AsDuration().Seconds(), append(labels, attribute.String("percentile", "100"))...)
				})
			}},
		{"cdc_pipeline_latency_changes", "{change}", "How many changes those quantiles are of.",
			func(p *adminv1.Pipeline, emit emitter) {
				eachLatency(p, func(l *latencyv1.Latency, labels ...attribute.KeyValue) { emit.number(l.GetCount(), labels...) })
			}},
		{"cdc_pipeline_slot_retained_bytes", "By", "Log that the server keeps for the slot.",
			func(p *adminv1.Pipeline, emit emitter) {
				if p.SlotForecast != nil {
					emit.number(p.SlotForecast.RetainedBytes)
				}
			}},
		{"cdc_pipeline_slot_growth", "By/s", "Growth of that log over the last minutes.",
			func(p *adminv1.Pipeline, emit emitter) {
				if p.SlotForecast != nil {
					emit(p.SlotForecast.GrowthBytesPerSecond)
				}
			}},
		{"cdc_pipeline_slot_full_seconds", "s", "When the limit of the slot's log (max_slot_wal_keep_size, slot.storage.bytes) is reached if what the server keeps goes on growing; absent if it does not grow.",
			func(p *adminv1.Pipeline, emit emitter) {
				if p.SlotForecast.GetTimeToFull() != nil {
					emit(p.SlotForecast.TimeToFull.AsDuration().Seconds())
				}
			}},
		{"cdc_pipeline_slot_full_timestamp_seconds", "s", "The same as Unix time; absent where it is a year away or not known.",
			func(p *adminv1.Pipeline, emit emitter) {
				if at := p.SlotForecast.GetFullTime(); at != nil {
					emit.number(at.Seconds)
				}
			}},
	}
}

// eachLatency calls each for all distributions of a pipeline, with their labels.
func eachLatency(p *adminv1.Pipeline, each func(*latencyv1.Latency, ...attribute.KeyValue)) {
	if p.Capture != nil {
		each(p.Capture.CommitToKafkaLatency, attribute.String("segment", "commit_to_kafka"))
	}
	for _, s := range p.Sinks {
		if s.Sink != nil {
			sink := attribute.String("sink", s.Status.GetName())
			each(s.Sink.CommitToQueryableLatency, attribute.String("segment", "commit_to_queryable"), sink)
			each(s.Sink.ProduceToQueryableLatency, attribute.String("segment", "produce_to_queryable"), sink)
		}
	}
}
