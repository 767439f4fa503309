package sink

import (
	"context"
	"fmt"
	"os"

	"github.com/calypso-cdc/calypso/services/sink/internal/api"
	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"

	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/digest/digestapi"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/fleet"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// Config is what a sink worker runs with. Its group is the fleet's: connectors have groups of their
// own, connect-<name>.
type Config struct {
	Fleet fleet.Config
	// CAFile is a PEM file of authorities to trust for clusters whose connector names none; TrustedHosts are hosts that
	// connectors may send to besides Azure's and this machine.
	CAFile       string
	TrustedHosts []string
	// Limited is as in Options.
	Limited func(bytes int64)
}

// Run runs a worker of the sink fleet until ctx ends; then it stops its tasks, commits what is in
// the tables and returns nil. It waits for the broker as long as that takes.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Fleet.Validate(); err != nil {
		return err
	}
	const scope = "github.com/calypso-cdc/calypso/services/sink"
	meter := cfg.Fleet.Telemetry.Meters.Meter(scope)
	options := Options{
		Registry: status.NewRegistry(), Meter: meter, Tracer: cfg.Fleet.Telemetry.Tracers.Tracer(scope), CAFile: cfg.CAFile,
		TrustedHosts: cfg.TrustedHosts, Limited: cfg.Limited,
		Failpoints: failpoint.Parse(os.Getenv(failpoint.Variable)),
	}
	if err := options.complete(); err != nil {
		return fmt.Errorf("register the metrics of sinks: %w", err)
	}
	plugin, err := Plugin(options)
	if err != nil {
		return err
	}
	worker, err := cfg.Fleet.NewWorker("sink", meter, plugin)
	if err != nil {
		return err
	}
	sinks, err := newService(options, worker)
	if err != nil {
		return err
	}
	open := func(ctx context.Context, values catalogue.Values, sources []digest.Description) (digest.Reader, error) {
		return openTables(ctx, values, sources, options)
	}
	return cfg.Fleet.Serve(ctx, worker, func(server *rpc.Server) {
		sinkv1.RegisterSinkServiceServer(server, sinks)
		tablev1.RegisterTableServiceServer(server, digestapi.NewServer(worker, map[string]digestapi.Open{Class: open}))
	})
}

// newService makes the service over the registry of o.
func newService(o Options, fleet api.Fleet) (*api.Service, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	return api.New(api.Worker{Registry: o.Registry, Defaults: o.defaults(), DeadLetters: deadletter.Tools{
		Memory: &o.Registry.Memory, Meters: o.meters, Tracer: o.Tracer, Failpoints: o.Failpoints}}, fleet), nil
}
