package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Handler serves monitoring: /metrics, /livez and its older name /healthz (200 while the process
// lives), and /readyz (200 if ready returns nil, else 503 with its error, which must not contain
// secrets).
func (t *Telemetry) Handler(ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", t.MetricsHandler())
	lives := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }
	mux.HandleFunc("GET /livez", lives)
	mux.HandleFunc("GET /healthz", lives)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	return mux
}

// Limits that every HTTP server of Calypso has.
const (
	readHeaderTimeout = 10 * time.Second
	// readTimeout is for a whole request, whose body has at most a megabyte.
	readTimeout     = 30 * time.Second
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 5 * time.Second
)

// ServeHTTP serves h on listener, which it closes, until ctx ends; then requests in flight may end
// within five seconds, and it returns nil. Requests that do not arrive in time are aborted, and
// callers that hold connections with partial requests cannot keep others out.
func ServeHTTP(ctx context.Context, listener net.Listener, h http.Handler) error {
	connections := newCrowd(maxConnections)
	server := &http.Server{
		Handler:           connections.noticing(h),
		ConnState:         connections.changed,
		ConnContext:       withConn,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		// Streams (watches) end when ctx does, so that they do not delay the shutdown.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-serving.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if server.Shutdown(bounded) != nil {
			_ = server.Close()
		}
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", listener.Addr(), err)
	}
	<-ended
	return nil
}
