package contain

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Panic is the error into which a panic is turned.
type Panic struct {
	// Name is the goroutine's name.
	Name  string
	Cause any
	Stack []byte
}

func (p *Panic) Error() string {
	return fmt.Sprintf("%s panicked, which is a fault of the program: %v\n%s", p.Name, p.Cause, p.Stack)
}

// Panicked reports whether an error is, or comes from, a panic: it would come again however often what
// panicked was repeated.
func Panicked(err error) bool {
	_, panicked := errors.AsType[*Panic](err)
	return panicked
}

// Call runs f and returns its error, or its panic as a *Panic.
func Call(name string, f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &Panic{name, cause, debug.Stack()}
		}
	}()
	if at := injected.Load(); at != nil && *at == name {
		panic("a panic that a test asked for")
	}
	return f()
}

// Go starts f in a goroutine. If f panics, failed is called with the *Panic in that goroutine.
func Go(name string, f func(), failed func(error)) {
	go Run(name, f, failed)
}

// Run runs f; if it panics, failed is called with the *Panic. It is for callbacks that a library
// runs in goroutines of its own.
func Run(name string, f func(), failed func(error)) {
	if err := Call(name, func() error { f(); return nil }); err != nil {
		failed(err)
	}
}

// Again runs f until it returns or ctx ends, and starts it again after a panic, with which it calls
// failed: a loop that works for all connectors must not stop because of one of them.
func Again(ctx context.Context, name string, f func() error, failed func(error)) error {
	for {
		err := Call(name, f)
		if !Panicked(err) {
			return err
		}
		failed(err)
		select {
		case <-time.After(againAfter):
		case <-ctx.Done():
			return nil
		}
	}
}

const againAfter = time.Second

// Group is an errgroup.Group to which a panic of one of its functions is an error.
type Group struct{ group *errgroup.Group }

// NewGroup makes a group without a context: a failure cancels nothing.
func NewGroup() *Group { return &Group{new(errgroup.Group)} }

// WithContext is errgroup.WithContext.
func WithContext(ctx context.Context) (*Group, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	return &Group{group}, ctx
}

// Go starts f in the group.
func (g *Group) Go(name string, f func() error) {
	g.group.Go(func() error { return Call(name, f) })
}

// SetLimit bounds how many functions run at once.
func (g *Group) SetLimit(n int) { g.group.SetLimit(n) }

// Wait waits for all functions and returns the first error.
func (g *Group) Wait() error { return g.group.Wait() }

// Waiting waits for goroutines that return no error, like sync.WaitGroup.
type Waiting struct{ sync.WaitGroup }

// Go starts f. If it panics, failed is called with the *Panic before Wait returns.
func (w *Waiting) Go(name string, f func(), failed func(error)) {
	w.WaitGroup.Go(func() { Run(name, f, failed) })
}

// injected is the name of the goroutines that a test makes panic when they start.
var injected atomic.Pointer[string]

// Inject makes every goroutine of this name panic when it starts, until end is called. It is for
// tests.
func Inject(name string) (end func()) {
	injected.Store(&name)
	return func() { injected.Store(nil) }
}
