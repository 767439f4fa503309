package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TraceparentKey is the name of the W3C trace context header
// (https://www.w3.org/TR/trace-context/): of the Kafka header, and the prefix of the logical
// message with which an application passes its trace to capture.
const TraceparentKey = "traceparent"

// Traceparent returns the W3C traceparent of the span in ctx, or "" if there is no span or it is
// not sampled, so that an unsampled row costs nothing.
func Traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[TraceparentKey]
}

// WithTraceparent returns a context whose parent span is the one that traceparent names. If
// traceparent is not valid, it returns ctx.
func WithTraceparent(ctx context.Context, traceparent string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{TraceparentKey: traceparent})
}

// SpanContext returns the remote span that traceparent names; ok is false if it is not a valid traceparent.
func SpanContext(traceparent string) (sc trace.SpanContext, ok bool) {
	sc = trace.SpanContextFromContext(WithTraceparent(context.Background(), traceparent))
	return sc, sc.IsValid()
}
