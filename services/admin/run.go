package admin

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connectapi"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// Run serves until ctx ends and returns nil then. An error says what is wrong with the configuration or which address
// cannot be listened at; fleets that cannot be reached are no error, they are waited for.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configuration of admin: %w", err)
	}
	var users *Users
	if cfg.SignIn.Issuer != "" {
		users = noUsers()
	}
	if cfg.UsersFile != "" {
		if users, err = ReadUsers(cfg.UsersFile); err != nil {
			return err
		}
	}
	fleets, err := dialFleets(cfg)
	defer func() {
		for _, f := range fleets {
			f.close()
		}
	}()
	if err != nil {
		return err
	}
	listeners, err := listen(append([]string{cfg.GRPCAddress}, cfg.HTTPAddresses...))
	if err != nil {
		return err
	}
	within := newInside()
	own, err := grpc.NewClient("passthrough:///inside", append(namingOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(within.dial),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(cfg.Telemetry.Tracers))))...)
	if err != nil {
		return fmt.Errorf("connect admin's HTTP side to its gRPC side: %w", err)
	}
	defer own.Close()

	service := newService(fleets)
	service.seen.tableMetrics = cfg.TableMetrics
	service.self.Address, service.self.Version = cfg.GRPCAddress, cfg.Telemetry.Version
	service.loggers = connectapi.NewLoggers(map[string]*slog.LevelVar{"root": cfg.Telemetry.Level})
	readiness := &readiness{all: fleets, needed: fleets[:2]}
	readiness.look(ctx)
	timeline := newRecorder(fleets[:2], cfg.Telemetry.Logger)
	guard := authorizer{users: users, log: cfg.Telemetry.Audit, timeline: timeline, router: service.router}
	server := newServer(cfg, guard, service, readiness.failure)
	guard.inside = true
	inner := newServer(cfg, guard, service, readiness.failure)
	if err := service.seen.measure(cfg.Telemetry.Meters.Meter(
		"github.com/calypso-cdc/calypso/services/admin")); err != nil {
		return err
	}
	group, ctx := contain.WithContext(ctx)
	again := func(name string, run func() error) {
		group.Go("repetition of "+name, func() error {
			return contain.Again(ctx, name, run, func(err error) {
				cfg.Telemetry.Logger.Error("a loop of admin starts over", "err", err)
			})
		})
	}
	again("recorder of the timeline", func() error { return timeline.run(ctx) })
	again("readiness", func() error { return readiness.run(ctx) })
	again("observer of pipelines", func() error { return service.seen.run(ctx, service.views) })
	handler, err := newHandler(ctx, cfg, guard, own, readiness.failure, service.loggers)
	if err != nil {
		return err
	}
	group.Go("gRPC server", func() error { return server.Serve(ctx, listeners[0]) })
	group.Go("gRPC server within", func() error { return inner.Serve(ctx, within) })
	for _, l := range listeners[1:] {
		if cfg.TLS.Enabled() {
			l = tls.NewListener(l, cfg.TLS.Server(tls.VerifyClientCertIfGiven))
		}
		group.Go("HTTP server", func() error { return telemetry.ServeHTTP(ctx, l, handler) })
	}
	return group.Wait()
}

// dialFleets returns the fleets of capture, sink and, if there is one, orders-generator. Those it returns with an error
// must be closed as well.
func dialFleets(cfg Config) (fleets []*fleet, err error) {
	type place struct {
		name      string
		addresses []string
	}
	places := []place{{"capture", cfg.Capture}, {"sink", cfg.Sink}}
	if cfg.Orders != "" {
		places = append(places, place{generatorName, []string{cfg.Orders}})
	}
	for _, p := range places {
		f, err := dialFleet(p.name, p.addresses, cfg.TLS, cfg.Telemetry.Tracers)
		if err != nil {
			return fleets, err
		}
		fleets = append(fleets, f)
	}
	return fleets, nil
}

// listen opens all addresses or none.
func listen(addresses []string) (listeners []net.Listener, err error) {
	for _, address := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			for _, open := range listeners {
				_ = open.Close()
			}
			return nil, fmt.Errorf("listen for gRPC and HTTP: %w; --grpc-address and --http-addresses name other addresses", err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// newService makes the service behind all servers; fleets are as dialFleets returns them.
func newService(fleets []*fleet) *service {
	s := &service{
		router:   newRouter(fleets[:2], captureProxy{fleet: fleets[0]}),
		capture:  captureProxy{fleet: fleets[0]},
		sink:     sinkProxy{fleet: fleets[1]},
		fleets:   fleets,
		self:     &adminv1.ServiceHealth{Service: "admin", Serving: true, Since: timestamppb.Now()},
		seen:     newObserver(time.Now),
		captured: map[string]capturedTables{},
	}
	s.views = newViews(time.Now, s.look)
	if len(fleets) > 2 {
		s.orders.fleet = fleets[2]
	}
	return s
}

// newServer registers all services behind a guard. If TLS is set, only the inner server is without
// it.
func newServer(cfg Config, guard authorizer, s *service, ready func() error) *rpc.Server {
	config := rpc.Config{
		Ready: ready, Version: cfg.Telemetry.Version,
		Logger: cfg.Telemetry.Logger, Tracers: cfg.Telemetry.Tracers, Meters: cfg.Telemetry.Meters,
		Unary:  []grpc.UnaryServerInterceptor{guard.unary},
		Stream: []grpc.StreamServerInterceptor{guard.stream},
	}
	if !guard.inside {
		config.TLS = cfg.TLS.Server(tls.VerifyClientCertIfGiven)
	}
	server := rpc.NewServer(config)
	connectorv1.RegisterConnectorServiceServer(server, s.router)
	adminv1.RegisterAdminServiceServer(server, s)
	capturev1.RegisterCaptureServiceServer(server, s.capture)
	sinkv1.RegisterSinkServiceServer(server, s.sink)
	ordersv1.RegisterOrdersServiceServer(server, s.orders)
	return server
}
