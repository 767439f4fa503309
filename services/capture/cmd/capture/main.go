// Command capture runs a worker of the capture fleet: it reads PostgreSQL's changes and writes them to Kafka.
package main

import (
	"context"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/fleet"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/service"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture"
)

// version is set by the linker (-X main.version=…).
var version = "development"

// settings are the flags and environment variables.
type settings struct {
	fleet.Flags

	GroupID     string `name:"group-id" env:"GROUP_ID" default:"calypso-capture" help:"Consumer group of the fleet's workers."`
	ExactlyOnce string `name:"exactly-once-source-support" env:"EXACTLY_ONCE_SOURCE_SUPPORT" default:"enabled" help:"enabled writes events in Kafka transactions where the broker has them; disabled writes without, so that a crash can repeat the last batch and topics hold no transaction markers."`

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
	worker, err := s.Flags.Config("capture", tel)
	if err != nil {
		return err
	}
	worker.GroupID, worker.GRPCAddress, worker.HTTPAddress = s.GroupID, s.GRPCAddress, s.HTTPAddress
	delivery := capture.ExactlyOnce
	switch s.ExactlyOnce {
	case "enabled":
	case "disabled":
		delivery = capture.AtLeastOnce
	default:
		return fmt.Errorf("exactly-once-source-support is %q: it must be enabled or disabled", s.ExactlyOnce)
	}
	return capture.Run(ctx, capture.Config{Fleet: worker, Delivery: delivery})
}
