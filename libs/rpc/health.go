package rpc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// healthTimeout bounds one health check.
const healthTimeout = 2 * time.Second

// ErrNotServing means that a service answers but is not ready for its work. Errors that wrap it say
// why.
var ErrNotServing = errors.New("not ready for work")

// ErrNoAnswer means that a service accepted a health check but did not answer in time.
var ErrNoAnswer = fmt.Errorf("no answer within %v", healthTimeout)

// whyTrailer is the trailer in which a service says why it is not ready; trailers whose names end
// in -bin may hold any text.
const whyTrailer = "calypso-why-bin"

// Trailers in which a service tells more about itself.
const (
	versionTrailer = "calypso-version"
	startedTrailer = "calypso-started" // RFC 3339
	tasksTrailer   = "calypso-tasks"
)

// About is what a service tells about itself besides its health; fields that it does not tell are
// zero.
type About struct {
	Version string
	// Started is when its server was created.
	Started time.Time
	// Tasks is how many tasks it runs; nil for a service that does not run tasks.
	Tasks *int
}

// Healthy checks the health of a service; nil means that it is ready for its work.
func Healthy(ctx context.Context, connection grpc.ClientConnInterface) error {
	_, err := Ask(ctx, connection)
	return err
}

// Ask checks the health of a service like Healthy, and returns what the service tells about itself.
func Ask(ctx context.Context, connection grpc.ClientConnInterface) (About, error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	var trailer metadata.MD
	r, err := healthv1.NewHealthClient(connection).Check(ctx, &healthv1.HealthCheckRequest{}, grpc.Trailer(&trailer))
	about := aboutIn(trailer)
	switch {
	case status.Code(err) == codes.DeadlineExceeded:
		return about, ErrNoAnswer
	case err != nil:
		return about, errors.New(Cause(err))
	case r.Status != healthv1.HealthCheckResponse_SERVING:
		if why := trailer.Get(whyTrailer); len(why) > 0 {
			return about, fmt.Errorf("%w: %s", ErrNotServing, why[0])
		}
		return about, ErrNotServing
	}
	return about, nil
}

// aboutIn reads what a service tells about itself; another version may tell less.
func aboutIn(trailer metadata.MD) (a About) {
	first := func(key string) string {
		if values := trailer.Get(key); len(values) > 0 {
			return values[0]
		}
		return ""
	}
	a.Version = first(versionTrailer)
	if at, err := time.Parse(time.RFC3339, first(startedTrailer)); err == nil {
		a.Started = at
	}
	if n, err := strconv.Atoi(first(tasksTrailer)); err == nil {
		a.Tasks = &n
	}
	return a
}

// CheckHealth is Healthy for the service at address (host:port), in plaintext, over a connection of
// its own.
func CheckHealth(ctx context.Context, address string) error { return TLS{}.CheckHealth(ctx, address) }

// CheckHealth is Healthy for the service at address (host:port), over a connection of its own. A
// service's command healthcheck calls it for containers, with the service's own certificate.
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

// explaining is a health server that also says why the service is not ready, and tells more about
// it.
type explaining struct {
	*health.Server
	config  Config
	started time.Time
}

// Check implements the health service.
func (e explaining) Check(ctx context.Context, q *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	r, err := e.Server.Check(ctx, q)
	said := metadata.Pairs(versionTrailer, e.config.Version, startedTrailer, e.started.Format(time.RFC3339))
	if e.config.Tasks != nil {
		said.Set(tasksTrailer, strconv.Itoa(e.config.Tasks()))
	}
	if err == nil && r.Status == healthv1.HealthCheckResponse_NOT_SERVING && e.config.Ready != nil {
		if why := e.config.Ready(); why != nil {
			said.Set(whyTrailer, fmt.Sprintf("%.2000s", why.Error()))
		}
	}
	_ = grpc.SetTrailer(ctx, said)
	return r, err
}
