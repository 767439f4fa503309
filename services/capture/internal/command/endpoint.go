package command

import (
	"context"
	"errors"
	"sync"

	"github.com/calypso-cdc/calypso/libs/contain"
)

// ErrClosed means that the capture takes no commands now: it does not run, or does not stream yet.
var ErrClosed = errors.New("the capture takes no commands now")

// Endpoints are those of a worker's captures, by connector. They take commands C and answer with A.
type Endpoints[C, A any] struct {
	mu   sync.Mutex
	open map[string]*Endpoint[C, A] // guarded by mu
}

// Endpoint is where one capture takes commands.
type Endpoint[C, A any] struct {
	endpoints *Endpoints[C, A]
	name      string
	calls     chan call[C, A]
	closed    chan struct{}
}

type call[C, A any] struct {
	ctx     context.Context
	command C
	answer  chan<- answer[A]
}

type answer[A any] struct {
	value A
	err   error
}

// New makes endpoints, none of which is open.
func New[C, A any]() *Endpoints[C, A] {
	return &Endpoints[C, A]{open: make(map[string]*Endpoint[C, A])}
}

// Open opens a connector's endpoint and replaces that of an earlier capture. The caller must close
// it, and serve it until then.
func (e *Endpoints[C, A]) Open(connector string) *Endpoint[C, A] {
	endpoint := &Endpoint[C, A]{endpoints: e, name: connector, calls: make(chan call[C, A]), closed: make(chan struct{})}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open[connector] = endpoint
	return endpoint
}

// Close closes the endpoint. Callers that still wait for it to take their command get ErrClosed.
func (e *Endpoint[C, A]) Close() {
	e.endpoints.mu.Lock()
	if e.endpoints.open[e.name] == e {
		delete(e.endpoints.open, e.name)
	}
	e.endpoints.mu.Unlock()
	close(e.closed)
}

// Serve runs commands until ctx ends, each in a goroutine of its own, and returns when the last one
// has ended. run gets the caller's context.
func (e *Endpoint[C, A]) Serve(ctx context.Context, run func(context.Context, C) (A, error)) error {
	var running contain.Waiting
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-e.calls:
			running.Go("command", func() {
				value, err := run(c.ctx, c.command)
				c.answer <- answer[A]{value, err}
			}, func(err error) { c.answer <- answer[A]{err: err} })
		}
	}
}

// Call has the capture of a connector run a command.
func (e *Endpoints[C, A]) Call(ctx context.Context, connector string, command C) (none A, _ error) {
	e.mu.Lock()
	endpoint := e.open[connector]
	e.mu.Unlock()
	if endpoint == nil {
		return none, ErrClosed
	}
	answers := make(chan answer[A], 1)
	select {
	case endpoint.calls <- call[C, A]{ctx, command, answers}:
	case <-endpoint.closed:
		return none, ErrClosed
	case <-ctx.Done():
		return none, ctx.Err()
	}
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
