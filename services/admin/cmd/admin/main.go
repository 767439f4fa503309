// Command admin is Calypso's control plane.
package main

import (
	"context"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/service"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/admin"
	"github.com/calypso-cdc/calypso/services/admin/signin"
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
	TableMetrics  int      `name:"table-metrics" env:"TABLE_METRICS" default:"1000" help:"How many tables, the latest of all pipelines, the metric cdc_table_lag_seconds covers; 0 switches it off."`

	OIDCIssuer       string        `name:"oidc-issuer" env:"OIDC_ISSUER" help:"Address of an OpenID Connect provider where people sign in to the page: https://login.microsoftonline.com/TENANT/v2.0 for Microsoft Entra ID."`
	OIDCClientID     string        `name:"oidc-client-id" env:"OIDC_CLIENT_ID" help:"Admin's client id at the provider."`
	OIDCClientSecret config.Secret `name:"oidc-client-secret" env:"OIDC_CLIENT_SECRET" help:"Admin's client secret at the provider; none for a public client."`
	OIDCGroupsClaim  string        `name:"oidc-groups-claim" env:"OIDC_GROUPS_CLAIM" default:"groups" help:"Claim of the identity that holds groups; roles where app roles are used."`
	OIDCRoles        []string      `name:"oidc-roles" env:"OIDC_ROLES" help:"Which role a group has: GROUP=viewer, GROUP=operator or GROUP=admin, separated by commas. Who is in none may not sign in."`
	PublicURL        string        `name:"public-url" env:"PUBLIC_URL" help:"Address at which people reach admin, to which the provider sends them back."`
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
	groups, err := signin.ParseRoles(s.OIDCRoles)
	if err != nil {
		return err
	}
	return admin.Run(ctx, admin.Config{
		GRPCAddress: s.GRPCAddress, HTTPAddresses: s.HTTPAddresses, Capture: s.Capture, Sink: s.Sink, Orders: s.Orders,
		TLS: s.TLS, UsersFile: s.UsersFile, TableMetrics: s.TableMetrics, Version: version, Telemetry: tel,
		SignIn: signin.OIDC{Issuer: s.OIDCIssuer, ClientID: s.OIDCClientID, ClientSecret: s.OIDCClientSecret.Reveal(),
			PublicURL: s.PublicURL, GroupsClaim: s.OIDCGroupsClaim, Roles: groups},
	})
}
