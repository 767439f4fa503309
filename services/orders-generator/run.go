package ordersgenerator

import (
	"context"
	"errors"
	"fmt"

	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/service"
)

// Run writes orders until ctx ends; then it finishes the running transaction and returns nil. It
// waits for the database for as long as necessary, and returns an error only if the configuration
// is wrong or an address is taken.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configuration of the orders generator: %w", err)
	}
	const scope = "github.com/calypso-cdc/calypso/services/orders-generator"
	measured, err := newMetrics(cfg.Telemetry.Meters.Meter(scope))
	if err != nil {
		return fmt.Errorf("register the metrics of the orders generator: %w", err)
	}
	db, err := openDatabase(ctx, cfg, cfg.Telemetry.Tracers.Tracer(scope))
	if err != nil {
		return err
	}
	defer db.close()
	g := newGenerator(cfg, db, cfg.Telemetry.Logger, measured)

	return service.Serve(ctx, cfg.Telemetry, service.Endpoints{
		GRPCAddress: cfg.GRPCAddress, HTTPAddress: cfg.HTTPAddress, TLS: cfg.TLS, Ready: g.readiness,
		Register: func(server *rpc.Server) { ordersv1.RegisterOrdersServiceServer(server, controls{g: g}) },
	}, func(ctx context.Context) error {
		g.run(ctx, cfg.CreateTable)
		return nil
	})
}

// readiness returns why orders cannot be written, nil if they can.
func (g *generator) readiness() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ready {
		return nil
	}
	if g.lastError == "" {
		return errors.New("connect to the database")
	}
	return errors.New(g.lastError)
}
