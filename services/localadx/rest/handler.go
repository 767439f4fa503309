package rest

import (
	"crypto/subtle"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/command"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/query"
	"github.com/calypso-cdc/calypso/services/localadx/queued"
	"github.com/calypso-cdc/calypso/services/localadx/source"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// Config is the configuration of a Handler. All fields except Token are required.
type Config struct {
	Store    *store.Store
	Commands *command.Executor
	// Journal notes the queries that run, and Resources says where blobs are uploaded to.
	Journal   *command.Journal
	Resources command.Resources
	Query     *query.Runner
	Loader    *source.Loader
	Opener    *source.Opener
	Ingestor  *queued.Ingestor
	// StorageURL returns where the client of a request reaches the storage services, without a slash at the end.
	StorageURL func(*http.Request) string
	// MaxResultRows is how many rows a query returns unless it asks for more by truncationmaxrecords or notruncation.
	MaxResultRows int64
	// Names are the host names by which pages of this server are known; pages of other hosts may not call.
	Names []string
	// Token is the bearer token that clients must send; empty lets everybody in.
	Token string
	// Roles are the roles of all clients.
	Roles fidelity.Roles
	// Emulator takes streaming ingestion away.
	Emulator fidelity.Emulator
	Log      *slog.Logger
}

// Handler serves the protocol. It is safe for concurrent use.
type Handler struct {
	config Config
}

// New makes a handler.
func New(config Config) *Handler { return &Handler{config} }

// webOrigin may call from a browser: Azure's own page for queries. Pages of this machine may as well.
const webOrigin = "https://dataexplorer.azure.com"

// exchange is one request with its answer.
type exchange struct {
	*http.Request
	w          http.ResponseWriter
	body       *body  // of a successful answer
	clientID   string // x-ms-client-request-id, made up when missing
	activityID string
	started    time.Time
}

// ServeHTTP implements http.Handler for the paths under /v1/ and /v2/.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{Request: r, w: w, clientID: r.Header.Get("x-ms-client-request-id"), activityID: uuid.NewString(),
		started: time.Now()}
	if x.clientID == "" {
		x.clientID = "unspecified;" + uuid.NewString()
	}
	w.Header().Set("x-ms-client-request-id", x.clientID)
	w.Header().Set("x-ms-activity-id", x.activityID)
	if !h.allowOrigin(w, r) {
		h.fail(x, &protocolError{status: http.StatusForbidden, code: "Forbidden",
			message: "pages of " + r.Header.Get("Origin") +
				" may not call this server: use a name from its certificate, or add yours by --names", permanent: true})
		return
	}
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	path := strings.ToLower(strings.TrimSuffix(r.URL.Path, "/"))
	if path == "/v1/rest/auth/metadata" {
		// Every SDK takes 404 as "no sign-in here" and goes on.
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if !h.Admits(r) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		// What else a stranger sends is not waited for.
		w.Header().Set("Connection", "close")
		h.fail(x, &protocolError{status: http.StatusUnauthorized, code: "Unauthorized",
			message: "this server asks for a bearer token and the request has none or another"})
		return
	}
	switch {
	case r.Method == http.MethodPost && path == "/v1/rest/mgmt":
		h.management(x)
	case r.Method == http.MethodPost && path == "/v2/rest/query":
		h.query(x, h.writeV2)
	case r.Method == http.MethodPost && path == "/v1/rest/query":
		h.query(x, h.writeV1)
	case strings.HasPrefix(path, "/v1/rest/ingest/"):
		h.streaming(x)
	case strings.HasPrefix(path, "/v1/rest/ingestion/"):
		h.queued(x, path)
	default:
		h.fail(x, &protocolError{status: http.StatusNotFound, code: "NotFound",
			message: "there is nothing at " + r.Method + " " + r.URL.Path})
	}
}

// Admits checks the request's bearer token, in a time that does not depend on how much of it is right.
func (h *Handler) Admits(r *http.Request) bool {
	if h.config.Token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(token), []byte(h.config.Token)) == 1
}

// allowOrigin reports whether the page that a browser's request comes from may call, and tells the browser so. Requests
// of other clients have no origin. Without this any page that a user has open could drop tables.
func (h *Handler) allowOrigin(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	from, err := url.Parse(origin)
	if err != nil {
		return false
	}
	// The owner of an unknown name can make it lead here; that is not possible with an address.
	own := slices.Contains(h.config.Names, from.Hostname()) || from.Host == r.Host && net.ParseIP(from.Hostname()) != nil
	if !own && origin != webOrigin {
		return false
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	header.Set("Access-Control-Allow-Private-Network", "true")
	header.Set("Access-Control-Expose-Headers", "x-ms-client-request-id, x-ms-activity-id")
	header.Set("Access-Control-Max-Age", "3600")
	header.Add("Vary", "Origin")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		header.Set("Access-Control-Allow-Headers", asked)
	}
	return true
}

// user is who the request says it is from, for the journal.
func (x *exchange) user() string { return x.Header.Get("x-ms-user") }
