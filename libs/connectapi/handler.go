// Package connectapi serves Kafka Connect's REST API (level 4.3) over ConnectorService, so that the tools people drive
// Kafka Connect with drive Calypso: curl, kcctl, Kafka UI, Redpanda Console, Terraform, Strimzi.
//
// Paths, methods, codes, headers and bodies are those of Kafka Connect, as recorded in testdata, with these differences:
//   - a body that is not right (malformed JSON, unknown field, wrong type) is 400 and says which field, where Kafka
//     Connect answers 500 with a Java exception;
//   - literal secrets are masked; references such as ${file:/run/secrets/pg:password} are not. A mask that is given
//     back means "unchanged";
//   - a query parameter that is neither true nor false is 400, where Kafka Connect takes it for false;
//   - a value that is null in a new configuration is taken as absent, where Kafka Connect refuses it;
//   - errors always have Content-Type application/json, also those of ambiguous paths, and 405 has Allow;
//   - Kafka not being reachable is 503.
//
// The handler does no authentication; it is the business of what is put around it. Whoever decides what a caller may do is asked
// (Config.Allow) before a call that changes something looks at anything else of its request.
package connectapi

import (
	"context"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

const (
	// Level is the version of Kafka Connect whose API this is. Tools read it to know what they may ask for.
	Level = "4.3.1"
	// maxBody bounds a request's body in bytes; what is larger gets 413.
	maxBody = 1 << 20
	// jsonMediaType is the media type of bodies.
	jsonMediaType = "application/json"
	// requestTimeout is how long a request may take, as in Kafka Connect.
	requestTimeout = 90 * time.Second
)

// Config says what a Handler serves.
type Config struct {
	// Client reaches the connectors of all fleets.
	Client connectorv1.ConnectorServiceClient
	// ClusterID is the id of the Kafka cluster.
	ClusterID func(context.Context) (string, error)
	// Ready says why requests cannot be handled now, nil if they can; always ready if it is nil.
	Ready func(context.Context) error
	// Version is Calypso's own version. It stands where Kafka Connect has its commit.
	Version string
	// Loggers is what /admin/loggers shows and sets; empty if nil.
	Loggers *Loggers
	// Allow says why the caller may not make a call that changes something, named as the method of ConnectorService that the
	// handler will call, or SetLoggerLevel, which it does by itself; nil if they may. Everybody may if it is nil.
	Allow func(ctx context.Context, call string) error
	// Changed is told what the handler changed by itself: which call it was, of what, and how it is now.
	Changed func(ctx context.Context, call, of, detail string)
	// Logger is slog.Default if nil.
	Logger *slog.Logger
}

// Handler serves the API. It is safe for concurrent use.
type Handler struct {
	config Config
	routes []route
	// started is set once the service was ready: not being ready later is unhealthy, not starting.
	started atomic.Bool
}

// NewHandler makes a handler.
func NewHandler(config Config) *Handler {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Allow == nil {
		config.Allow = func(context.Context, string) error { return nil }
	}
	if config.Changed == nil {
		config.Changed = func(context.Context, string, string, string) {}
	}
	if config.Loggers == nil {
		config.Loggers = NewLoggers(nil)
	}
	h := &Handler{config: config}
	h.routes = h.table()
	return h
}

// endpoint answers one method of one path.
type endpoint func(r *request) (*answer, error)

// route is a path, whose segments in braces stand for anything, with its methods.
type route struct {
	segments []string
	methods  map[string]endpoint
}

func (h *Handler) table() []route {
	at := func(path string, methods map[string]endpoint) route {
		return route{split(path), methods}
	}
	return []route{
		at("/", map[string]endpoint{http.MethodGet: h.root}),
		at("/health", map[string]endpoint{http.MethodGet: h.health}),
		at("/connectors", map[string]endpoint{http.MethodGet: h.listConnectors, http.MethodPost: h.allowed("CreateConnector", h.createConnector)}),
		at("/connectors/{connector}", map[string]endpoint{http.MethodGet: h.getConnector, http.MethodDelete: h.allowed("DeleteConnector", h.deleteConnector)}),
		at("/connectors/{connector}/config", map[string]endpoint{http.MethodGet: h.getConfig, http.MethodPut: h.allowed("UpdateConnectorConfig", h.putConfig), http.MethodPatch: h.allowed("PatchConnectorConfig", h.patchConfig)}),
		at("/connectors/{connector}/status", map[string]endpoint{http.MethodGet: h.getStatus}),
		at("/connectors/{connector}/restart", map[string]endpoint{http.MethodPost: h.allowed("RestartConnector", h.restartConnector)}),
		at("/connectors/{connector}/fence", map[string]endpoint{http.MethodPut: h.internal}),
		at("/connectors/{connector}/pause", map[string]endpoint{http.MethodPut: h.allowed("PauseConnector", h.pause)}),
		at("/connectors/{connector}/resume", map[string]endpoint{http.MethodPut: h.allowed("ResumeConnector", h.resume)}),
		at("/connectors/{connector}/stop", map[string]endpoint{http.MethodPut: h.allowed("StopConnector", h.stop)}),
		at("/connectors/{connector}/tasks", map[string]endpoint{http.MethodGet: h.listTasks, http.MethodPost: h.internal}),
		at("/connectors/{connector}/tasks/{task}/status", map[string]endpoint{http.MethodGet: h.getTaskStatus}),
		at("/connectors/{connector}/tasks/{task}/restart", map[string]endpoint{http.MethodPost: h.allowed("RestartTask", h.restartTask)}),
		at("/connectors/{connector}/topics", map[string]endpoint{http.MethodGet: h.getTopics}),
		at("/connectors/{connector}/topics/reset", map[string]endpoint{http.MethodPut: h.allowed("ResetConnectorTopics", h.resetTopics)}),
		at("/connectors/{connector}/offsets", map[string]endpoint{http.MethodGet: h.getOffsets, http.MethodPatch: h.allowed("AlterOffsets", h.alterOffsets), http.MethodDelete: h.allowed("ResetOffsets", h.resetOffsets)}),
		at("/connector-plugins", map[string]endpoint{http.MethodGet: h.listPlugins}),
		at("/connector-plugins/{plugin}/config", map[string]endpoint{http.MethodGet: h.getPluginConfig}),
		at("/connector-plugins/{plugin}/config/validate", map[string]endpoint{http.MethodPut: h.allowed("ValidateConfig", h.validate)}),
		at("/admin/loggers", map[string]endpoint{http.MethodGet: h.listLoggers}),
		at("/admin/loggers/{logger}", map[string]endpoint{http.MethodGet: h.getLogger, http.MethodPut: h.allowed("SetLoggerLevel", h.setLogger)}),
	}
}

// Handles reports whether a path belongs to this API, so that a server can serve others beside it.
func (h *Handler) Handles(path string) bool {
	first := ""
	if segments := split(path); len(segments) > 0 {
		first = segments[0]
	}
	return slices.Contains([]string{"", "health", "connectors", "connector-plugins", "admin"}, first)
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	reply, err := h.serve(r.WithContext(ctx))
	if err != nil {
		reply = h.failed(r, err)
	}
	reply.write(w, r)
}

func (h *Handler) serve(r *http.Request) (*answer, error) {
	if err := ambiguous(r.URL.EscapedPath()); err != nil {
		return nil, err
	}
	path := split(r.URL.EscapedPath())
	for _, route := range h.routes {
		values, ok := route.match(path)
		if !ok {
			continue
		}
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		if handle, ok := route.methods[method]; ok {
			if !accepts(r.Header) {
				return nil, &apiError{code: http.StatusNotAcceptable, message: "HTTP 406 Not Acceptable"}
			}
			if !route.consumes(r.Header.Get("Content-Type")) {
				return nil, errMediaType()
			}
			return handle(&request{Request: r, path: values})
		}
		if r.Method == http.MethodOptions {
			return &answer{code: http.StatusOK, allow: route.allow(), text: strings.Join(route.allow(), ", ")}, nil
		}
		return nil, &apiError{code: http.StatusMethodNotAllowed, message: "HTTP 405 Method Not Allowed", allow: route.allow()}
	}
	return nil, &apiError{code: http.StatusNotFound, message: "HTTP 404 Not Found"}
}

// longestPath is that of an escaped path in bytes, as in Kafka Connect.
const longestPath = 8 << 10

// ambiguous refuses paths that one reader may take for another path than the next, in the words of Kafka Connect's server.
func ambiguous(path string) error {
	if len(path) > longestPath {
		return &apiError{code: http.StatusRequestURITooLong, message: "URI Too Long"}
	}
	if strings.Contains(path, "//") {
		return badRequest("Ambiguous URI empty segment")
	}
	depth := 0
	for segment := range strings.SplitSeq(path, "/") {
		text, err := url.PathUnescape(segment)
		name, _, parameters := strings.Cut(text, ";")
		switch {
		case err != nil, strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }), !utf8.ValidString(text):
			return badRequest("Bad URI")
		case strings.ContainsAny(text, `/\`) && text != segment:
			return badRequest("Ambiguous URI path separator")
		case (name == "." || name == "..") && text != segment, (name == "." || name == "..") && parameters:
			return badRequest("Ambiguous URI path segment")
		case segment == "..":
			depth--
		case segment != "" && segment != ".":
			depth++
		}
		if depth < 0 { // above the root
			return badRequest("Bad URI")
		}
	}
	return nil
}

// accepts is whether a client takes JSON.
func accepts(header http.Header) bool {
	if strings.TrimSpace(header.Get("Accept")) == "" {
		return true
	}
	for item := range strings.SplitSeq(strings.Join(header.Values("Accept"), ","), ",") {
		media, _, _ := strings.Cut(item, ";")
		if slices.Contains([]string{jsonMediaType, "application/*", "*/*"}, strings.ToLower(strings.TrimSpace(media))) {
			return true
		}
	}
	return false
}

// split cuts an escaped path into its segments without their parameters (;a=b); slashes at the end do not count.
func split(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	segments := strings.Split(path, "/")
	for i := range segments {
		segments[i], _, _ = strings.Cut(segments[i], ";")
	}
	return segments
}

// match fits an escaped path into the route; values are the unescaped segments that stand in braces.
func (t route) match(path []string) (values map[string]string, ok bool) {
	if len(path) != len(t.segments) {
		return nil, false
	}
	for i, segment := range t.segments {
		text, err := url.PathUnescape(path[i])
		if err != nil {
			return nil, false
		}
		if name, variable := strings.CutPrefix(segment, "{"); variable {
			if values == nil {
				values = map[string]string{}
			}
			values[strings.TrimSuffix(name, "}")] = strings.ToValidUTF8(text, "\uFFFD")
		} else if text != segment {
			return nil, false
		}
	}
	return values, true
}

// consumes reports whether a request may have the media type, whether or not it has a body: JSON, none said, or any (*/*). The
// root and the health take everything.
func (t route) consumes(contentType string) bool {
	if contentType == "" || len(t.segments) == 0 || t.segments[0] == "health" {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && slices.Contains([]string{jsonMediaType, "application/*", "*/*"}, mediaType)
}

// allow lists the methods of a path in Kafka Connect's order.
func (t route) allow() []string {
	var methods []string
	for _, method := range []string{http.MethodHead, http.MethodDelete, http.MethodPost, http.MethodGet, http.MethodOptions, http.MethodPut, http.MethodPatch} {
		served := method
		if method == http.MethodHead {
			served = http.MethodGet
		}
		if _, ok := t.methods[served]; ok || method == http.MethodOptions {
			methods = append(methods, method)
		}
	}
	return methods
}

// allowed is an endpoint for those who may make a call.
func (h *Handler) allowed(call string, handle endpoint) endpoint {
	return func(r *request) (*answer, error) {
		if err := h.config.Allow(r.Context(), call); err != nil {
			return nil, err
		}
		return handle(r)
	}
}

// internal is asked by Kafka Connect's workers among each other, who sign what they ask. Calypso's workers do not call each
// other, so no caller has the key.
func (h *Handler) internal(*request) (*answer, error) {
	return nil, badRequest("Internal request missing required signature")
}

func (h *Handler) root(r *request) (*answer, error) {
	type serverInfo struct {
		Version        string  `json:"version"`
		Commit         string  `json:"commit"`
		KafkaClusterID *string `json:"kafka_cluster_id"`
	}
	info := serverInfo{Version: Level, Commit: "calypso-" + h.config.Version}
	if h.config.ClusterID != nil {
		id, err := h.config.ClusterID(r.Context())
		if err != nil {
			h.config.Logger.Warn("the id of the Kafka cluster is not known", "err", err)
		} else {
			info.KafkaClusterID = &id
		}
	}
	return ok(info), nil
}

// health answers as KIP-1017 has it.
func (h *Handler) health(r *request) (*answer, error) {
	type status struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	var err error
	if h.config.Ready != nil {
		err = h.config.Ready(r.Context())
	}
	switch {
	case err == nil:
		h.started.Store(true)
		return ok(status{"healthy", "Worker has completed startup and is ready to handle requests."}), nil
	case !h.started.Load():
		return &answer{code: http.StatusServiceUnavailable, body: status{"starting", "Worker is still starting up: " + err.Error()}}, nil
	}
	return &answer{code: http.StatusInternalServerError, body: status{"unhealthy", "Worker was unable to handle this request and may be unable to handle other requests: " + err.Error()}}, nil
}
