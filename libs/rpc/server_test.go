package rpc_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// panicking is a service whose every call panics.
type panicking struct {
	ordersv1.UnimplementedOrdersServiceServer
}

func (panicking) GetStatistics(context.Context, *ordersv1.GetStatisticsRequest) (*ordersv1.GetStatisticsResponse,
	error) {
	panic("canary")
}

// serve runs a server until the returned function is called, which returns what Serve did.
func serve(t *testing.T, config rpc.Config) (*grpc.ClientConn, func() error) {
	t.Helper()
	config.Logger = slog.New(slog.DiscardHandler)
	server := rpc.NewServer(config)
	ordersv1.RegisterOrdersServiceServer(server, panicking{})
	listener := bufconn.Listen(1 << 20)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	connection, err := grpc.NewClient("passthrough:///server", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection, func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			return errors.New("Serve does not return")
		}
	}
}

func TestHealthFollowsReadinessForTheServerAndEachService(t *testing.T) {
	var ready atomic.Bool
	connection, stop := serve(t, rpc.Config{Ready: func() error {
		if ready.Load() {
			return nil
		}
		return errors.New("not yet")
	}})
	health := healthv1.NewHealthClient(connection)
	await := func(service string, want healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		deadline := time.Now().Add(patience)
		for {
			response, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
			if err == nil && response.Status == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%q: %v %v, want %s", service, response, err, want)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	await("", healthv1.HealthCheckResponse_NOT_SERVING)
	await("readiness", healthv1.HealthCheckResponse_NOT_SERVING)
	await("liveness", healthv1.HealthCheckResponse_SERVING)
	if err := rpc.Healthy(t.Context(), connection); !errors.Is(err, rpc.ErrNotServing) ||
		!strings.Contains(err.Error(), "not yet") {
		t.Errorf("the health of a server that is not ready hides why: %v", err)
	}
	ready.Store(true)
	await("", healthv1.HealthCheckResponse_SERVING)
	await("readiness", healthv1.HealthCheckResponse_SERVING)
	await("calypso.orders.v1.OrdersService", healthv1.HealthCheckResponse_SERVING)
	ready.Store(false)
	await("calypso.orders.v1.OrdersService", healthv1.HealthCheckResponse_NOT_SERVING)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestAPanicFailsTheCallAndNotTheServer(t *testing.T) {
	connection, stop := serve(t, rpc.Config{})
	for range 2 {
		_, err := ordersv1.NewOrdersServiceClient(connection).GetStatistics(t.Context(), &ordersv1.GetStatisticsRequest{})
		if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestAnOpenStreamDoesNotKeepTheServerFromStopping(t *testing.T) {
	connection, stop := serve(t, rpc.Config{})
	stream, err := healthv1.NewHealthClient(connection).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
}

func TestServicesAreListedByReflection(t *testing.T) {
	connection, stop := serve(t, rpc.Config{})
	stream, err := reflectionv1.NewServerReflectionClient(connection).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(
		&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil || !strings.Contains(response.String(), "calypso.orders.v1.OrdersService") {
		t.Errorf("%v %v", response, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
