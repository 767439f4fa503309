package preflight

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/classes"
	"github.com/calypso-cdc/calypso/libs/connector/store"
	"github.com/calypso-cdc/calypso/libs/contain"
)

// maxChecks bounds how many checks may connect to sources and targets at the same time.
const maxChecks = 4

// toAnswer is how much of a caller's time is reserved for sending the answer.
const toAnswer = time.Second

// Config is what a checker is made from.
type Config struct {
	// WorkerID names the worker that looks.
	WorkerID string
	// Timeout bounds the checks of a source or target, and StoreTimeout those of the brokers.
	Timeout, StoreTimeout time.Duration
	Logger                *slog.Logger
}

// Checker looks at what a connector would work with, without changing anything.
type Checker struct {
	config  Config
	store   *store.Store
	classes *classes.Classes
	// room limits how many checks connect at the same time.
	room chan struct{}
}

// New makes a checker.
func New(config Config, store *store.Store, classes *classes.Classes) *Checker {
	return &Checker{config: config, store: store, classes: classes, room: make(chan struct{}, maxChecks)}
}

// Check looks at Kafka, and then at the source or target. It ends before its caller's deadline, so
// that a server that does not answer is reported as such, and the caller does not take it for a
// worker that does not answer.
func (c *Checker) Check(ctx context.Context, plugin connector.Plugin, v classes.Checked) []connector.Check {
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left-min(left/5, toAnswer))
		defer cancel()
	}
	registries := make(chan []connector.Check, 1)
	contain.Go("check of schema registries", func() { registries <- c.checkRegistries(ctx, plugin, v) }, func(err error) {
		c.config.Logger.Error("the check of schema registries panicked", "err", err)
		registries <- nil
	})
	found := append(c.checkBroker(ctx, plugin, v), c.checkPlugin(ctx, plugin, v)...)
	return append(found, <-registries...)
}

// checkPlugin looks at the source or target, for at most the check timeout.
func (c *Checker) checkPlugin(ctx context.Context, plugin connector.Plugin, v classes.Checked) []connector.Check {
	if plugin.Check == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	late := []connector.Check{{
		Name: "answer in time",
		Detail: fmt.Sprintf("the source or target could not be checked within %s",
			time.Until(deadline).Round(100*time.Millisecond)),
		Remedy: "Make sure that the address is right and can be reached from worker " + c.config.WorkerID + ".",
	}}
	select {
	case c.room <- struct{}{}:
	case <-ctx.Done():
		return late
	}
	found := make(chan []connector.Check, 1)
	contain.Go("check of a configuration", func() {
		defer func() { <-c.room }()
		found <- plugin.Check(ctx, v.Values)
	}, func(err error) {
		c.config.Logger.Error("the check of a configuration panicked", "class", plugin.Class, "err", err)
		found <- []connector.Check{{Name: "check",
			Detail: "the check failed because of a fault in the connector; the worker's log says more"}}
	})
	select {
	case checks := <-found:
		secrets := c.classes.Secrets(plugin, v.Config)
		for i := range checks {
			checks[i].Detail, checks[i].Remedy = secrets.Hide(checks[i].Detail), secrets.Hide(checks[i].Remedy)
		}
		return checks
	case <-ctx.Done():
		return late
	}
}
