package admin

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/calypso-cdc/calypso/gen"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connectapi"
	"github.com/calypso-cdc/calypso/services/admin/gateway"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

//go:embed web
var webFiles embed.FS

// newHandler serves everything that is HTTP. Connect's paths are at the root, as its clients expect; ours beside them.
func newHandler(ctx context.Context, cfg Config, guard authorizer, own *grpc.ClientConn, ready func() error,
	loggers *connectapi.Loggers) (http.Handler, error) {
	api, err := gateway.New(ctx, own)
	if err != nil {
		return nil, err
	}
	page, err := newPage(cfg)
	if err != nil {
		return nil, err
	}
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
	guarded.Handle("GET /web/", http.FileServerFS(webFiles))
	guarded.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		// Connect's clients ask for its version here; only browsers ask for HTML.
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			page.ServeHTTP(w, r)
		} else {
			connect.ServeHTTP(w, r)
		}
	})

	root := http.NewServeMux()
	root.Handle("/", authenticateHTTP(guard.users, guarded))
	unclean := authenticateHTTP(guard.users, connect)
	unambiguous := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux would redirect to another path, and with it a call that changes something. Kafka
		// Connect answers or refuses these.
		if clean := path.Clean("/" + r.URL.Path); strings.TrimSuffix(r.URL.Path, "/") != strings.TrimSuffix(clean, "/") {
			unclean.ServeHTTP(w, r)
			return
		}
		root.ServeHTTP(w, r)
	})
	root.Handle("GET /livez", probes)
	root.Handle("GET /healthz", probes)
	root.Handle("GET /readyz", probes)
	// No CORS headers are sent, and what a foreign page makes a browser send is refused.
	safe := http.NewCrossOriginProtection().Handler(unambiguous)
	if guard.users == nil && !cfg.TLS.InsecureNoAuth {
		safe = onlyLocalNames(safe)
	}
	return withHeaders(http.MaxBytesHandler(safe, maxBody)), nil
}

// authenticateHTTP asks who a caller is and hands the answer on to the gRPC side, which decides what they may do.
func authenticateHTTP(users *Users, next http.Handler) http.Handler {
	if users == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		caller, err := users.certified(r.TLS)
		if err != nil {
			caller, err = users.authenticate(r.Header.Get("Authorization"), host)
		}
		if err != nil {
			// Nobody waits for the rest of the request; the server would, if only to pass it over.
			w.Header().Set("Connection", "close")
			_ = http.NewResponseController(w).SetReadDeadline(time.Now())
			if errors.Is(err, errTooManyFailures) {
				w.Header().Set("Retry-After", "60")
				writeError(w, http.StatusTooManyRequests, err.Error())
				return
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="calypso", charset="UTF-8"`)
			writeError(w, http.StatusUnauthorized, err.Error())
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), httpCaller{}, caller.name)))
	})
}

// onlyLocalNames refuses requests to any host name but the machine's own: a page whose name was made to point at
// 127.0.0.1 (DNS rebinding) is of the same origin for the browser.
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

// newPage is the page that says what is where.
func newPage(cfg Config) (http.Handler, error) {
	t, err := template.ParseFS(webFiles, "web/index.html")
	if err != nil {
		return nil, fmt.Errorf("read admin's page: %w", err)
	}
	_, grpcPort, _ := net.SplitHostPort(cfg.GRPCAddress)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		_ = t.Execute(w, map[string]string{
			"Version": cfg.Version, "HTTP": "http://" + r.Host, "GRPC": net.JoinHostPort(host, grpcPort)})
	}), nil
}
