package admin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/services/admin/overview"
)

// filler fills messages with numbers that are all different.
type filler struct {
	next int64
	// at is which number was put into which field.
	at map[float64]string
}

func (f *filler) number(field string) int64 {
	f.next += 7
	f.at[float64(f.next)] = field
	return f.next
}

func (f *filler) fill(m protoreflect.Message, path string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		name := path + "." + string(field.Name())
		if field.IsList() && field.Kind() == protoreflect.MessageKind {
			list := m.Mutable(field).List()
			f.fill(list.AppendMutable().Message(), name)
			continue
		}
		if field.IsList() || field.IsMap() {
			continue
		}
		switch field.Kind() {
		case protoreflect.MessageKind:
			switch field.Message().FullName() {
			case "google.protobuf.Duration":
				m.Set(field, protoreflect.ValueOfMessage((&durationpb.Duration{Seconds: f.number(name)}).ProtoReflect()))
			case "google.protobuf.Timestamp":
				m.Set(field, protoreflect.ValueOfMessage((&timestamppb.Timestamp{Seconds: f.number(name)}).ProtoReflect()))
			case "google.protobuf.Struct":
			default:
				f.fill(m.Mutable(field).Message(), name)
			}
		case protoreflect.Int64Kind:
			m.Set(field, protoreflect.ValueOfInt64(f.number(name)))
		case protoreflect.Int32Kind:
			m.Set(field, protoreflect.ValueOfInt32(int32(f.number(name))))
		case protoreflect.DoubleKind:
			m.Set(field, protoreflect.ValueOfFloat64(float64(f.number(name))))
		case protoreflect.EnumKind:
			m.Set(field, protoreflect.ValueOfEnum(protoreflect.EnumNumber(f.number(name))))
		case protoreflect.StringKind:
			text := name
			if strings.HasSuffix(name, "_lsn") {
				text = fmt.Sprintf("0/%X", f.number(name))
			}
			m.Set(field, protoreflect.ValueOfString(text))
		case protoreflect.BoolKind:
			m.Set(field, protoreflect.ValueOfBool(true))
		}
	}
}

func TestEveryNumberOfThePipelineViewIsAMetric(t *testing.T) {
	p := &adminv1.Pipeline{}
	f := filler{at: map[float64]string{}}
	f.fill(p.ProtoReflect(), "pipeline")
	for _, g := range pipelineGauges() {
		g.of(p, func(value float64, _ ...attribute.KeyValue) { delete(f.at, value) })
	}
	var missing []string
	for _, field := range f.at {
		switch {
		// Names and kinds, which are labels of metrics or say nothing of how it goes.
		case strings.HasSuffix(field, ".id"), strings.HasSuffix(field, "status.type"), strings.HasSuffix(field, ".partition"),
			// Distributions are there as quantiles, and as histograms of capture and sink; their window is constant.
			strings.Contains(field, "latency.buckets"), strings.HasSuffix(field, "latency.window"),
			// States of tasks are counted by state.
			strings.HasSuffix(field, "tasks.state"),
			// Segments have either.
			strings.HasSuffix(field, "_kafka.records"), strings.HasSuffix(field, "_capture.records"),
			strings.HasSuffix(field, "_to_sink.bytes"), strings.HasSuffix(field, "_queryable.bytes"),
			// The slot as of the forecast.
			field == "pipeline.capture.slot.retained_bytes",
			// What stands in the way decides the remedy of a check, which is a metric.
			strings.HasSuffix(field, "_obstacle"),
			// Each notice is a check, which is a metric.
			strings.Contains(field, ".notices."),
			// Single traces to look at; their ages are in the distributions.
			strings.Contains(field, ".recent_traces."),
			// Each is a check, which is a metric.
			strings.Contains(field, ".background_failures."), strings.Contains(field, ".idle_slots."),
			// What waits where, of which the lag of tables is made.
			strings.Contains(field, ".unread_tables."), strings.HasSuffix(field, ".waiting"),
			strings.HasSuffix(field, ".oldest_waiting_time"),
			// Source offsets, which only GetPipeline reads.
			strings.HasPrefix(field, "pipeline.offsets"):
		default:
			missing = append(missing, field)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		t.Errorf("no metric has %s", strings.Join(missing, ", "))
	}
}

func TestAPipelineOfWhichNothingIsKnownHasMetricsWithoutFault(t *testing.T) {
	for _, p := range []*adminv1.Pipeline{{}, {Sinks: []*adminv1.PipelineSink{{}}}} {
		values := 0
		for _, g := range pipelineGauges() {
			g.of(p, func(float64, ...attribute.KeyValue) { values++ })
		}
		if values == 0 {
			t.Error("not even the verdict is a metric")
		}
	}
}

// A topic may have several targets, whose rows are one series: an exporter refuses or loses one of two.
func TestTheTargetsOfATopicAreOneSeriesThatSaysHowLateTheLatestIs(t *testing.T) {
	o := newObserver(time.Now)
	o.tableMetrics = 10
	late := func(check string, seconds float64) *adminv1.TableStatus {
		return &adminv1.TableStatus{Source: "p", Table: "public.orders", Sink: "s", Check: check, LateSeconds: seconds,
			HeldAt: adminv1.HeldAt_HELD_AT_KAFKA_TO_SINK}
	}
	o.seen["p"] = &observed{at: time.Now(), seen: overview.Listed{Pipeline: &adminv1.Pipeline{Source: "p"},
		Tables: []*adminv1.TableStatus{late("SINK_TABLE", 5), late("", 60), late("", 7)}}}
	reader := metric.NewManualReader()
	if err := o.measure(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test")); err != nil {
		t.Fatal(err)
	}
	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	for _, m := range got.ScopeMetrics[0].Metrics {
		if m.Name != "cdc_table_lag_seconds" {
			continue
		}
		if points := m.Data.(metricdata.Gauge[float64]).DataPoints; len(points) != 1 || points[0].Value != 60 {
			t.Errorf("series are %v", points)
		}
		return
	}
	t.Error("there is no metric of the table's lag")
}
