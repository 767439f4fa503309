package connectapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

const (
	// Level is the version of Kafka Connect whose API this is. Tools read it to know which calls
	// exist.
	Level = "4.3.1"
	// maxBody bounds a request's body in bytes; larger ones get 413.
	maxBody = 1 << 20
	// jsonMediaType is the media type of bodies.
	jsonMediaType = "application/json"
	// requestTimeout is how long a request may take, as in Kafka Connect.
	requestTimeout = 90 * time.Second
)

// Handler serves the API. It is safe for concurrent use.
type Handler struct {
	config Config
	routes []route
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
	return &Handler{config: config, routes: config.routes()}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	reply, err := h.serve(r.WithContext(ctx))
	if err != nil {
		reply = failed(h.config.Logger, r, err)
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
