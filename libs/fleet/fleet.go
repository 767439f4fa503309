package fleet

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/metric"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/api"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/service"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// Config is the configuration of a worker of either fleet.
type Config struct {
	// Settings are those of the runtime. An empty WorkerID means GRPCAddress.
	runtime.Settings
	// Kafka are the options for connecting to the brokers.
	Kafka []kgo.Opt
	// GroupID is the fleet's consumer group, calypso-<service> if empty.
	GroupID string

	// GRPCAddress is where the services listen, HTTPAddress where /metrics, /healthz and /readyz are
	// served; an empty HTTPAddress means no HTTP.
	GRPCAddress string
	HTTPAddress string
	// TLS secures gRPC; zero means plaintext.
	TLS rpc.TLS

	// Telemetry must be set.
	Telemetry *telemetry.Telemetry
}

// NewWorker makes a worker of a fleet, whose name is the service's: capture or sink.
func (c Config) NewWorker(fleet string, meter metric.Meter, plugins ...connector.Plugin) (*Worker, error) {
	if c.GroupID == "" {
		c.GroupID = "calypso-" + fleet
	}
	if c.WorkerID == "" {
		c.WorkerID = c.GRPCAddress
	}
	worker, err := runtime.New(runtime.Config{Settings: c.Settings, Kafka: c.Kafka, GroupID: c.GroupID, Plugins: plugins,
		Logger: c.Telemetry.Logger, Meter: meter})
	if err != nil {
		return nil, err
	}
	return &Worker{runtime: worker, api: api.New(worker)}, nil
}

// Worker is one worker of a fleet: the runtime, and the service through which it is called.
type Worker struct {
	runtime *runtime.Worker
	api     *api.Server
}

// Environment returns what a connector's tasks get; see api.Server.
func (w *Worker) Environment(name string) (connector.TaskEnv, catalogue.Values, error) {
	return w.api.Environment(name)
}

// Class returns the full name of a connector's class; see api.Server.
func (w *Worker) Class(connector string) (string, error) { return w.api.Class(connector) }

// Reports reports whether this worker reports a task's status; see runtime.Worker.
func (w *Worker) Reports(connector string, task int) bool { return w.runtime.Reports(connector, task) }

// Idle returns the connectors that this worker should run but that do not run; see runtime.Worker.
func (w *Worker) Idle() []string { return w.runtime.Idle() }

// Serve runs a worker and its services until ctx ends; register adds the services that only this
// fleet has. When ctx ends the worker stops its tasks, and Serve returns nil. Without a broker the
// worker waits until there is one.
func (c Config) Serve(ctx context.Context, worker *Worker, register func(*rpc.Server)) error {
	return service.Serve(ctx, c.Telemetry, service.Endpoints{
		GRPCAddress: c.GRPCAddress, HTTPAddress: c.HTTPAddress, TLS: c.TLS, Ready: worker.runtime.Ready,
		Tasks: worker.runtime.Running,
		Register: func(server *rpc.Server) {
			connectorv1.RegisterConnectorServiceServer(server, worker.api)
			register(server)
		},
	}, worker.runtime.Run)
}

// Validate returns an error that names what is missing.
func (c Config) Validate() error {
	if c.Telemetry == nil {
		return errors.New("configuration of a worker: Telemetry is missing")
	}
	return nil
}
