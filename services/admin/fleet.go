package admin

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// fleet is the workers of one service. Any worker takes any call; what only one worker knows is asked of all.
type fleet struct {
	// name is the service's: capture, sink, orders-generator.
	name string
	// any reaches whichever worker answers, in turn.
	any *grpc.ClientConn
	// workers has one connection a worker, in the order of the configured addresses.
	workers []worker
}

type worker struct {
	address    string
	connection *grpc.ClientConn
}

// dialFleet makes connections, which open when they are first used, to the workers at addresses (host:port).
func dialFleet(name string, addresses []string, files rpc.TLS, tracers trace.TracerProvider) (_ *fleet, err error) {
	f := &fleet{name: name}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	options := []grpc.DialOption{
		files.Dial(),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(tracers),
			otelgrpc.WithFilter(filters.Not(filters.HealthCheck())))),
	}
	for _, address := range addresses {
		connection, err := grpc.NewClient("dns:///"+address, options...)
		if err != nil {
			return nil, fmt.Errorf("address %q of %s: %w", address, name, err)
		}
		f.workers = append(f.workers, worker{address, connection})
	}
	workers := manual.NewBuilderWithScheme("fleet")
	state := resolver.State{}
	for _, address := range addresses {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("address %q of %s: %w", address, name, err)
		}
		// Certificates are checked for the worker's own name.
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address, ServerName: host})
	}
	workers.InitialState(state)
	f.any, err = grpc.NewClient("fleet:///"+name, append(options, grpc.WithResolvers(workers),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`))...)
	if err != nil {
		return nil, fmt.Errorf("connections to %s: %w", name, err)
	}
	return f, nil
}

func (f *fleet) close() {
	for _, w := range f.workers {
		_ = w.connection.Close()
	}
	if f.any != nil {
		_ = f.any.Close()
	}
}

func (f *fleet) addresses() string {
	var all []string
	for _, w := range f.workers {
		all = append(all, w.address)
	}
	return strings.Join(all, ", ")
}

// unreachable says of a call's error that no worker could be asked. Errors that a worker gave pass as they are: they
// carry a reason.
func (f *fleet) unreachable(err error) error {
	if status.Code(err) != codes.Unavailable || len(status.Convert(err).Details()) > 0 {
		return err
	}
	return rpc.Error(codes.Unavailable, "SERVICE_UNAVAILABLE",
		fmt.Sprintf("%s cannot be reached at %s: %s", f.name, f.addresses(), status.Convert(err).Message()))
}

// askTimeout bounds how long one worker of several may take for its answer: the others are not to wait for one that hangs.
const askTimeout = 5 * time.Second

// askAll asks every worker at once and returns the answers in the order of the workers. It fails only if no worker
// answers, or if a worker answers with an error other than NOT_FOUND and being unreachable; NOT_FOUND if all say so.
func askAll[T any](ctx context.Context, f *fleet, ask func(context.Context, *grpc.ClientConn) (T, error)) ([]T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make([]chan answer, len(f.workers))
	for i, w := range f.workers {
		answers[i] = make(chan answer, 1)
		go func() {
			asking, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			value, err := ask(asking, w.connection)
			if err != nil && asking.Err() != nil && ctx.Err() == nil {
				err = status.Errorf(codes.Unavailable, "no answer within %v", askTimeout)
			}
			answers[i] <- answer{value, err}
		}()
	}
	var values []T
	var failed []error
	for _, c := range answers {
		a := <-c
		if a.err == nil {
			values = append(values, a.value)
		} else {
			failed = append(failed, f.unreachable(a.err))
		}
	}
	if len(values) > 0 || len(failed) == 0 {
		return values, nil
	}
	// Why nothing came: what a worker said counts more than a worker that could not be asked.
	slices.SortStableFunc(failed, func(a, b error) int { return rank(a) - rank(b) })
	return nil, failed[0]
}

// askOwner asks one worker after the other until one knows the connector: what changes something must reach only the worker that
// runs the connector. Without such a worker the answer is that of the last, or that a worker could not be asked.
func askOwner[T any](ctx context.Context, f *fleet, ask func(context.Context, *grpc.ClientConn) (T, error)) (answer T, failure error) {
	for _, w := range f.workers {
		got, err := ask(ctx, w.connection)
		reason := connector.ReasonOf(err)
		switch {
		case status.Code(err) == codes.NotFound && (reason == "" || reason == connector.ReasonConnectorNotFound):
			failure = cmp.Or(failure, err)
		case status.Code(err) == codes.Unavailable:
			failure = f.unreachable(err)
		default:
			return got, err
		}
	}
	return answer, failure
}

func rank(err error) int {
	switch status.Code(err) {
	case codes.Unavailable:
		return 2
	case codes.NotFound:
		return 1
	}
	return 0
}
