package calypso

import (
	"context"
	"errors"
	"fmt"
)

// component is a part of the system that runs in a goroutine of its own.
type component struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid once done is closed
}

// components are the running parts, in the order of their start. They belong to one goroutine.
type components struct {
	running []*component
	// ended receives each component that ended; it has room for all.
	ended chan *component
}

const maxComponents = 16

func newComponents() *components { return &components{ended: make(chan *component, maxComponents)} }

// start runs a component until stop, or until it ends by itself. Its context does not end with any other.
func (c *components) start(name string, run func(context.Context) error) *component {
	ctx, cancel := context.WithCancel(context.Background())
	part := &component{name: name, cancel: cancel, done: make(chan struct{})}
	c.running = append(c.running, part)
	go func() {
		part.err = run(ctx)
		close(part.done)
		c.ended <- part
	}()
	return part
}

// failed returns why a component ended although nobody stopped it.
func (p *component) failed() error {
	if p.err == nil {
		return fmt.Errorf("%s ended by itself", p.name)
	}
	return fmt.Errorf("%s: %w", p.name, p.err)
}

// stop ends the components one after the other, last started first, so that each can finish its
// work with those on which it depends.
func (c *components) stop(note func(name string)) error {
	var errs []error
	for i := len(c.running) - 1; i >= 0; i-- {
		p := c.running[i]
		note(p.name)
		p.cancel()
		<-p.done
		if p.err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", p.name, p.err))
		}
	}
	return errors.Join(errs...)
}
