package metrics

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// maxLinks bounds how many transactions the span of one batch links to.
const maxLinks = 128

// Traces makes the spans of durable records: for each traced transaction one from its commit to the
// broker's acknowledgement, a child of the application's span; and one for the write, which links
// to them.
type Traces struct {
	tracer trace.Tracer
	name   string
	of     trace.SpanStartEventOption
}

// NewTraces makes the traces of a connector.
func NewTraces(tracer trace.Tracer, s *spec.Spec) Traces {
	return Traces{tracer: tracer, name: "capture " + s.Slot.Name,
		of: trace.WithAttributes(attribute.String("db.system.name", "postgresql"),
			attribute.String("db.namespace", s.Connection.Database), attribute.String("cdc.slot", s.Slot.Name))}
}

// Observe implements status.Observer.
func (t Traces) Observe(e status.Event) {
	d, ok := e.(*status.Delivered)
	if !ok || len(d.Summary.Traces) == 0 {
		return
	}
	links := make([]trace.Link, 0, min(len(d.Summary.Traces), maxLinks))
	for _, one := range d.Summary.Traces {
		span := t.transaction(one, d.At)
		if len(links) < maxLinks {
			links = append(links, trace.Link{SpanContext: span.SpanContext()})
		}
	}
	_, span := t.tracer.Start(context.Background(), "send "+d.Summary.Topic, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(d.Summary.Began), trace.WithLinks(links...),
		trace.WithAttributes(attribute.String("messaging.system", "kafka"),
			attribute.String("messaging.operation.name", "send"), attribute.String("messaging.operation.type", "send"),
			attribute.String("messaging.destination.name", d.Summary.Topic),
			attribute.Int("messaging.batch.message_count", d.Summary.Sent)))
	span.End(trace.WithTimestamp(d.At))
}

// transaction makes the span of a transaction that was acknowledged at ended.
func (t Traces) transaction(one buffer.Trace, ended time.Time) trace.Span {
	ctx := telemetry.WithTraceparent(context.Background(), one.Parent)
	_, span := t.tracer.Start(ctx, t.name, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithTimestamp(time.UnixMicro(one.Commit)),
		t.of, trace.WithAttributes(attribute.String("cdc.commit_lsn", one.Position.String())))
	span.End(trace.WithTimestamp(ended))
	return span
}
