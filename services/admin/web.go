package admin

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/calypso-cdc/calypso/gen"
	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connectapi"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

//go:embed web
var webFiles embed.FS

// newHandler serves everything that is HTTP. Connect's paths are at the root, as its clients expect; ours beside them.
func newHandler(ctx context.Context, cfg Config, users *Users, own *grpc.ClientConn, ready func(context.Context) error) (http.Handler, error) {
	gateway, err := newGateway(ctx, own)
	if err != nil {
		return nil, err
	}
	page, err := newPage(cfg)
	if err != nil {
		return nil, err
	}
	probes := cfg.Telemetry.Handler(func() error { return ready(ctx) })
	connectors := connectorv1.NewConnectorServiceClient(own)
	connect := connectapi.NewHandler(connectapi.Config{
		Client: connectors,
		ClusterID: func(ctx context.Context) (string, error) {
			r, err := connectors.GetCluster(ctx, &connectorv1.GetClusterRequest{})
			return r.GetKafkaClusterId(), err
		},
		Ready:   ready,
		Version: cfg.Version,
		Loggers: connectapi.NewLoggers(map[string]*slog.LevelVar{"root": cfg.Telemetry.Level}),
		Logger:  cfg.Telemetry.Logger,
	})

	guarded := http.NewServeMux()
	guarded.Handle("/", connect)
	guarded.Handle("/v1/", gateway)
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
	root.Handle("/", authenticateHTTP(users, guarded))
	root.Handle("GET /healthz", probes)
	root.Handle("GET /readyz", probes)
	// No CORS headers are sent, and what a foreign page makes a browser send is refused.
	safe := http.NewCrossOriginProtection().Handler(root)
	if users == nil && !cfg.InsecureNoAuth {
		safe = onlyLocalNames(safe)
	}
	return withHeaders(http.MaxBytesHandler(safe, maxBody)), nil
}

// newGateway is the JSON form of the gRPC services, under /v1.
func newGateway(ctx context.Context, own *grpc.ClientConn) (http.Handler, error) {
	mux := runtime.NewServeMux(runtime.WithRoutingErrorHandler(routingError), runtime.WithErrorHandler(gatewayError))
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		adminv1.RegisterAdminServiceHandler,
		connectorv1.RegisterConnectorServiceHandler,
		capturev1.RegisterCaptureServiceHandler,
		sinkv1.RegisterSinkServiceHandler,
		ordersv1.RegisterOrdersServiceHandler,
	} {
		if err := register(ctx, mux, own); err != nil {
			return nil, fmt.Errorf("registering the gateway: %w", err)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			writeError(w, http.StatusUnsupportedMediaType, "the body must be JSON and say so: Content-Type: application/json")
			return
		}
		body, err := io.ReadAll(r.Body) // no more than maxBody
		if err != nil {
			writeError(w, http.StatusRequestEntityTooLarge, "the body cannot be read: "+err.Error())
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestBody{}, body)))
	}), nil
}

// requestBody is the key of a request's body in its context, for errors about it.
type requestBody struct{}

// gatewayError gives errors that the gateway itself makes, such as those of bodies that are not right, a reason like all others.
func gatewayError(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	if st, ok := status.FromError(err); ok && len(st.Details()) == 0 {
		body, _ := r.Context().Value(requestBody{}).([]byte)
		switch field := fieldOf(body, st.Message()); {
		case st.Code() == codes.InvalidArgument && field != "":
			err = rpc.InvalidField(field, field+": "+st.Message())
		case st.Code() == codes.InvalidArgument:
			err = rpc.Error(st.Code(), "REQUEST_INVALID", st.Message())
		case st.Code() == codes.NotFound:
			err = rpc.Error(st.Code(), "NOT_FOUND", st.Message())
		default:
			err = rpc.Error(st.Code(), "CALL_FAILED", st.Message())
		}
	}
	runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, err)
}

// decodingError is how the decoder says where a body is wrong: line and column, from 1.
var decodingError = regexp.MustCompile(`^proto:[\s\p{Z}]*(?:syntax error )?\(line (\d+):(\d+)\)`)

// fieldOf is the field of a body that a decoder's message is about; "" if it is about none.
func fieldOf(body []byte, message string) string {
	at := decodingError.FindStringSubmatch(message)
	if at == nil {
		return ""
	}
	line, _ := strconv.Atoi(at[1])
	column, _ := strconv.Atoi(at[2])
	wrong := 0
	for ; line > 1; line-- {
		end := bytes.IndexByte(body[wrong:], '\n')
		if end < 0 {
			return ""
		}
		wrong += end + 1
	}
	wrong += column - 1
	decoder := json.NewDecoder(bytes.NewReader(body))
	if _, err := decoder.Token(); err != nil {
		return ""
	}
	for decoder.More() {
		token, err := decoder.Token()
		key, isKey := token.(string)
		if err != nil || !isKey {
			return ""
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil || decoder.InputOffset() > int64(wrong) {
			return key
		}
	}
	return ""
}

// routingError answers a wrong method with 405; the gateway's own answer would be 501.
func routingError(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	if code == http.StatusMethodNotAllowed {
		err := &runtime.HTTPStatusError{HTTPStatus: code, Err: status.Error(codes.Unimplemented, "method not allowed")}
		runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, err)
		return
	}
	runtime.DefaultRoutingErrorHandler(ctx, mux, m, w, r, code)
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
			writeError(w, http.StatusForbidden, "without a file of users only localhost is answered; name the users with --users-file")
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
		return nil, fmt.Errorf("reading admin's page: %w", err)
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
