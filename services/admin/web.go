package admin

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path"
	"strings"

	"google.golang.org/grpc"

	"github.com/calypso-cdc/calypso/gen"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connectapi"
	"github.com/calypso-cdc/calypso/services/admin/gateway"
	"github.com/calypso-cdc/calypso/services/admin/web"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// newHandler serves everything over HTTP. Kafka Connect's paths are at the root, as its clients
// expect, next to ours.
func newHandler(ctx context.Context, cfg Config, guard authorizer, own *grpc.ClientConn, ready func() error,
	loggers *connectapi.Loggers) (http.Handler, error) {
	api, err := gateway.New(ctx, own)
	if err != nil {
		return nil, err
	}
	page := web.Handler()
	probes := cfg.Telemetry.Handler(ready)
	connectors := connectorv1.NewConnectorServiceClient(own)
	connect := connectapi.NewHandler(connectapi.Config{
		Client: connectors,
		ClusterID: func(ctx context.Context) (string, error) {
			r, err := connectors.GetCluster(ctx, &connectorv1.GetClusterRequest{})
			return r.GetKafkaClusterId(), err
		},
		Ready:   func(context.Context) error { return ready() },
		Version: cfg.Version,
		Allow:   guard.allowHTTP,
		Changed: guard.noteHTTP,
		Loggers: loggers,
		Logger:  cfg.Telemetry.Logger,
	})

	guarded := http.NewServeMux()
	guarded.Handle("/", connect)
	guarded.Handle("/v1/", api)
	guarded.Handle("GET /metrics", probes)
	guarded.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(gen.OpenAPI)
	})

	keeper := newDoorkeeper(cfg, guard)
	known := keeper.authenticate(guarded)
	root := http.NewServeMux()
	root.Handle("/", known)
	// The page itself is not secret; it asks for what it shows on behalf of who is signed in.
	root.Handle("/ui/", page)
	root.Handle(sessionPath, keeper.handler())
	root.Handle(sessionPath+"/", keeper.handler())
	root.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		// Connect's clients ask for its version here; only browsers ask for HTML.
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			page.ServeHTTP(w, r)
		} else {
			known.ServeHTTP(w, r)
		}
	})
	unclean := keeper.authenticate(connect)
	unambiguous := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux would redirect such a request, even one that changes something. Kafka Connect answers
		// or refuses these.
		if clean := path.Clean("/" + r.URL.Path); strings.TrimSuffix(r.URL.Path, "/") != strings.TrimSuffix(clean, "/") {
			unclean.ServeHTTP(w, r)
			return
		}
		root.ServeHTTP(w, r)
	})
	root.Handle("GET /livez", probes)
	root.Handle("GET /healthz", probes)
	root.Handle("GET /readyz", probes)
	// No CORS headers are sent, and requests that a foreign page makes a browser send are refused.
	safe := http.NewCrossOriginProtection().Handler(unambiguous)
	if guard.users == nil && !cfg.TLS.InsecureNoAuth {
		safe = onlyLocalNames(safe)
	}
	return withHeaders(http.MaxBytesHandler(safe, maxBody)), nil
}

// onlyLocalNames refuses requests to any host name but the machine's own: to a browser, a page
// whose name was made to point at 127.0.0.1 (DNS rebinding) has the same origin.
func onlyLocalNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			writeError(w, http.StatusForbidden,
				"without a file of users only localhost is answered; name the users with --users-file")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// writeError answers in the form of Kafka Connect, which its clients demand of every error.
func writeError(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}{code, message})
}
