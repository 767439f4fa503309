// Command capture runs a worker of the capture fleet: it reads PostgreSQL's changes and writes them to Kafka.
package main

import (
	"context"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/service"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture"
)

// version is set by the linker (-X main.version=…).
var version = "development"

// settings are the flags and environment variables.
type settings struct {
	Kafka kafka.Config
	TLS   rpc.TLS

	GroupID           string   `name:"group-id" env:"GROUP_ID" default:"calypso-capture" help:"Consumer group of the fleet's workers."`
	WorkerID          string   `name:"worker-id" env:"WORKER_ID" help:"Name of this worker in status, as host:port; the gRPC address if empty."`
	ConfigTopic       string   `name:"config-topic" env:"CONFIG_TOPIC" default:"calypso-configs" help:"Compacted topic of configurations."`
	StatusTopic       string   `name:"status-topic" env:"STATUS_TOPIC" default:"calypso-status" help:"Compacted topic of states."`
	OffsetsTopic      string   `name:"offsets-topic" env:"OFFSETS_TOPIC" default:"calypso-offsets" help:"Compacted topic of source offsets."`
	ReplicationFactor int      `name:"replication-factor" env:"REPLICATION_FACTOR" default:"-1" help:"Replication factor of these topics when they are made; -1 is the broker's default."`
	ReferencePaths    []string `name:"reference-paths" env:"REFERENCE_PATHS" help:"Folders or files that ${file:…} and ${dir:…} in configurations may read, separated by commas."`
	ReferenceEnv      string   `name:"reference-env" env:"REFERENCE_ENV" help:"Regular expression of the environment variables that ${env:…} in configurations may read; none if empty."`
	ExactlyOnce       string   `name:"exactly-once-source-support" env:"EXACTLY_ONCE_SOURCE_SUPPORT" default:"enabled" help:"enabled writes events in Kafka transactions where the broker has them; disabled writes without, so that a crash can repeat the last batch and topics hold no transaction markers."`

	GRPCAddress string `name:"grpc-address" env:"GRPC_ADDRESS" default:"127.0.0.1:7071" help:"Where ConnectorService and CaptureService listen."`
	HTTPAddress string `name:"http-address" env:"HTTP_ADDRESS" default:"127.0.0.1:8071" help:"Where /metrics, /healthz and /readyz listen."`
}

func main() {
	service.Program[settings]{
		Program: config.Program{
			Name:     "capture",
			About:    "Reads row changes of PostgreSQL databases and writes them to Kafka, as a worker of the capture fleet.",
			Examples: []string{"capture --bootstrap-servers localhost:9092"},
		},
		Version: version,
		Health:  func(s *settings) string { return s.GRPCAddress },
		TLS:     func(s *settings) rpc.TLS { return s.TLS },
		Run:     run,
	}.Main()
}

func run(ctx context.Context, s *settings, tel *telemetry.Telemetry) error {
	client, err := s.Kafka.Options("calypso-capture", tel.Logger)
	if err != nil {
		return err
	}
	delivery := capture.ExactlyOnce
	switch s.ExactlyOnce {
	case "enabled":
	case "disabled":
		delivery = capture.AtLeastOnce
	default:
		return fmt.Errorf("exactly-once-source-support is %q: it must be enabled or disabled", s.ExactlyOnce)
	}
	return capture.Run(ctx, capture.Config{
		Kafka: client, GroupID: s.GroupID, WorkerID: s.WorkerID,
		ConfigTopic: s.ConfigTopic, StatusTopic: s.StatusTopic, OffsetsTopic: s.OffsetsTopic, ReplicationFactor: int16(s.ReplicationFactor), Delivery: delivery,
		References:  connector.References{Paths: s.ReferencePaths, Env: s.ReferenceEnv},
		GRPCAddress: s.GRPCAddress, HTTPAddress: s.HTTPAddress, TLS: s.TLS, Telemetry: tel,
	})
}
