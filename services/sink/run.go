package sink

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/service"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// Config is what a sink worker runs with.
type Config struct {
	// Kafka are the options to connect to the brokers with.
	Kafka []kgo.Opt
	// GroupID is the fleet's consumer group, "calypso-sink" if empty. Connectors have groups of their own, connect-<name>.
	GroupID string
	// WorkerID is this worker's name in status, host:port; GRPCAddress if empty.
	WorkerID string
	// ConfigTopic, StatusTopic and OffsetsTopic are the runtime's compacted topics; its defaults if empty.
	ConfigTopic, StatusTopic, OffsetsTopic string
	// ReplicationFactor of topics that the runtime makes; -1, the broker's default, if 0.
	ReplicationFactor int16
	// References are the files and environment variables that configurations may refer to.
	References connector.References

	// CAFile is a PEM file of authorities to trust for clusters whose connector names none; TrustedHosts are hosts that
	// connectors may send to besides Azure's and this machine.
	CAFile       string
	TrustedHosts []string

	// GRPCAddress is where ConnectorService and SinkService listen, HTTPAddress where /metrics, /healthz and /readyz do; no
	// HTTP if it is empty.
	GRPCAddress string
	HTTPAddress string
	// TLS secures gRPC; plaintext if it is zero.
	TLS rpc.TLS

	Telemetry *telemetry.Telemetry
}

// Run runs a worker of the sink fleet until ctx ends; then it stops its tasks, commits what is in the tables and returns nil. It
// waits for the broker as long as that takes.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Telemetry == nil {
		return errors.New("configuration of sink: Telemetry is missing")
	}
	if cfg.GroupID == "" {
		cfg.GroupID = "calypso-sink"
	}
	if cfg.WorkerID == "" {
		cfg.WorkerID = cfg.GRPCAddress
	}
	const scope = "github.com/calypso-cdc/calypso/services/sink"
	meter := cfg.Telemetry.Meters.Meter(scope)
	board := NewBoard()
	options := Options{
		Board: board, Meter: meter, Tracer: cfg.Telemetry.Tracers.Tracer(scope), CAFile: cfg.CAFile, TrustedHosts: cfg.TrustedHosts,
		Failpoints: failpoint.Parse(os.Getenv(failpoint.Variable)),
	}
	if err := options.complete(); err != nil {
		return fmt.Errorf("register the metrics of sinks: %w", err)
	}
	plugin, err := Plugin(options)
	if err != nil {
		return err
	}
	worker, err := connector.NewWorker(connector.WorkerConfig{
		Kafka: cfg.Kafka, GroupID: cfg.GroupID, WorkerID: cfg.WorkerID, Plugins: []connector.Plugin{plugin},
		ConfigTopic: cfg.ConfigTopic, StatusTopic: cfg.StatusTopic, OffsetsTopic: cfg.OffsetsTopic, ReplicationFactor: cfg.ReplicationFactor,
		References: cfg.References, Logger: cfg.Telemetry.Logger, Meter: meter,
	})
	if err != nil {
		return err
	}
	sinks, err := NewService(options, worker.Environment)
	if err != nil {
		return err
	}
	return service.Serve(ctx, cfg.Telemetry, service.Endpoints{
		GRPCAddress: cfg.GRPCAddress, HTTPAddress: cfg.HTTPAddress, TLS: cfg.TLS, Ready: worker.Ready,
		Register: func(server *rpc.Server) {
			connectorv1.RegisterConnectorServiceServer(server, worker.Server())
			tablev1.RegisterTableServiceServer(server, worker.Tables())
			sinkv1.RegisterSinkServiceServer(server, sinks)
		},
	}, worker.Run)
}
