package rpc

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
)

// Names that probes may pass to the health service, besides "" and the names of services, which
// answer like Readiness.
const (
	// Liveness is SERVING as long as the process answers; one that does not should be restarted.
	Liveness = "liveness"
	// Readiness is SERVING while the service can do its work; one that cannot should get no calls, and
	// recovers by itself.
	Readiness = "readiness"
)

const (
	// stopTimeout is how long calls in flight may continue after Serve's context has ended.
	stopTimeout = 10 * time.Second
	// readyInterval is the time between two calls of Ready.
	readyInterval = time.Second
	// maxMessage bounds a message in bytes, both ways; it is grpc-go's default for receiving.
	maxMessage = 4 << 20
)

// Config is the configuration of a Server.
type Config struct {
	// TLS is the server's side of TLS; nil serves plaintext.
	TLS *tls.Config
	// Ready returns why the service cannot do its work now, nil if it can; it is called every second
	// for the health service. A nil Ready means always ready.
	Ready func() error
	// Version is the service's own version. Tasks returns how many tasks it runs now; it is nil for a
	// service that does not run tasks. Health checks get both.
	Version string
	Tasks   func() int
	// Unary and Stream run around each call, inside tracing and recovery, for authentication and
	// audit.
	Unary  []grpc.UnaryServerInterceptor
	Stream []grpc.StreamServerInterceptor
	// Logger is slog.Default if nil.
	Logger *slog.Logger
	// Tracers makes a span for each call except health checks; no spans if nil.
	Tracers trace.TracerProvider
	// Meters measures calls except health checks by OpenTelemetry's conventions
	// (rpc.server.call.duration); no metrics if nil.
	Meters metric.MeterProvider
}

// Server is a gRPC server with health and reflection. Register services before Serve.
type Server struct {
	*grpc.Server
	config Config
	health *health.Server
	// stopping ends when Serve's context does; it ends the streams, which could otherwise keep the
	// server from stopping.
	stopping context.Context
	stop     context.CancelFunc
}

// NewServer makes a server without services of its own.
func NewServer(config Config) *Server {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Tracers == nil {
		config.Tracers = noop.NewTracerProvider()
	}
	if config.Meters == nil {
		config.Meters = metricnoop.NewMeterProvider()
	}
	s := &Server{config: config, health: health.NewServer()}
	s.stopping, s.stop = context.WithCancel(context.Background())
	options := []grpc.ServerOption{
		grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(config.Tracers),
			otelgrpc.WithMeterProvider(config.Meters),
			otelgrpc.WithFilter(filters.Not(filters.HealthCheck())))),
		grpc.ChainUnaryInterceptor(append([]grpc.UnaryServerInterceptor{s.recoverUnary}, config.Unary...)...),
		grpc.ChainStreamInterceptor(append([]grpc.StreamServerInterceptor{s.recoverStream, s.endWithServer},
			config.Stream...)...),
		// A connection on which neither HTTP/2 nor TLS has begun by then is closed.
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	}
	if config.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config.TLS)))
	}
	s.Server = grpc.NewServer(options...)
	healthv1.RegisterHealthServer(s.Server, explaining{s.health, config, time.Now()})
	reflection.Register(s.Server)
	return s
}

// Serve answers calls until ctx ends, then reports NOT_SERVING, ends the streams and waits for the calls in flight. It
// returns nil after such an end. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	defer s.stop()
	ended := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		defer close(ended)
		if err := s.Server.Serve(newCrowd(listener, maxConnections)); err != nil {
			failed <- err
		}
	}()
	s.reportReadiness()
	ticker := time.NewTicker(readyInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.reportReadiness()
		case <-ended:
			select {
			case err := <-failed:
				return fmt.Errorf("serve gRPC on %s: %w", listener.Addr(), err)
			default:
				return nil
			}
		case <-ctx.Done():
			s.health.Shutdown()
			s.stop()
			timer := time.AfterFunc(stopTimeout, s.Server.Stop)
			s.GracefulStop()
			timer.Stop()
			<-ended
			return nil
		}
	}
}

// reportReadiness sets the health of the server as a whole (""), of each service, and of Liveness.
func (s *Server) reportReadiness() {
	state := healthv1.HealthCheckResponse_SERVING
	if s.config.Ready != nil {
		if err := s.config.Ready(); err != nil {
			state = healthv1.HealthCheckResponse_NOT_SERVING
		}
	}
	s.health.SetServingStatus(Liveness, healthv1.HealthCheckResponse_SERVING)
	s.health.SetServingStatus(Readiness, state)
	s.health.SetServingStatus("", state)
	for service := range s.GetServiceInfo() {
		s.health.SetServingStatus(service, state)
	}
}

func (s *Server) recoverUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo,
	handle grpc.UnaryHandler) (resp any, err error) {
	defer s.recoverPanic(info.FullMethod, &err)
	return handle(ctx, req)
}

func (s *Server) recoverStream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo,
	handle grpc.StreamHandler) (err error) {
	defer s.recoverPanic(info.FullMethod, &err)
	return handle(server, stream)
}

func (s *Server) recoverPanic(method string, err *error) {
	if cause := recover(); cause != nil {
		s.config.Logger.Error("a call panicked", "method", method, "panic", cause, "stack", string(debug.Stack()))
		*err = status.Errorf(codes.Internal, "%s failed by a fault of this service; its log says more", method)
	}
}

func (s *Server) endWithServer(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo,
	handle grpc.StreamHandler) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	return handle(server, endingStream{stream, ctx})
}

// endingStream is a stream whose context also ends with the server.
type endingStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s endingStream) Context() context.Context { return s.ctx }
