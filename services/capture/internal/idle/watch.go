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
			w.Logger.Error("The slots of captures that do not run were not looked at", "error", err)
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
	for _, name := range w.Fleet.Idle() {
		if ctx.Err() != nil {
			return
		}
		c := w.Registry.Find(name)
		if c != nil && !c.Idled() {
			continue // its task's own
		}
		env, values, err := w.Fleet.Environment(name)
		if err == nil && c != nil && maps.Equal(c.Config(), values.Raw()) {
			idle[name] = true
			continue
		}
		if err == nil {
			c, err = captureOf(ctx, env, values)
		}
		if err != nil {
			w.Logger.Warn("The slot of a capture that does not run cannot be looked at", "connector", name, "error", err)
			continue
		}
		if c != nil {
			idle[name] = true
			w.Registry.PutIdle(c)
		}
	}
	w.Registry.KeepIdle(idle)
}

// captureOf is the status of a connector that does not run; nil if it has no slot.
func captureOf(ctx context.Context, env connector.TaskEnv, values catalogue.Values) (*status.Capture, error) {
	if values.String("connector.class") == poll.Class {
		return nil, nil
	}
	s, err := spec.Parse(values)
	if err != nil || !s.Snapshot.Streams {
		return nil, err
	}
	saved, err := offsets.Read(ctx, env, s.Prefix)
	if err != nil {
		return nil, err
	}
	if saved == nil {
		saved = new(progress.Checkpoint)
	}
	return status.NewIdle(env, values.Raw(), slot.ViewOf(s), *saved), nil
}
