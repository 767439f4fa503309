package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// healthTimeout bounds one question for health.
const healthTimeout = 2 * time.Second

// ErrNotServing says that a service answers but is not ready for its work.
var ErrNotServing = errors.New("not ready for work; its /readyz says why")

// Healthy asks a service for its health; nil means that it is ready for its work.
func Healthy(ctx context.Context, connection grpc.ClientConnInterface) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	r, err := healthv1.NewHealthClient(connection).Check(ctx, &healthv1.HealthCheckRequest{})
	switch {
	case status.Code(err) == codes.DeadlineExceeded:
		return fmt.Errorf("no answer within %v", healthTimeout)
	case err != nil:
		return errors.New(status.Convert(err).Message())
	case r.Status != healthv1.HealthCheckResponse_SERVING:
		return ErrNotServing
	}
	return nil
}

// CheckHealth is Healthy of the service at address (host:port), in plaintext, over a connection of its own.
func CheckHealth(ctx context.Context, address string) error { return TLS{}.CheckHealth(ctx, address) }

// CheckHealth is Healthy of the service at address (host:port) over a connection of its own: what the command healthcheck of a
// service does for a container, with the service's own certificate.
func (t TLS) CheckHealth(ctx context.Context, address string) error {
	connection, err := grpc.NewClient("dns:///"+address, t.Dial())
	if err != nil {
		return fmt.Errorf("health of the service at %s: %w", address, err)
	}
	defer connection.Close()
	if err := Healthy(ctx, connection); err != nil {
		return fmt.Errorf("health of the service at %s: %w", address, err)
	}
	return nil
}
