package capture

import (
	"context"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/digest/digestapi"
	"github.com/calypso-cdc/calypso/libs/fleet"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/capture/internal/digests"
	"github.com/calypso-cdc/calypso/services/capture/internal/idle"
)

// Config is what a capture worker runs with.
type Config struct {
	Fleet fleet.Config
	// Delivery is ExactlyOnce by default.
	Delivery Delivery
}

// Run runs a worker of the capture fleet until ctx ends; then it stops its tasks, lets them finish
// what is being delivered, and returns nil. It waits for the broker as long as that takes.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Fleet.Validate(); err != nil {
		return err
	}
	const scope = "github.com/calypso-cdc/calypso/services/capture"
	meter := cfg.Fleet.Telemetry.Meters.Meter(scope)
	registry := NewRegistry()
	plugins, err := Plugins(Options{Registry: registry, Delivery: cfg.Delivery, Meter: meter,
		Tracer: cfg.Fleet.Telemetry.Tracers.Tracer(scope)})
	if err != nil {
		return err
	}
	worker, err := cfg.Fleet.NewWorker("capture", meter, plugins...)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	var watcher contain.Waiting
	defer watcher.Wait()
	defer stop()
	watcher.Go("watch of all idle captures", func() {
		idle.Watch{Registry: registry.captures, Fleet: worker, Logger: cfg.Fleet.Telemetry.Logger}.Run(watching)
	}, func(err error) {
		cfg.Fleet.Telemetry.Logger.Error("the slots of captures that do not run are no longer watched; restart the worker",
			"err", err)
	})
	return cfg.Fleet.Serve(ctx, worker, func(server *rpc.Server) {
		capturev1.RegisterCaptureServiceServer(server, NewService(registry, worker))
		tablev1.RegisterTableServiceServer(server, digestapi.NewServer(worker,
			map[string]digestapi.Open{Class: digests.Open}))
	})
}
