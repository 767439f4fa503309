package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// healthTimeout bounds one question for health.
const healthTimeout = 2 * time.Second

// ErrNotServing says that a service answers but is not ready for its work. Errors that are it say why.
var ErrNotServing = errors.New("not ready for work")

// ErrNoAnswer says that a service took a question for its health and let it wait.
var ErrNoAnswer = fmt.Errorf("no answer within %v", healthTimeout)

// whyTrailer is what a service that is not ready says why in; names that end in -bin may hold any text.
const whyTrailer = "calypso-why-bin"

// Healthy asks a service for its health; nil means that it is ready for its work.
func Healthy(ctx context.Context, connection grpc.ClientConnInterface) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	var trailer metadata.MD
	r, err := healthv1.NewHealthClient(connection).Check(ctx, &healthv1.HealthCheckRequest{}, grpc.Trailer(&trailer))
	switch {
	case status.Code(err) == codes.DeadlineExceeded:
		return ErrNoAnswer
	case err != nil:
		return errors.New(Cause(err))
	case r.Status != healthv1.HealthCheckResponse_SERVING:
		if why := trailer.Get(whyTrailer); len(why) > 0 {
			return fmt.Errorf("%w: %s", ErrNotServing, why[0])
		}
		return ErrNotServing
	}
	return nil
}

// CheckHealth is Healthy of the service at address (host:port), in plaintext, over a connection of its own.
func CheckHealth(ctx context.Context, address string) error { return TLS{}.CheckHealth(ctx, address) }

// CheckHealth is Healthy of the service at address (host:port) over a connection of its own: what
// the command healthcheck of a service does for a container, with the service's own certificate.
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

// explaining is a health server that also says why it is not ready.
type explaining struct {
	*health.Server
	// ready is nil where the server is always ready.
	ready func() error
}

// Check implements the health service.
func (e explaining) Check(ctx context.Context, q *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	r, err := e.Server.Check(ctx, q)
	if err == nil && r.Status == healthv1.HealthCheckResponse_NOT_SERVING && e.ready != nil {
		if why := e.ready(); why != nil {
			_ = grpc.SetTrailer(ctx, metadata.Pairs(whyTrailer, fmt.Sprintf("%.2000s", why.Error())))
		}
	}
	return r, err
}
