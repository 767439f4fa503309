package capture

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// tracedTransaction is a transaction whose application gave it a sampled trace context.
type tracedTransaction struct {
	traceparent string
	commit      int64 // commit time in microseconds since the Unix epoch
	position    pgrepl.LSN
}

// maxLinks bounds how many transactions the span of one batch links to.
const maxLinks = 128

// trace takes the transaction's trace context over, if it is sampled: its events carry it unchanged as a header, as the
// OpenTelemetry conventions for messaging ask of a creation context.
func (t *transaction) trace(traceparent string) {
	sc, ok := telemetry.SpanContext(traceparent)
	if !ok || !sc.IsSampled() {
		return
	}
	t.traceparent = traceparent
	t.headers = []kgo.RecordHeader{{Key: telemetry.TraceparentKey, Value: []byte(traceparent)}}
}

// traceDelivered makes the spans of durable records: for each traced transaction one from its commit to the broker's
// acknowledgement, child of the application's span, and one of the writing that links to them. Records without traced
// transactions cost nothing.
func (s *session) traceDelivered(b *tally, now time.Time) {
	if len(b.traces) == 0 {
		return
	}
	tracer := s.meters.tracer
	var links []trace.Link
	for _, t := range b.traces {
		ctx := telemetry.WithTraceparent(context.Background(), t.traceparent)
		_, span := tracer.Start(ctx, "capture "+s.spec.Slot.Name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(time.UnixMicro(t.commit)),
			trace.WithAttributes(attribute.String("db.system.name", "postgresql"), attribute.String("db.namespace", s.spec.Connection.Database),
				attribute.String("cdc.slot", s.spec.Slot.Name), attribute.String("cdc.commit_lsn", t.position.String())))
		if len(links) < maxLinks {
			links = append(links, trace.Link{SpanContext: span.SpanContext()})
		}
		span.End(trace.WithTimestamp(now))
	}
	_, span := tracer.Start(context.Background(), "send "+b.topic, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(b.began), trace.WithLinks(links...),
		trace.WithAttributes(attribute.String("messaging.system", "kafka"), attribute.String("messaging.operation.name", "send"), attribute.String("messaging.operation.type", "send"),
			attribute.String("messaging.destination.name", b.topic), attribute.Int("messaging.batch.message_count", b.records)))
	span.End(trace.WithTimestamp(now))
}
