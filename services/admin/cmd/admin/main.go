// Command admin is Calypso's control plane.
package main

import (
	"context"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/service"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/admin"
)

// version is set by the linker (-X main.version=…).
var version = "development"

// settings are the flags and environment variables. By default everything listens on loopback; 9090
// and 8080 are the use case's ports of the source and the sink side.
type settings struct {
	TLS rpc.TLS

	GRPCAddress   string   `name:"grpc-address" env:"GRPC_ADDRESS" default:"127.0.0.1:7070" help:"Where gRPC listens."`
	HTTPAddresses []string `name:"http-addresses" env:"HTTP_ADDRESSES" default:"127.0.0.1:9090,127.0.0.1:8080" help:"Where HTTP listens, separated by commas; each serves the same."`
	Capture       []string `name:"capture" env:"CAPTURE_ADDRESSES" default:"127.0.0.1:7071" help:"gRPC addresses of the capture workers, separated by commas."`
	Sink          []string `name:"sink" env:"SINK_ADDRESSES" default:"127.0.0.1:7072" help:"gRPC addresses of the sink workers, separated by commas."`
	Orders        string   `name:"orders" env:"ORDERS_ADDRESS" default:"127.0.0.1:7073" help:"gRPC address of the orders-generator; none if there is none."`
	UsersFile     string   `name:"users-file" env:"USERS_FILE" help:"Who may call: lines name:role:bcrypt-hash, with role viewer, operator or admin."`
}

func main() {
	service.Program[settings]{
		Program: config.Program{
			Name:  "admin",
			About: "The control plane: capture, sink and orders-generator as one system, over gRPC, JSON and the REST API of Kafka Connect.",
		},
		Version: version,
		Health:  func(s *settings) string { return s.GRPCAddress },
		TLS:     func(s *settings) rpc.TLS { return s.TLS },
		Run:     run,
	}.Main()
}

func run(ctx context.Context, s *settings, tel *telemetry.Telemetry) error {
	if s.Orders == "none" {
		s.Orders = ""
	}
	return admin.Run(ctx, admin.Config{
		GRPCAddress: s.GRPCAddress, HTTPAddresses: s.HTTPAddresses, Capture: s.Capture, Sink: s.Sink, Orders: s.Orders,
		TLS: s.TLS, UsersFile: s.UsersFile, Version: version, Telemetry: tel,
	})
}
