// Command orders-generator writes the orders of the use case into PostgreSQL.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/calypso-cdc/calypso/libs/telemetry"
	ordersgenerator "github.com/calypso-cdc/calypso/services/orders-generator"
)

// version is set by the linker (-X main.version=…).
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "orders-generator:", err)
			os.Exit(1)
		}
	}
}

func run(ctx context.Context, args []string, getenv func(string) string) error {
	cfg, err := readConfig(args, getenv)
	if err != nil {
		return err
	}
	if cfg.Telemetry, err = telemetry.Start(ctx, "orders-generator", version); err != nil {
		return err
	}
	// The deferred shutdown sends the last spans after the signal that ended ctx.
	defer cfg.Telemetry.Shutdown(context.WithoutCancel(ctx))
	return ordersgenerator.Run(ctx, cfg)
}

// readConfig reads the environment, then the flags, which win. The password has no flag: the process list shows flags.
func readConfig(args []string, getenv func(string) string) (ordersgenerator.Config, error) {
	cfg := ordersgenerator.Config{
		Host:        getenv("PG_HOST"),
		User:        getenv("PG_USER"),
		Password:    telemetry.Secret(getenv("PG_PASSWORD")),
		Database:    getenv("PG_DB"),
		SSLMode:     getenv("PG_SSLMODE"),
		GRPCAddress: ordersgenerator.DefaultGRPCAddress,
		HTTPAddress: ordersgenerator.DefaultHTTPAddress,
	}
	if port := getenv("PG_PORT"); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return cfg, fmt.Errorf("PG_PORT is %q: it must be a port from 1 to 65535", port)
		}
		cfg.Port = uint16(n)
	}
	if address := getenv("GRPC_ADDRESS"); address != "" {
		cfg.GRPCAddress = address
	}
	if address := getenv("HTTP_ADDRESS"); address != "" {
		cfg.HTTPAddress = address
	}
	flags := flag.NewFlagSet("orders-generator", flag.ContinueOnError)
	flags.BoolVar(&cfg.CreateTable, "create-table", false, "create schema retail and table orders_info if missing")
	flags.Float64Var(&cfg.Rate, "rate", ordersgenerator.DefaultRate, "changes a second")
	flags.Float64Var(&cfg.Mix.Updates, "updates", 0, "share of updates, 0 to 1")
	flags.Float64Var(&cfg.Mix.Deletes, "deletes", 0, "share of deletes, 0 to 1")
	flags.Int64Var(&cfg.Seed, "seed", 0, "seed of the random orders; 0 draws one")
	flags.BoolVar(&cfg.Stopped, "stopped", false, "write nothing until OrdersService.Start is called")
	flags.StringVar(&cfg.GRPCAddress, "grpc-address", cfg.GRPCAddress, "where OrdersService listens (GRPC_ADDRESS)")
	flags.StringVar(&cfg.HTTPAddress, "http-address", cfg.HTTPAddress, "where /metrics, /healthz and /readyz listen (HTTP_ADDRESS)")
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	if flags.NArg() > 0 {
		return cfg, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return cfg, nil
}
