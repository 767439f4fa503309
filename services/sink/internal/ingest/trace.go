package ingest

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"
)

// trace begins the span of a batch, linked with the traces of its records, and returns what ends
// it. When the rows are in the table, each of those traces gets a span of its own, `deliver
// <table>`, from the record's production to now, so the trace shows the whole path without a
// search.
func (t *Ingester) trace(ctx context.Context, to *target.Table, tp batch.Source,
	b *batch.Batch) (context.Context, func(error)) {
	links := make([]trace.Link, len(b.Links))
	for i, l := range b.Links {
		links[i] = trace.Link{SpanContext: l.Context}
	}
	attributes := []attribute.KeyValue{
		attribute.String("messaging.system", "kafka"), attribute.String("messaging.operation.name", "process"),
		attribute.String("messaging.destination.name", tp.Topic),
		attribute.Int("messaging.destination.partition.id", int(tp.Partition)),
		attribute.Int64("messaging.batch.message_count", b.Rows),
		attribute.String("messaging.consumer.group.name", t.Spec.Group),
		attribute.String("db.namespace", to.Route.Database), attribute.String("db.collection.name", to.Route.Table),
		attribute.String("calypso.offsets", b.Cut.String()),
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...),
		trace.WithAttributes(attributes...)}
	if len(b.Links) > 0 {
		// The batch joins its first record's trace: its requests carry that trace's id to the cluster.
		ctx = trace.ContextWithRemoteSpanContext(ctx, b.Links[0].Context)
	}
	ctx, span := t.Tracer.Start(ctx, "ingest "+to.Route.Table, options...)
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "not delivered")
			span.RecordError(err)
		}
		span.End()
		if err != nil {
			return
		}
		for _, l := range b.Links {
			_, delivered := t.Tracer.Start(trace.ContextWithRemoteSpanContext(context.Background(), l.Context),
				"deliver "+to.Route.Table,
				trace.WithTimestamp(l.Produced), trace.WithSpanKind(trace.SpanKindConsumer),
				trace.WithLinks(trace.LinkFromContext(ctx)), trace.WithAttributes(attributes...))
			delivered.End()
		}
	}
}

// requestID is the client request id of a call: it carries the trace's id where there is one.
func requestID(ctx context.Context, operation string) string {
	id := uuid.NewString()
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		id = sc.TraceID().String() + ";" + sc.SpanID().String()
	}
	return fmt.Sprintf("calypso.%s;%s", operation, id)
}
