package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, opts ...telemetry.Option) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.Start(context.Background(), "capture", "1.2.3", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return tel
}

func TestWithoutVariablesNothingIsSampledAndNoSpanIsAllocated(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	tracer := start(t).Tracers.Tracer("test")
	ctx, span := tracer.Start(context.Background(), "INSERT")
	if telemetry.Traceparent(ctx) != "" || span.IsRecording() {
		t.Error("a span is recorded although no exporter is configured")
	}
}

func TestSpansGoToTheReceiverThatTheVariablesName(t *testing.T) {
	got := make(chan string, 16)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		if r.URL.Path == "/v1/traces" {
			got <- body.String()
		}
	}))
	defer receiver.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.URL)
	tel, err := telemetry.Start(context.Background(), "capture", "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := tel.Tracers.Tracer("test").Start(context.Background(), "INSERT retail.orders_info")
	if telemetry.Traceparent(ctx) == "" {
		t.Error("a sampled span has no traceparent")
	}
	span.End()
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if body := <-got; !strings.Contains(body, "INSERT retail.orders_info") || !strings.Contains(body, "service.name") {
		t.Errorf("exported %q", body)
	}
}

func TestAnUnusableVariableIsNamed(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_METRICS_EXPORTER", "statsd")
	_, err := telemetry.Start(context.Background(), "capture", "1.2.3")
	if err == nil || !strings.Contains(err.Error(), "OTEL_METRICS_EXPORTER") {
		t.Errorf("error is %v", err)
	}
}

func TestMetricsAreServedForPrometheus(t *testing.T) {
	tel := start(t)
	rows := prometheus.NewCounter(prometheus.CounterOpts{Name: "cdc_capture_transactions_total", Help: "Transactions."})
	tel.Registry.MustRegister(rows)
	rows.Add(3)
	counter, err := tel.Meters.Meter("library").Int64Counter("rpc.calls")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(context.Background(), 2)
	answer := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		"cdc_capture_transactions_total 3", `cdc_build_info{version="1.2.3"} 1`, "go_goroutines", "rpc_calls_total",
	} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

func TestATraceparentSurvivesTheWayThroughAString(t *testing.T) {
	tel := start(t, telemetry.WithSpanProcessor(sdktrace.NewSimpleSpanProcessor(tracetest.NewInMemoryExporter())))
	ctx, span := tel.Tracers.Tracer("test").Start(context.Background(), "INSERT")
	defer span.End()
	sc, ok := telemetry.SpanContext(telemetry.Traceparent(ctx))
	if !ok || sc.TraceID() != span.SpanContext().TraceID() || sc.SpanID() != span.SpanContext().SpanID() ||
		!sc.IsSampled() {
		t.Errorf("%v became %v", span.SpanContext(), sc)
	}
	for _, bad := range []string{"", "00-xyz", "00-00000000000000000000000000000000-0000000000000000-01",
		strings.Repeat("0", 10000)} {
		if _, ok := telemetry.SpanContext(bad); ok {
			t.Errorf("%.60q is taken for a traceparent", bad)
		}
	}
}

func TestLogLinesCarryTheTrace(t *testing.T) {
	var out bytes.Buffer
	tel := start(t, telemetry.WithLogOutput(&out),
		telemetry.WithSpanProcessor(sdktrace.NewSimpleSpanProcessor(tracetest.NewInMemoryExporter())))
	ctx, span := tel.Tracers.Tracer("test").Start(context.Background(), "INSERT")
	defer span.End()
	tel.Logger.InfoContext(ctx, "inserted")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["trace_id"] != span.SpanContext().TraceID().String() || line["service"] != "capture" {
		t.Errorf("logged %s", out.String())
	}
}

func TestSecretsAreMaskedByTheirKeysAndTheirType(t *testing.T) {
	const canary = "canary-5f2a"
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, slog.LevelDebug)
	type settings struct{ Password config.Secret }
	log.Info("connecting", "password", canary, "aad.auth.appkey", canary, "settings", settings{canary}, "value",
		config.Secret(canary))
	if strings.Contains(out.String(), canary) {
		t.Errorf("a secret was logged: %s", out.String())
	}
}

func TestReadinessSaysWhyNot(t *testing.T) {
	tel := start(t)
	var notReady error
	handler := tel.Handler(func() error { return notReady })
	get := func(path string) (int, string) {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer.Code, answer.Body.String()
	}
	if code, _ := get("/readyz"); code != http.StatusOK {
		t.Errorf("ready, but %d", code)
	}
	notReady = errors.New("waiting for the database")
	if code, body := get("/readyz"); code != http.StatusServiceUnavailable ||
		!strings.Contains(body, "waiting for the database") {
		t.Errorf("not ready, but %d %s", code, body)
	}
	if code, _ := get("/healthz"); code != http.StatusOK {
		t.Errorf("alive, but %d", code)
	}
}

func TestServingEndsWithItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	arrived := make(chan struct{})
	go func() {
		ended <- telemetry.ServeHTTP(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done() // as a watch does
		}))
	}()
	go func() {
		if r, err := http.Get("http://" + listener.Addr().String()); err == nil {
			_ = r.Body.Close()
		}
		http.DefaultClient.CloseIdleConnections()
	}()
	<-arrived
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
