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

// interval is how often a worker looks which connectors are its own and do not run.
const interval = 5 * time.Second

// Fleet is what is asked of the runtime (fleet.Worker).
type Fleet interface {
	// Idle are the connectors that are this worker's to run and do not run.
	Idle() []string
	// Environment gives what a connector's task would be given here.
	Environment(connector string) (connector.TaskEnv, catalogue.Values, error)
	// Class is the full name of a connector's class.
	Class(connector string) (string, error)
}

// Watch keeps the connectors that do not run in a registry.
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
			continue // its task's own
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
				w.Logger.Warn("how far a capture had come that does not run is not known", "connector", name, "err", err)
			}
			return nil
		})
	}
	w.Registry.KeepIdle(idle)
	if err := asked.Wait(); err != nil {
		w.Logger.Error("how far captures had come that do not run is not known", "err", err)
	}
}

const (
	// positionsAtOnce is how many positions are asked for at the same time.
	positionsAtOnce = 32
	// question bounds asking for one.
	question = 3 * time.Second
)

// position learns once how far a connector had come. Its slot is watched meanwhile, even while
// Kafka, which knows, is away.
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

// captureOf is the status of a connector that does not run; nil if it has no slot.
func captureOf(env connector.TaskEnv, values catalogue.Values) (*status.Capture, error) {
	s, err := spec.Parse(values)
	if err != nil || !s.Snapshot.Streams {
		return nil, err
	}
	return status.NewIdle(env, values.Raw(), slot.ViewOf(s)), nil
}
