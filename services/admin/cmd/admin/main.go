// Command admin is Calypso's control plane.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/admin"
)

// version is set by the linker (-X main.version=…).
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "admin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string) error {
	cfg, err := readConfig(args, getenv)
	if err != nil {
		return err
	}
	if cfg.Telemetry, err = telemetry.Start(ctx, "admin", version); err != nil {
		return err
	}
	// The deferred shutdown sends the last spans after the signal that ended ctx.
	defer cfg.Telemetry.Shutdown(context.WithoutCancel(ctx))
	return admin.Run(ctx, cfg)
}

// readConfig reads the environment, then the flags, which win.
func readConfig(args []string, getenv func(string) string) (admin.Config, error) {
	cfg := admin.Config{Version: version}
	flags := flag.NewFlagSet("admin", flag.ContinueOnError)
	text := func(name, env, value, usage string) *string {
		return flags.String(name, cmp.Or(getenv(env), value), usage+" ("+env+")")
	}
	grpcAddress := text("grpc-address", "GRPC_ADDRESS", admin.DefaultGRPCAddress, "where gRPC listens")
	httpAddresses := text("http-addresses", "HTTP_ADDRESSES", admin.DefaultHTTPAddresses, "where HTTP listens, a comma list")
	capture := text("capture", "CAPTURE_ADDRESSES", admin.DefaultCapture, "gRPC addresses of the capture workers, a comma list")
	sink := text("sink", "SINK_ADDRESSES", admin.DefaultSink, "gRPC addresses of the sink workers, a comma list")
	orders := text("orders", "ORDERS_ADDRESS", admin.DefaultOrders, "gRPC address of the orders-generator; none if there is none")
	users := text("users-file", "USERS_FILE", "", "who may call: lines name:role:bcrypt-hash, role viewer, operator or admin")
	flags.BoolVar(&cfg.InsecureNoAuth, "insecure-no-auth", getenv("INSECURE_NO_AUTH") == "true",
		"listen on any address without asking who calls (INSECURE_NO_AUTH=true)")
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	if flags.NArg() > 0 {
		return cfg, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	cfg.GRPCAddress, cfg.UsersFile = *grpcAddress, *users
	cfg.HTTPAddresses, cfg.Capture, cfg.Sink = list(*httpAddresses), list(*capture), list(*sink)
	if *orders != "none" {
		cfg.Orders = *orders
	}
	return cfg, nil
}

func list(s string) (items []string) {
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
