// Command orders-generator writes the orders of the use case into PostgreSQL.
package main

import (
	"context"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/service"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	ordersgenerator "github.com/calypso-cdc/calypso/services/orders-generator"
)

// version is set by the linker (-X main.version=…).
var version = "development"

// settings are the flags and environment variables. The names that begin with PG_ are the use case's.
type settings struct {
	TLS rpc.TLS

	Host     string        `name:"pg-host" env:"PG_HOST" help:"PostgreSQL server."`
	Port     int           `name:"pg-port" env:"PG_PORT" default:"5432" help:"Its port."`
	User     string        `name:"pg-user" env:"PG_USER" help:"User to connect as."`
	Password config.Secret `name:"pg-password" env:"PG_PASSWORD" help:"The user's password."`
	Database string        `name:"pg-db" env:"PG_DB" help:"Database that holds retail.orders_info."`
	SSLMode  string        `name:"pg-sslmode" env:"PG_SSLMODE" default:"require" help:"TLS, in libpq's words: disable, allow, prefer, require, verify-ca or verify-full."`

	CreateTable bool    `name:"create-table" help:"Create schema retail and table orders_info if missing."`
	Rate        float64 `name:"rate" default:"0.3333333333333333" help:"Changes a second, 0.001 to 100000; one in three seconds by default."`
	Updates     float64 `name:"updates" default:"0" help:"Share of updates among the changes, 0 to 1."`
	Deletes     float64 `name:"deletes" default:"0" help:"Share of deletes among the changes, 0 to 1."`
	Seed        int64   `name:"seed" default:"0" help:"Seed of the random orders; 0 draws one."`
	Stopped     bool    `name:"stopped" help:"Write nothing until OrdersService.Start is called."`

	GRPCAddress string `name:"grpc-address" env:"GRPC_ADDRESS" default:"127.0.0.1:7073" help:"Where OrdersService listens."`
	HTTPAddress string `name:"http-address" env:"HTTP_ADDRESS" default:"127.0.0.1:8073" help:"Where /metrics, /healthz and /readyz listen."`
}

func main() {
	service.Program[settings]{
		Program: config.Program{
			Name:     "orders-generator",
			About:    "Writes the orders of a shop into the PostgreSQL table retail.orders_info.",
			Examples: []string{"PG_HOST=localhost PG_USER=postgres PG_PASSWORD=… PG_DB=postgres orders-generator --create-table --rate 100"},
		},
		Version: version,
		Health:  func(s *settings) string { return s.GRPCAddress },
		TLS:     func(s *settings) rpc.TLS { return s.TLS },
		Run:     run,
	}.Main()
}

func run(ctx context.Context, s *settings, tel *telemetry.Telemetry) error {
	if s.Port < 1 || s.Port > 65535 {
		return fmt.Errorf("PG_PORT is %d: it must be a port from 1 to 65535", s.Port)
	}
	return ordersgenerator.Run(ctx, ordersgenerator.Config{
		Host: s.Host, Port: uint16(s.Port), User: s.User, Password: s.Password, Database: s.Database, SSLMode: s.SSLMode,
		CreateTable: s.CreateTable, Rate: s.Rate, Mix: ordersgenerator.Mix{Updates: s.Updates, Deletes: s.Deletes},
		Seed: s.Seed, Stopped: s.Stopped,
		GRPCAddress: s.GRPCAddress, HTTPAddress: s.HTTPAddress, TLS: s.TLS, Telemetry: tel,
	})
}
