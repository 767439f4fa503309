package command

import (
	"context"
	"errors"
	"sync"

	"github.com/calypso-cdc/calypso/libs/contain"
)

// ErrClosed says that the capture takes no commands now.
var ErrClosed = errors.New("the capture takes no commands now")

// Doors lead to the captures of a worker, with commands C that are answered by A.
type Doors[C, A any] struct {
	mu   sync.Mutex
	open map[string]*Door[C, A] // guarded by mu
}

// Door leads to one capture.
type Door[C, A any] struct {
	doors  *Doors[C, A]
	name   string
	calls  chan call[C, A]
	closed chan struct{}
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

// New makes doors, none of which is open.
func New[C, A any]() *Doors[C, A] { return &Doors[C, A]{open: make(map[string]*Door[C, A])} }

// Open opens a connector's door, in the place of one that leads to an earlier capture. Close must
// follow, and Serve in between.
func (d *Doors[C, A]) Open(connector string) *Door[C, A] {
	door := &Door[C, A]{doors: d, name: connector, calls: make(chan call[C, A]), closed: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[connector] = door
	return door
}

// Close closes the door. Who waits before it gets ErrClosed.
func (d *Door[C, A]) Close() {
	d.doors.mu.Lock()
	if d.doors.open[d.name] == d {
		delete(d.doors.open, d.name)
	}
	d.doors.mu.Unlock()
	close(d.closed)
}

// Serve has commands obeyed until ctx ends, each in a goroutine of its own, and returns when the
// last one is. obey gets the caller's context.
func (d *Door[C, A]) Serve(ctx context.Context, obey func(context.Context, C) (A, error)) error {
	var obeying contain.Waiting
	defer obeying.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-d.calls:
			obeying.Go("command", func() {
				value, err := obey(c.ctx, c.command)
				c.answer <- answer[A]{value, err}
			}, func(err error) { c.answer <- answer[A]{err: err} })
		}
	}
}

// Call has a command obeyed by the capture of a connector.
func (d *Doors[C, A]) Call(ctx context.Context, connector string, command C) (none A, _ error) {
	d.mu.Lock()
	door := d.open[connector]
	d.mu.Unlock()
	if door == nil {
		return none, ErrClosed
	}
	answers := make(chan answer[A], 1)
	select {
	case door.calls <- call[C, A]{ctx, command, answers}:
	case <-door.closed:
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
