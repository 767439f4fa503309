// Package registries watches the schema registries of a capture that runs.
//
// Model. A converter asks its registry only when it first sees a schema: while nothing changes, a
// registry that is away, or that refuses the credentials by now, would be found out by the next ALTER
// TABLE. A Watch asks each from time to time, as preflight does before the start.
//
// Guarantees. Nothing is registered or changed. What is found is reported as background work, and
// never ends a session.
//
// A session runs one Watch, in a goroutine of its own.
package registries

import (
	"context"
	"errors"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/preflight"
	"github.com/calypso-cdc/calypso/libs/converter"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// interval is how often each registry is asked.
const interval = 30 * time.Second

// Watch asks the registries of two converters.
type Watch struct {
	Key, Value record.Converter
	// Worker is the worker's address, for remedies.
	Worker string
	Status status.Observers
}

// Run asks until ctx ends; it returns at once if no converter has a registry.
func (w Watch) Run(ctx context.Context) {
	for w.Look(ctx) {
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return
		}
	}
}

// Look asks once, and reports whether there is a registry to be asked.
func (w Watch) Look(ctx context.Context) (any bool) {
	for use, c := range map[converter.Use]record.Converter{converter.Key: w.Key, converter.Value: w.Value} {
		avro, ok := c.(*record.Avro)
		if !ok {
			continue
		}
		any = true
		found := preflight.AskRegistry(ctx, use, avro.Registry, w.Worker)
		if ctx.Err() != nil {
			return any
		}
		work := status.Worked{Work: status.Work(found.Name), Remedy: found.Remedy}
		if !found.OK {
			work.Err = errors.New(found.Detail)
		}
		w.Status.Observe(work)
	}
	return any
}
