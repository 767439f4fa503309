package capture

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/services/capture/internal/poll"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// watchInterval is how often a worker looks which connectors are its own and do not run.
const watchInterval = 5 * time.Second

// watch keeps those connectors on the board, paused, stopped or failed, until ctx ends: the server keeps log for their slots whether
// somebody reads them or not, and the board is where slots are looked at.
func (b *Board) watch(ctx context.Context, fleet Fleet, logger *slog.Logger) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		contain.Run("watch of idle captures", func() { b.attend(ctx, fleet, logger) }, func(err error) {
			logger.Error("The slots of captures that do not run were not looked at", "error", err)
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// attend makes the entries of idle connectors what they are to be.
func (b *Board) attend(ctx context.Context, fleet Fleet, logger *slog.Logger) {
	idle := make(map[string]bool)
	for _, name := range fleet.Idle() {
		if ctx.Err() != nil {
			return
		}
		e := b.find(name)
		if e != nil && !e.idled() {
			continue // its task's own
		}
		env, values, err := fleet.Environment(name)
		if err == nil && e != nil && maps.Equal(e.config, values.Raw()) {
			idle[name] = true
			continue
		}
		if err == nil {
			e, err = idleEntry(ctx, b, env, values)
		}
		if err != nil {
			logger.Warn("The slot of a capture that does not run cannot be looked at", "connector", name, "error", err)
			continue
		}
		if e != nil {
			idle[name] = true
			b.put(e)
		}
	}
	b.keepIdle(idle)
}

// idleEntry is the entry of a connector that does not run; nil if it has no slot.
func idleEntry(ctx context.Context, b *Board, env connector.TaskEnv, values catalogue.Values) (*entry, error) {
	if values.String("connector.class") == poll.Class {
		return nil, nil
	}
	s, err := spec.Parse(values)
	if err != nil || !s.Snapshot.Streams {
		return nil, err
	}
	e := newEntry(b, env, s)
	e.config = values.Raw()
	e.state.Reason = "Its task does not run; its slot is watched."
	saved, err := readCheckpoint(ctx, env, s.Prefix)
	if err != nil {
		return nil, err
	}
	if saved != nil {
		e.state.DurableLsn = saved.At.Commit.String()
	}
	return e, nil
}

// idled says whether the entry is that of a connector that does not run.
func (e *entry) idled() bool { return e.config != nil }

// put puts an idle entry on the board unless a task has come.
func (b *Board) put(e *entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if there := b.entries[e.name]; there == nil || there.idled() {
		b.entries[e.name] = e
	}
}

// keepIdle takes idle entries off that are not named.
func (b *Board) keepIdle(names map[string]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.entries, func(name string, e *entry) bool { return e.idled() && !names[name] })
}
