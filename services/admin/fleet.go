package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// fleet is the workers of one service. Most calls can be answered by any worker; for what only one
// worker knows, all are asked.
type fleet struct {
	// name is the name of the service: capture, sink or orders-generator.
	name string
	// any makes the calls that any worker can answer.
	any anyWorker
	// workers are in the order of the configured addresses, each with a connection.
	workers []*worker
	// connectors and plugins are those that it listed last.
	connectors recall[*connectorv1.Connector]
	plugins    recall[*connectorv1.Plugin]
}

// worker is a worker of a fleet.
type worker struct {
	address    string
	connection *grpc.ClientConn
	files      rpc.TLS
	// silent is true if the worker did not answer when it was last asked for its health, like a
	// process that is stopped or starved. It is then asked nothing else, so that however many
	// questions a look consists of, none waits for it. readiness keeps asking for its health.
	silent atomic.Bool
	// seen is the result of the last question for its health; nil before the first.
	seen atomic.Pointer[sighting]
	// unready is why the worker could not work when it was last asked for its health; empty if it
	// could.
	unready atomic.Pointer[string]
}

// sighting is whether a worker could work, and since when that has been so.
type sighting struct {
	serving bool
	since   time.Time
}

// sees notes whether the worker can work now, and returns since when that has been so. For a worker
// that was never seen otherwise that is its start, if it says when it started, which earlier
// releases do not.
func (w *worker) sees(serving bool, started, now time.Time) time.Time {
	for {
		last := w.seen.Load()
		next := &sighting{serving, now}
		switch {
		case last != nil && last.serving == serving && !started.After(last.since):
			return last.since
		case serving && !started.IsZero() && (last == nil || started.After(last.since)):
			next.since = started
		}
		if w.seen.CompareAndSwap(last, next) {
			return next.since
		}
	}
}

// keepAlive ends the connections to workers that have gone silent, and with them the calls that
// have no deadline. Workers accept a ping every ten seconds at most.
var keepAlive = keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}

// dialFleet makes connections, which open when they are first used, to the workers at addresses (host:port).
func dialFleet(name string, addresses []string, files rpc.TLS, tracers trace.TracerProvider) (_ *fleet, err error) {
	f := &fleet{name: name}
	f.any.fleet = f
	f.any.turn = new(atomic.Uint32)
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	for _, address := range addresses {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, fmt.Errorf("address %q of %s: %w", address, name, err)
		}
		connection, err := grpc.NewClient("dns:///"+address, files.Dial(), grpc.WithKeepaliveParams(keepAlive),
			grpc.WithStatsHandler(otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(tracers),
				otelgrpc.WithFilter(filters.Not(filters.HealthCheck())))))
		if err != nil {
			return nil, fmt.Errorf("address %q of %s: %w", address, name, err)
		}
		f.workers = append(f.workers, &worker{address: address, connection: connection, files: files})
	}
	return f, nil
}

func (f *fleet) close() {
	for _, w := range f.workers {
		_ = w.connection.Close()
	}
}

// unreachable says of a call's error that no worker could be asked, and names those that were. Errors
// that a worker gave pass as they are: they carry a reason.
func (f *fleet) unreachable(err error) error {
	if !unasked(err) {
		return err
	}
	return f.away(rpc.Cause(err))
}

// unasked says of a call's error that it is not a worker's: those carry a reason.
func unasked(err error) bool {
	return status.Code(err) == codes.Unavailable && len(status.Convert(err).Details()) == 0
}

// away is the error of a fleet that cannot be reached. The causes name those workers that they are about.
func (f *fleet) away(cause string) error {
	where := ""
	if !slices.ContainsFunc(f.workers, func(w *worker) bool { return strings.Contains(cause, w.address) }) {
		var all []string
		for _, w := range f.workers {
			all = append(all, w.address)
		}
		where = " at " + strings.Join(all, ", ")
	}
	return rpc.Error(codes.Unavailable, "SERVICE_UNAVAILABLE",
		fmt.Sprintf("%s cannot be reached%s: %s", f.name, where, cause))
}

// away is the error of a worker that cannot be asked, which names its address once.
func (w *worker) away(cause string) error {
	if !strings.Contains(cause, w.address) {
		cause = w.address + ": " + cause
	}
	return status.Error(codes.Unavailable, cause)
}

const (
	// askTimeout bounds how long one worker may take to answer, so that others do not wait for one
	// that hangs.
	askTimeout = 5 * time.Second
	// checkTimeout is the same bound for calls for which the worker asks the servers that a
	// configuration names, which may be slow (10 s) even if the worker is not.
	checkTimeout = 20 * time.Second
	// connectTimeout bounds how long a connection may take before another worker is called.
	connectTimeout = time.Second
)

// within asks a worker, which has until limit to answer. A worker that does not answer in time
// counts as unreachable.
func (w *worker) within(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	if w.silent.Load() {
		return w.noAnswer()
	}
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := ask(asking)
	if err != nil && ctx.Err() != nil {
		return err // the caller's own time is over, which says nothing about the worker
	}
	if err != nil && (asking.Err() != nil || status.Code(err) == codes.DeadlineExceeded) {
		// the worker may notice the deadline first
		return status.Errorf(codes.Unavailable, "%s does not answer, at least not within %v%s", w.address,
			limit, w.trouble())
	}
	if unasked(err) {
		return w.away(rpc.Cause(err))
	}
	return err
}

// answerTime is how long a worker may take to answer a method.
func answerTime(method string) time.Duration {
	if method == connectorv1.ConnectorService_ValidateConfig_FullMethodName {
		return checkTimeout
	}
	return askTimeout
}

func (w *worker) noAnswer() error {
	return status.Errorf(codes.Unavailable, "%s does not answer", w.address)
}

// trouble says what keeps a worker from working, as the end of a sentence: a worker that does not
// answer may itself be waiting for Kafka.
func (w *worker) trouble() string {
	if why := w.unready.Load(); why != nil && *why != "" {
		return ": " + *why
	}
	return ""
}

// ready returns why a worker cannot be given a call that may change something, and is therefore
// made only once; nil if it can.
func (w *worker) ready(ctx context.Context) error {
	if w.silent.Load() {
		return w.noAnswer()
	}
	waiting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for {
		state := w.connection.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.Idle:
			w.connection.Connect()
		case connectivity.TransientFailure, connectivity.Shutdown:
			// The connection does not say why it failed, but a call over it does.
			if err := rpc.Healthy(ctx, w.connection); err != nil && !errors.Is(err, rpc.ErrNotServing) {
				return w.away(err.Error())
			}
			return nil
		}
		if !w.connection.WaitForStateChange(waiting, state) {
			return status.Errorf(codes.Unavailable, "%s cannot be connected to", w.address)
		}
	}
}

// anyWorker makes calls to any worker of a fleet that answers, beginning with a different one each
// time. It implements grpc.ClientConnInterface.
type anyWorker struct {
	fleet *fleet
	turn  *atomic.Uint32
}

// inTurn lists the workers in the order in which to ask them, silent ones last.
func (a anyWorker) inTurn() []*worker {
	all := a.fleet.workers
	if len(all) == 0 {
		return nil
	}
	first := int(a.turn.Add(1)) % len(all)
	turn := slices.Concat(all[first:], all[:first])
	slices.SortStableFunc(turn, func(a, b *worker) int {
		switch silent := a.silent.Load(); {
		case silent == b.silent.Load():
			return 0
		case silent:
			return 1
		}
		return -1
	})
	return turn
}

// Invoke implements grpc.ClientConnInterface. A call that only reads goes to one worker after the
// other until one answers. A call that changes something goes to one worker, which may take its
// time.
func (a anyWorker) Invoke(ctx context.Context, method string, q, answer any, options ...grpc.CallOption) error {
	var failed []string
	for _, w := range a.inTurn() {
		var err error
		if changes(method) {
			if err = w.ready(ctx); err == nil {
				return w.connection.Invoke(ctx, method, q, answer, options...)
			}
		} else {
			err = w.within(ctx, answerTime(method), func(ctx context.Context) error {
				return w.connection.Invoke(ctx, method, q, answer, options...)
			})
		}
		if !unasked(err) {
			return err
		}
		failed = append(failed, status.Convert(err).Message())
	}
	return status.Error(codes.Unavailable, strings.Join(failed, "; "))
}

// NewStream implements grpc.ClientConnInterface.
func (a anyWorker) NewStream(ctx context.Context, d *grpc.StreamDesc, method string,
	options ...grpc.CallOption) (grpc.ClientStream, error) {
	var failed []string
	for _, w := range a.inTurn() {
		err := w.ready(ctx)
		if err == nil {
			return w.connection.NewStream(ctx, d, method, options...)
		}
		failed = append(failed, status.Convert(err).Message())
	}
	return nil, status.Error(codes.Unavailable, strings.Join(failed, "; "))
}

// unansweredHeader names, in an answer that is composed from several workers, the workers whose
// answers are missing.
const unansweredHeader = "calypso-unanswered"

// askAll asks every worker at once and returns the answers in the order of the workers. It fails only if no worker
// answers, or if a worker answers with an error other than NOT_FOUND and being unreachable; NOT_FOUND if all say so. Of
// workers that cannot be reached all are named.
func askAll[T any](ctx context.Context, f *fleet, ask func(context.Context, *grpc.ClientConn) (T, error)) ([]T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make([]chan answer, len(f.workers))
	for i, w := range f.workers {
		answers[i] = make(chan answer, 1)
		contain.Go("question to a worker", func() {
			var a answer
			a.err = w.within(ctx, askTimeout, func(ctx context.Context) (err error) {
				a.value, err = ask(ctx, w.connection)
				return err
			})
			answers[i] <- a
		}, func(err error) { answers[i] <- answer{err: status.Error(codes.Internal, err.Error())} })
	}
	var values []T
	var failed []error
	var unanswered, away []string
	for i, c := range answers {
		a := <-c
		if a.err == nil {
			values = append(values, a.value)
			continue
		}
		failed = append(failed, f.unreachable(a.err))
		if status.Code(a.err) == codes.Unavailable {
			unanswered = append(unanswered, f.name+" at "+f.workers[i].address)
		}
		if unasked(a.err) {
			away = append(away, status.Convert(a.err).Message())
		}
	}
	if len(values) > 0 || len(failed) == 0 {
		if len(unanswered) > 0 {
			// fails for calls within admin, which need no header
			_ = grpc.SetHeader(ctx, metadata.Pairs(unansweredHeader, strings.Join(unanswered, ", ")))
		}
		return values, nil
	}
	// The error to return: what a worker said counts more than a worker that could not be asked.
	slices.SortStableFunc(failed, func(a, b error) int { return rank(a) - rank(b) })
	if len(away) == len(f.workers) {
		return nil, f.away(strings.Join(away, "; "))
	}
	return nil, failed[0]
}

// askOwner asks one worker after the other until one knows the connector. If none does, the error
// is the last worker's, or that a worker could not be asked.
func askOwner[T any](ctx context.Context, f *fleet, ask func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	return fromOwner(f, func(w *worker) (answer T, err error) {
		err = w.within(ctx, askTimeout, func(ctx context.Context) (err error) {
			answer, err = ask(ctx, w.connection)
			return err
		})
		return answer, err
	})
}

// tellOwner is askOwner for a call that changes something: it must reach only the worker that runs
// the connector, which may take its time.
func tellOwner[T any](ctx context.Context, f *fleet,
	tell func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	return fromOwner(f, func(w *worker) (T, error) {
		if err := w.ready(ctx); err != nil {
			var none T
			return none, err
		}
		return tell(ctx, w.connection)
	})
}

func fromOwner[T any](f *fleet, ask func(*worker) (T, error)) (answer T, failure error) {
	var away []string
	for _, w := range f.workers {
		got, err := ask(w)
		reason := connector.ReasonOf(err)
		switch {
		case status.Code(err) == codes.NotFound && (reason == "" || reason == connector.ReasonConnectorNotFound):
			failure = cmp.Or(failure, err)
		case unasked(err):
			away = append(away, rpc.Cause(err))
			failure = f.away(strings.Join(away, "; "))
		case status.Code(err) == codes.Unavailable:
			failure = err
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
