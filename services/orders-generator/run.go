// Package ordersgenerator is the shop of the orders use case: it writes orders into the table retail.orders_info of a
// PostgreSQL database, at a rate and with a mix that can be changed while it runs.
//
// Model. shop draws random changes, pace says when how many are due, database commits them, one transaction and one
// round trip each; generator joins the three, and service lets callers control it (OrdersService).
//
// Guarantees. One seed gives one series of orders. A change is counted only when its transaction is committed. What
// fails is not written again, since a lost connection does not tell whether it had committed. The password appears in no
// log, error or trace.
package ordersgenerator

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"

	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// Run writes orders until ctx ends; then it finishes the transaction under way and returns nil. It waits for the
// database as long as that takes, and returns an error only if the configuration is wrong or an address is taken.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configuration of the orders generator: %w", err)
	}
	db, err := openDatabase(ctx, cfg, cfg.Telemetry.Tracers.Tracer("github.com/calypso-cdc/calypso/services/orders-generator"))
	if err != nil {
		return err
	}
	defer db.close()
	g := newGenerator(cfg, db, cfg.Telemetry.Logger, newMetrics(cfg.Telemetry.Registry))

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		listener, err := net.Listen("tcp", cfg.GRPCAddress)
		if err != nil {
			return fmt.Errorf("listening for gRPC: %w", err)
		}
		server := rpc.NewServer(rpc.Config{Ready: g.readiness, Logger: cfg.Telemetry.Logger, Tracers: cfg.Telemetry.Tracers})
		ordersv1.RegisterOrdersServiceServer(server, service{g: g})
		return server.Serve(ctx, listener)
	})
	group.Go(func() error {
		listener, err := net.Listen("tcp", cfg.HTTPAddress)
		if err != nil {
			return fmt.Errorf("listening for HTTP: %w", err)
		}
		return telemetry.ServeHTTP(ctx, listener, cfg.Telemetry.Handler(g.readiness))
	})
	group.Go(func() error { g.run(ctx, cfg.CreateTable); return nil })
	return group.Wait()
}

// readiness says why orders cannot be written, nil if they can.
func (g *generator) readiness() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ready {
		return nil
	}
	if g.lastError == "" {
		return errors.New("connecting to the database")
	}
	return errors.New(g.lastError)
}
