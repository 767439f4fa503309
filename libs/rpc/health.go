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

// healthTimeout bounds one question for health.
const healthTimeout = 2 * time.Second

// ErrNotServing says that a service answers but is not ready for its work. Errors that are it say why.
var ErrNotServing = errors.New("not ready for work")

// ErrNoAnswer says that a service took a question for its health and let it wait.
var ErrNoAnswer = fmt.Errorf("no answer within %v", healthTimeout)

// whyTrailer is what a service that is not ready says why in; names that end in -bin may hold any text.
const whyTrailer = "calypso-why-bin"

// What a service says of itself beside its health, in trailers.
const (
	versionTrailer = "calypso-version"
	startedTrailer = "calypso-started" // RFC 3339
	tasksTrailer   = "calypso-tasks"
)

// About is what a service says of itself beside its health; what it does not say is zero.
type About struct {
	Version string
	// Started is when its server was made.
	Started time.Time
	// Tasks is how many tasks it runs; nil if it is none that runs tasks.
	Tasks *int
}

// Healthy asks a service for its health; nil means that it is ready for its work.
func Healthy(ctx context.Context, connection grpc.ClientConnInterface) error {
	_, err := Ask(ctx, connection)
	return err
}

// Ask asks a service for its health, as Healthy does, and for what it says of itself.
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

// aboutIn reads what a service says of itself; one of another version may say less.
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

// explaining is a health server that also says why it is not ready, and what it says of itself.
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
