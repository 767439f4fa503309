package capture

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/stage"
)

// maxLinks bounds how many transactions the span of one batch links to.
const maxLinks = 128

// traceDelivered makes the spans of durable records: for each traced transaction one from its commit to the broker's
// acknowledgement, child of the application's span, and one of the writing that links to them. Records without traced
// transactions cost nothing.
func traceDelivered(tracer trace.Tracer, s *spec.Spec, b *stage.Tally, now time.Time) {
	if len(b.Traces) == 0 {
		return
	}
	var links []trace.Link
	for _, t := range b.Traces {
		ctx := telemetry.WithTraceparent(context.Background(), t.Parent)
		_, span := tracer.Start(ctx, "capture "+s.Slot.Name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(time.UnixMicro(t.Commit)),
			trace.WithAttributes(attribute.String("db.system.name", "postgresql"), attribute.String("db.namespace", s.Connection.Database),
				attribute.String("cdc.slot", s.Slot.Name), attribute.String("cdc.commit_lsn", t.Position.String())))
		if len(links) < maxLinks {
			links = append(links, trace.Link{SpanContext: span.SpanContext()})
		}
		span.End(trace.WithTimestamp(now))
	}
	_, span := tracer.Start(context.Background(), "send "+b.Topic, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(b.Began), trace.WithLinks(links...),
		trace.WithAttributes(attribute.String("messaging.system", "kafka"), attribute.String("messaging.operation.name", "send"), attribute.String("messaging.operation.type", "send"),
			attribute.String("messaging.destination.name", b.Topic), attribute.Int("messaging.batch.message_count", b.Sent)))
	span.End(trace.WithTimestamp(now))
}
