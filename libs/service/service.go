// Package service is what every service does besides its own work: Program reads settings, starts
// telemetry, and handles signals and the command healthcheck for its binary; Serve listens for gRPC
// and for the HTTP requests of monitoring.
package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/libs/version"
)

// flushTimeout is how long sending the last spans and metrics may take.
const flushTimeout = 5 * time.Second

// Program is the binary of a service whose settings are a struct S (see package config).
type Program[S any] struct {
	Program config.Program
	// Version is the version that the linker was given.
	Version string
	// Health returns the gRPC address that `<name> healthcheck` checks, for containers whose images
	// contain nothing else.
	Health func(*S) string
	// TLS returns the TLS settings for that check; nil for plaintext.
	TLS func(*S) rpc.TLS
	// Run runs the service until ctx ends, and returns nil then.
	Run func(ctx context.Context, s *S, tel *telemetry.Telemetry) error
}

// Main runs the program with the process's arguments until SIGINT or SIGTERM, and ends the process: with status 1 and
// the reason on standard error if something failed.
func (p Program[S]) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err := p.Execute(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, config.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Program.Name, err)
		os.Exit(1)
	}
}

// Execute is Main with the given arguments; it runs until ctx ends, and returns the error.
func (p Program[S]) Execute(ctx context.Context, args []string) error {
	check := len(args) > 0 && args[0] == "healthcheck"
	if check {
		args = args[1:]
	}
	var s S
	p.Program.Version = version.Line(p.Program.Name, p.Version)
	warnings, err := p.Program.Load(&s, args)
	if err != nil {
		return err
	}
	if check {
		var files rpc.TLS
		if p.TLS != nil {
			files = p.TLS(&s)
		}
		return files.CheckHealth(ctx, p.Health(&s))
	}
	tel, err := telemetry.Start(ctx, p.Program.Name, p.Version)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		tel.Logger.Warn(w)
	}
	err = p.Run(ctx, &s, tel)
	flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if lost := tel.Shutdown(flushing); lost != nil {
		tel.Logger.Warn("the last telemetry was not sent", "err", lost)
	}
	return err
}

// Endpoints are where a service listens.
type Endpoints struct {
	// GRPCAddress serves what Register registers, with health and reflection.
	GRPCAddress string
	Register    func(*rpc.Server)
	// TLS secures gRPC. Zero means plaintext, which is refused beyond loopback unless InsecureNoAuth
	// is set. HTTP is for monitoring next to the service and is always plaintext.
	TLS rpc.TLS
	// HTTPAddress serves /metrics, /healthz and /readyz; nothing if empty.
	HTTPAddress string
	// Ready returns why the service cannot do its work, nil if it can.
	Ready func() error
	// Tasks returns how many tasks the service runs now; nil for a service that does not run tasks.
	Tasks func() int
}

// Serve listens and runs work until ctx ends, or until one of them fails, which ends the others.
func Serve(ctx context.Context, tel *telemetry.Telemetry, e Endpoints, work func(context.Context) error) error {
	if err := e.TLS.CheckAddress(e.GRPCAddress); err != nil {
		return fmt.Errorf("listen for gRPC: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return work(ctx) })
	group.Go(func() error {
		listener, err := net.Listen("tcp", e.GRPCAddress)
		if err != nil {
			return fmt.Errorf("listen for gRPC: %w; --grpc-address (GRPC_ADDRESS) names another address", err)
		}
		server := rpc.NewServer(rpc.Config{TLS: e.TLS.ServerOfServices(), Ready: e.Ready, Logger: tel.Logger,
			Tracers: tel.Tracers, Meters: tel.Meters, Version: tel.Version, Tasks: e.Tasks})
		e.Register(server)
		return server.Serve(ctx, listener)
	})
	if e.HTTPAddress != "" {
		group.Go(func() error {
			listener, err := net.Listen("tcp", e.HTTPAddress)
			if err != nil {
				return fmt.Errorf("listen for HTTP: %w; --http-address (HTTP_ADDRESS) names another address", err)
			}
			return telemetry.ServeHTTP(ctx, listener, tel.Handler(e.Ready))
		})
	}
	return group.Wait()
}
