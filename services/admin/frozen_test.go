package admin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// frozen is the address of a worker that takes connections and calls and answers none, as a process
// does that is stopped (SIGSTOP).
func frozen(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		<-stream.Context().Done()
		return status.FromContextError(stream.Context().Err()).Err()
	}))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { server.Stop(); <-ended })
	return listener.Addr().String()
}

func TestAFrozenWorkerOfEachFleetIsNamedAndHoldsNoCallUp(t *testing.T) {
	captureGone, sinkGone := frozen(t), frozen(t)
	s := start(t, func(c *Config) {
		c.Capture, c.Sink = append(c.Capture, captureGone), append([]string{sinkGone}, c.Sink...)
	})
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.retail.orders_info"})
	s.await(t, "src", connectorv1.State_STATE_RUNNING)
	s.await(t, "adx", connectorv1.State_STATE_RUNNING)
	for _, call := range []struct{ method, path, want string }{
		{"GET", "/connectors", `"src"`},
		{"GET", "/connectors?expand=status&expand=info", `"src"`},
		{"GET", "/connectors/src/status", `"RUNNING"`},
		{"GET", "/connectors/adx/status", `"RUNNING"`},
		{"GET", "/connector-plugins", sinkClass},
		{"GET", "/v1/pipelines", sinkGone},
		{"GET", "/v1/pipelines/src", sinkGone},
		{"GET", "/v1/health", captureGone},
		{"GET", "/v1/captures", "captures"},
		{"GET", "/v1/sinks", "sinks"},
		{"PUT", "/connectors/src/pause", ""},
		{"PUT", "/connectors/src/resume", ""},
		{"POST", "/connectors/adx/restart", ""},
		{"GET", "/readyz", "ready"},
	} {
		for range 3 { // whoever's turn it is
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // Connect's own clients give up after 90
			r, err := http.NewRequestWithContext(ctx, call.method, s.http+call.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
			if err != nil {
				t.Errorf("%s %s: %v", call.method, call.path, err)
				cancel()
				continue
			}
			var body strings.Builder
			_ = answer.Write(&body)
			cancel()
			if answer.StatusCode >= 300 || !strings.Contains(body.String(), call.want) {
				t.Errorf("%s %s lacks %q: %s", call.method, call.path, call.want, &body)
			}
			if (call.path == "/v1/captures" || call.path == "/v1/sinks") && !strings.Contains(body.String(), "at 127.0.0.1") {
				t.Errorf("%s does not name who did not answer: %s", call.path, &body)
			}
		}
	}
}

func TestAFleetOfWhichAllWorkersFreezeIsNamedAndItsPipelinesAreStillShown(t *testing.T) {
	var sinks *testenv.Proxy
	s := start(t, func(c *Config) {
		sinks = testenv.RunProxy(t, c.Sink[0])
		c.Sink = []string{sinks.Addr, frozen(t), frozen(t), frozen(t), frozen(t)}
	})
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.retail.orders_info"})
	s.await(t, "src", connectorv1.State_STATE_RUNNING)
	s.await(t, "adx", connectorv1.State_STATE_RUNNING)
	if code, body, _ := s.request(t, "GET", "/v1/pipelines", ""); code != http.StatusOK ||
		!strings.Contains(body, `"adx"`) {
		t.Fatalf("before: %d %s", code, body)
	}
	sinks.Stall()
	for _, path := range []string{"/v1/pipelines", "/v1/pipelines/src"} {
		code, body, _ := s.request(t, "GET", path, "")
		if code != http.StatusOK || !strings.Contains(body, sinks.Addr+": ") || !strings.Contains(body, "VERDICT_BROKEN") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	sinks.Heal()
	testenv.Eventually(t, time.Minute, "the sink answers again", func(context.Context) error {
		if code, body, _ := s.request(t, "GET", "/connectors/adx/status", ""); code != http.StatusOK {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
}

// slowChecks is a worker whose checks of a configuration take a while, as where the database is slow.
type slowChecks struct {
	connectorv1.UnimplementedConnectorServiceServer
	takes time.Duration
}

func (s slowChecks) ValidateConfig(ctx context.Context,
	q *connectorv1.ValidateConfigRequest) (*connectorv1.ValidateConfigResponse, error) {
	select {
	case <-time.After(s.takes):
		return &connectorv1.ValidateConfigResponse{Name: "checked for " + q.Config["name"]}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

func TestAValidationWaitsForASlowDatabaseAndGoesToAnotherWorkerThanOneThatFreezes(t *testing.T) {
	slow := rpc.NewServer(rpc.Config{})
	connectorv1.RegisterConnectorServiceServer(slow, slowChecks{takes: askTimeout + time.Second})
	address, _ := serve(t, slow)
	frozen := testenv.RunProxy(t, address)
	f, err := dialFleet("capture", []string{frozen.Addr, address}, rpc.TLS{}, noop.NewTracerProvider())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	validate := func(ctx context.Context) error {
		answer, err := connectorv1.NewConnectorServiceClient(f.any).ValidateConfig(ctx,
			&connectorv1.ValidateConfigRequest{Config: map[string]string{"name": "a"}})
		if err == nil && answer.Name != "checked for a" {
			return fmt.Errorf("answered %v", answer)
		}
		return err
	}
	for range 2 { // each worker once
		if err := validate(t.Context()); err != nil {
			t.Errorf("with a slow database: %v", err)
		}
	}
	frozen.Stall()
	for range 2 {
		if err := validate(t.Context()); err != nil {
			t.Errorf("with one worker frozen: %v", err)
		}
	}
	// Whoever asks has less patience than a worker may take.
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := validate(ctx); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("with a patience of a second: %v", err)
	}
	both := f.workers
	defer func() { f.workers = both }() // to be closed
	f.workers = both[:1]
	if err := validate(t.Context()); status.Code(err) != codes.Unavailable ||
		!strings.Contains(err.Error(), frozen.Addr) {
		t.Errorf("with all workers frozen: %v", err)
	}
}
