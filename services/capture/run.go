package capture

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/service"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// Config is what a capture worker runs with.
type Config struct {
	// Kafka are the options to connect to the brokers with.
	Kafka []kgo.Opt
	// GroupID is the fleet's consumer group, "calypso-capture" if empty.
	GroupID string
	// WorkerID is this worker's name in status, host:port; GRPCAddress if empty.
	WorkerID string
	// ConfigTopic, StatusTopic and OffsetsTopic are the runtime's compacted topics; its defaults if empty.
	ConfigTopic, StatusTopic, OffsetsTopic string
	// ReplicationFactor of topics that the runtime makes; -1, the broker's default, if 0.
	ReplicationFactor int16
	// References are the files and environment variables that configurations may refer to.
	References connector.References

	// Delivery is ExactlyOnce by default.
	Delivery Delivery

	// GRPCAddress is where ConnectorService and CaptureService listen, HTTPAddress where /metrics, /healthz and /readyz
	// do; no HTTP if it is empty.
	GRPCAddress string
	HTTPAddress string
	// TLS secures gRPC; plaintext if it is zero.
	TLS rpc.TLS

	Telemetry *telemetry.Telemetry
}

// Run runs a worker of the capture fleet until ctx ends; then it stops its tasks, makes what they promised durable and
// returns nil. It waits for the broker as long as that takes.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Telemetry == nil {
		return errors.New("configuration of capture: Telemetry is missing")
	}
	if cfg.GroupID == "" {
		cfg.GroupID = "calypso-capture"
	}
	if cfg.WorkerID == "" {
		cfg.WorkerID = cfg.GRPCAddress
	}
	const scope = "github.com/calypso-cdc/calypso/services/capture"
	board := NewBoard()
	plugins, err := Plugins(Options{Board: board, Delivery: cfg.Delivery, Meter: cfg.Telemetry.Meters.Meter(scope), Tracer: cfg.Telemetry.Tracers.Tracer(scope)})
	if err != nil {
		return err
	}
	worker, err := connector.NewWorker(connector.WorkerConfig{
		Kafka: cfg.Kafka, GroupID: cfg.GroupID, WorkerID: cfg.WorkerID, Plugins: plugins,
		ConfigTopic: cfg.ConfigTopic, StatusTopic: cfg.StatusTopic, OffsetsTopic: cfg.OffsetsTopic, ReplicationFactor: cfg.ReplicationFactor,
		References: cfg.References, Logger: cfg.Telemetry.Logger, Meter: cfg.Telemetry.Meters.Meter(scope),
	})
	if err != nil {
		return err
	}
	return service.Serve(ctx, cfg.Telemetry, service.Endpoints{
		GRPCAddress: cfg.GRPCAddress, HTTPAddress: cfg.HTTPAddress, TLS: cfg.TLS, Ready: worker.Ready,
		Register: func(server *rpc.Server) {
			connectorv1.RegisterConnectorServiceServer(server, worker.Server())
			tablev1.RegisterTableServiceServer(server, worker.Tables())
			capturev1.RegisterCaptureServiceServer(server, NewService(board, func(name string) bool { return worker.Reports(name, 0) }))
		},
	}, worker.Run)
}
