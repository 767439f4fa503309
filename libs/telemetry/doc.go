// Package telemetry sets up traces, metrics and logs for one service.
//
// Model. A main package calls Start once and passes the *Telemetry to its service. Nothing is
// global except OpenTelemetry's error handler, of which a process has only one; so several services
// can run in one process, each with its own service.name.
//
//   - Traces go where the standard OTEL_* variables say (OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT,
//     OTEL_TRACES_SAMPLER, …). Without them there is no exporter and no span is recorded: the tracer is a no-op.
//   - Metrics are Prometheus metrics in Telemetry.Registry, served by MetricsHandler. They go out over OTLP as well if
//     the OTEL_* variables ask for it. Libraries that speak only OpenTelemetry get Telemetry.Meters.
//   - Logs are JSON lines by slog with the trace and span id of the context. Repeated warnings and errors are limited
//     and secrets masked (see NewLogger).
//
// Guarantee. Without OTEL_* variables no connection is opened, no goroutine started and no allocation made for a span.
package telemetry
