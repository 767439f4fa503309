// Command sink runs a worker of the sink fleet: it brings Kafka's records into Azure Data Explorer.
package main

import (
	"context"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/fleet"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/service"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/sink"
)

// version is set by the linker (-X main.version=…).
var version = "development"

// settings are the flags and environment variables.
type settings struct {
	fleet.Flags

	GroupID string `name:"group-id" env:"GROUP_ID" default:"calypso-sink" help:"Consumer group of the fleet's workers."`

	CAFile       string   `name:"kusto-ca-file" env:"KUSTO_CA_FILE" help:"PEM file of certificate authorities to trust besides the system's, for clusters whose connector names none."`
	TrustedHosts []string `name:"kusto-trusted-hosts" env:"KUSTO_TRUSTED_HOSTS" help:"Hosts that connectors may send data and credentials to, besides Azure's and this machine, separated by commas."`

	GRPCAddress string `name:"grpc-address" env:"GRPC_ADDRESS" default:"127.0.0.1:7072" help:"Where ConnectorService and SinkService listen."`
	HTTPAddress string `name:"http-address" env:"HTTP_ADDRESS" default:"127.0.0.1:8072" help:"Where /metrics, /healthz and /readyz listen."`
}

func main() {
	service.Program[settings]{
		Program: config.Program{
			Name:     "sink",
			About:    "Brings records from Kafka into Azure Data Explorer, as a worker of the sink fleet.",
			Examples: []string{"sink --bootstrap-servers localhost:9092"},
		},
		Version: version,
		Health:  func(s *settings) string { return s.GRPCAddress },
		TLS:     func(s *settings) rpc.TLS { return s.TLS },
		Run:     run,
	}.Main()
}

func run(ctx context.Context, s *settings, tel *telemetry.Telemetry) error {
	worker, err := s.Flags.Config("sink", tel)
	if err != nil {
		return err
	}
	worker.GroupID, worker.GRPCAddress, worker.HTTPAddress = s.GroupID, s.GRPCAddress, s.HTTPAddress
	return sink.Run(ctx, sink.Config{Fleet: worker, CAFile: s.CAFile, TrustedHosts: s.TrustedHosts,
		Limited: sink.LimitHeap})
}
