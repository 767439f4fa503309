package idle

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/services/capture/internal/offsets"
	"github.com/calypso-cdc/calypso/services/capture/internal/poll"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/slot"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// interval is how often a worker looks for connectors that belong to it and do not run.
const interval = 5 * time.Second

// Fleet is the part of the runtime that Watch uses (fleet.Worker).
type Fleet interface {
	// Idle lists the connectors that belong to this worker but do not run.
	Idle() []string
	// Environment returns what a connector's task would be given on this worker.
	Environment(connector string) (connector.TaskEnv, catalogue.Values, error)
	// Class is the full name of a connector's class.
	Class(connector string) (string, error)
}

// Watch keeps connectors that do not run in the registry.
type Watch struct {
	Registry *status.Registry
	Fleet    Fleet
	Logger   *slog.Logger
}

// Run looks until ctx ends.
func (w Watch) Run(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		contain.Run("watch of idle captures", func() { w.Look(ctx) }, func(err error) {
			w.Logger.Error("the slots of captures that do not run were not looked at", "err", err)
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Look looks once.
func (w Watch) Look(ctx context.Context) {
	idle := make(map[string]bool)
	asked := contain.NewGroup()
	asked.SetLimit(positionsAtOnce)
	for _, name := range w.Fleet.Idle() {
		if ctx.Err() != nil {
			return
		}
		c := w.Registry.Find(name)
		if c != nil && !c.Idled() {
			continue // its task shows it
		}
		class, err := w.Fleet.Class(name)
		if err == nil && class == poll.Class {
			continue // it has no slot
		}
		env, values, err := w.Fleet.Environment(name)
		if err == nil && (c == nil || !maps.Equal(c.Config(), values.Raw())) {
			c, err = captureOf(env, values)
		}
		if err != nil {
			w.Logger.Warn("the slot of a capture that does not run cannot be looked at", "connector", name, "err", err)
			continue
		}
		if c == nil {
			continue
		}
		idle[name] = true
		w.Registry.PutIdle(c)
		asked.Go("question for the position of a capture that does not run", func() error {
			if err := position(ctx, c, env, spec.Prefix(values)); err != nil {
				w.Logger.Warn("it is not known how far a capture that does not run had come", "connector", name, "err", err)
			}
			return nil
		})
	}
	w.Registry.KeepIdle(idle)
	if err := asked.Wait(); err != nil {
		w.Logger.Error("it is not known how far captures that do not run had come", "err", err)
	}
}

const (
	// positionsAtOnce is how many positions are asked for at the same time.
	positionsAtOnce = 32
	// question bounds asking for one.
	question = 3 * time.Second
)

// position finds out how far a connector had come, unless that is known already. Only Kafka knows;
// while it is away the slot is watched all the same.
func position(ctx context.Context, c *status.Capture, env connector.TaskEnv, prefix string) error {
	if c.Positioned() || env.BrokersAway() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, question)
	defer cancel()
	saved, err := offsets.Read(ctx, env, prefix)
	if err != nil {
		return err
	}
	if saved == nil {
		saved = new(progress.Checkpoint)
	}
	c.Observe(status.TakenUp{At: saved.At})
	return nil
}

// captureOf makes the status of a connector that does not run; nil if it has no slot.
func captureOf(env connector.TaskEnv, values catalogue.Values) (*status.Capture, error) {
	s, err := spec.Parse(values)
	if err != nil || !s.Snapshot.Streams {
		return nil, err
	}
	return status.NewIdle(env, values.Raw(), slot.ViewOf(s)), nil
}
