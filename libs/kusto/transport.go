package kusto

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/calypso-cdc/calypso/libs/banner"
	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/egress"
)

// outcome collects what the transport saw during one call, since the SDK flattens answers to text
// and loses the code, the permanence and Retry-After. It is passed in the call's context. A call
// may make several exchanges; the last failed one counts.
type outcome struct {
	mu        sync.Mutex
	status    int
	code      string
	message   string
	permanent bool
	// known is true if the service itself said whether the failure is permanent.
	known bool
	after time.Duration
	// unanswered is why the last exchange got no answer; nil if it got one.
	unanswered error
	// stranger describes another server that answered the last exchange; empty if none did.
	stranger string
	// asking is the host whose answer the call waits for, since the time since; empty if it waits for
	// none.
	asking string
	since  time.Time
	// silent is the host of that exchange; watch gets hosts that answer, unless it is nil.
	silent string
	watch  *Watch
	// read, if it is set before the call, is called when the caller has read a successful answer.
	read func()
}

type outcomeKey struct{}
type requestIDKey struct{}

func withOutcome(ctx context.Context) (context.Context, *outcome) {
	o := &outcome{}
	if w, ok := ctx.Value(watchKey{}).(*Watch); ok {
		o.watch = w
		w.current.Store(o)
	}
	return context.WithValue(ctx, outcomeKey{}, o), o
}

// WithClientRequestID makes every exchange under ctx carry id as x-ms-client-request-id, so that ADX's own records
// (.show ingestion failures, .show queries) lead back to the trace.
func WithClientRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

func (o *outcome) last() (status int, code, message string, permanent, known bool, after time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.status, o.code, o.message, o.permanent, o.known, o.after
}

// transport records outcomes and adds client request ids to requests.
type transport struct {
	next http.RoundTripper
	// identity sends the requests of the SDK's credentials to this machine's metadata service, at a
	// link-local address to which next does not connect.
	identity http.RoundTripper
}

// asksMachine recognizes the requests of credentials for this machine's own identity: to Azure's
// instance metadata service, and to that of App Service. Both give a token only with a header that
// no setting and no answer of a cluster can set; the first is also asked without it, for whether it
// is there.
func asksMachine(r *http.Request) bool {
	return r.URL.Host == "169.254.169.254" && r.URL.Path == "/metadata/identity/oauth2/token" ||
		r.Header.Get("X-Identity-Header") != ""
}

// maxErrorBody bounds an error's body in bytes, since the SDK makes all of it the error's text.
const maxErrorBody = 64 << 10

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	r, end := lend(r)
	defer end()
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		r = r.Clone(ctx)
		r.Header.Set("x-ms-client-request-id", id)
	}
	next, judge := t.next, stranger
	if asksMachine(r) {
		next, judge = t.identity, func(*http.Request, *http.Response) string { return "" }
	}
	o, _ := ctx.Value(outcomeKey{}).(*outcome)
	if o != nil {
		o.asks(r)
	}
	resp, err := next.RoundTrip(r)
	var other string
	if err == nil {
		resp = bounded(r, resp)
		other = judge(r, resp)
	}
	if o != nil {
		o.answered(r, err, other)
	}
	if other != "" && resp.StatusCode < 300 { // the SDK might take it as done
		return nil, errors.Join(errors.New(other+elsewhere), resp.Body.Close())
	}
	if o == nil {
		return resp, err
	}
	if err != nil || resp.StatusCode < 400 {
		if err == nil && o.read != nil {
			resp.Body = &readBody{resp.Body, o.read}
		}
		return resp, err
	}
	body, readErr := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), errReader{readErr}), resp.Body}
	o.note(resp, body)
	return resp, nil
}

// loan gives a request's body to http's transport only until RoundTrip returns. The transport may
// continue to read later, if the answer came before everything was sent or the context has ended,
// but by then the SDK reuses the body: it sends it again, and unmaps its memory (azblob,
// UploadStream); reading that crashes the process.
type loan struct {
	mu    sync.Mutex
	ended bool
}

// lentBody is a body on loan. It is in memory, so reading it does not block.
type lentBody struct {
	io.ReadCloser
	loan *loan
}

var errLoanEnded = errors.New("the request has ended")

func (b *lentBody) Read(p []byte) (int, error) {
	b.loan.mu.Lock()
	defer b.loan.mu.Unlock()
	if b.loan.ended {
		return 0, errLoanEnded
	}
	return b.ReadCloser.Read(p)
}

// lend lends the body of a request until end is called.
func lend(r *http.Request) (lent *http.Request, end func()) {
	if r.Body == nil || r.Body == http.NoBody {
		return r, func() {}
	}
	l := &loan{}
	lent = r.WithContext(r.Context())
	lent.Body = &lentBody{r.Body, l}
	if r.GetBody != nil {
		lent.GetBody = func() (io.ReadCloser, error) {
			again, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			return &lentBody{again, l}, nil
		}
	}
	return lent, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ended = true
	}
}

// readBody calls read when a body is closed.
type readBody struct {
	io.ReadCloser
	closed func()
}

func (b *readBody) Close() error {
	defer b.closed()
	return b.ReadCloser.Close()
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	return 0, io.EOF
}

// otherwise describes another server that answered the last exchange; empty if none did.
func (o *outcome) otherwise() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stranger
}

func (o *outcome) asks(r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asking, o.since = r.URL.Host, time.Now()
}

// answered records whether an exchange got an answer, and what other server it came from, if any:
// for a failed upload the SDK tells neither the address nor the reason.
func (o *outcome) answered(r *http.Request, err error, other string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asking, o.silent, o.unanswered, o.stranger = "", "", err, other
	if err != nil {
		o.silent, o.unanswered = r.URL.Host, fmt.Errorf("%s: %w", r.URL.Host, err)
	} else if o.watch != nil {
		o.watch.hosts.Store(r.URL.Host, true)
	}
}

// service names the intended server in errors.
const service = "Azure Data Explorer"

// stranger describes the server if the answer does not come from the cluster or its storage; empty
// if it does.
func stranger(r *http.Request, resp *http.Response) string {
	rows := strings.Contains(r.URL.Path, "/rest/ingest/")
	asked := strings.Contains(r.URL.Path, "/rest/") &&
		slices.Contains([]string{"metadata", "mgmt", "query"}, path.Base(r.URL.Path))
	switch {
	case !asked && !rows,
		resp.StatusCode >= 500, // a gateway in front of a cluster may say that the cluster is down
		resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusRequestTimeout,
		resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden, // an empty answer is usual
		resp.Header.Get("x-ms-activity-id") != "": // every answer of a cluster has it
		return banner.Page(resp, service)
	}
	other := banner.Response(resp, service, func(begun []byte) bool {
		switch {
		case resp.StatusCode < 300:
			return hasShape(r.URL.Path, resp, begun) || refused(begun)
		case rows && !json.Valid(begun): // where nothing is streamed, a gateway answers for the cluster
			return true
		}
		return refused(begun) || signInFault(begun) != ""
	})
	return cmp.Or(other, banner.Page(resp, service))
}

// refusal is a cluster's error.
type refusal struct {
	Error struct {
		Code      string `json:"code"`
		Type      string `json:"@type"`
		Message   string `json:"@message"`
		Short     string `json:"message"`
		Permanent *bool  `json:"@permanent"`
	} `json:"error"`
	// Table is the storage's error about a table of statuses.
	Table struct {
		Message struct {
			Value string `json:"value"`
		} `json:"message"`
	} `json:"odata.error"`
}

// refused reports whether an answer is an error in the service's form. That it has a message alone
// would not do: other servers' errors have one too.
func refused(body []byte) bool {
	var doc refusal
	return json.Unmarshal(body, &doc) == nil && cmp.Or(doc.Error.Code, doc.Error.Message) != ""
}

// Watch sees what unfinished calls under a context are waiting for: within one call the SDK retries
// silently for up to 40 s.
type Watch struct {
	current atomic.Pointer[outcome]
	// hosts are the hosts that answered.
	hosts sync.Map
}

type watchKey struct{}

// WithWatch makes a context whose calls are watched.
func WithWatch(ctx context.Context) (context.Context, *Watch) {
	w := &Watch{}
	return context.WithValue(ctx, watchKey{}, w), w
}

// Unanswered returns an error if the last exchange got no answer, or has waited for one longer than
// patience; nil otherwise.
func (w *Watch) Unanswered(patience time.Duration) error {
	o := w.current.Load()
	if o == nil {
		return nil
	}
	o.mu.Lock()
	waits := o.asking != "" && time.Since(o.since) < patience && o.unanswered == nil
	o.mu.Unlock()
	if waits {
		return nil
	}
	if err := o.why(); err != nil {
		return &Error{Op: "wait for Azure Data Explorer", Silent: o.silentHost(), OtherServer: banner.Wrong(err),
			Message: redact(err.Error())}
	}
	return nil
}

// Answered reports whether a host has answered.
func (w *Watch) Answered(host string) bool {
	_, ok := w.hosts.Load(host)
	return ok
}

// explain adds to the text of a call's error why there was no answer, unless it says so already.
func (o *outcome) explain(text string, why error) string {
	cause := why
	if inner := errors.Unwrap(why); inner != nil {
		cause = inner
	}
	switch host := o.silentHost(); {
	case !strings.Contains(text, cause.Error()):
		return text + ": " + why.Error()
	case !strings.Contains(text, host):
		return host + ": " + text
	}
	return text
}

// why returns why the last exchange got no answer; nil if it got one.
func (o *outcome) why() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.asking != "" && o.unanswered == nil {
		return fmt.Errorf("%s has not answered for %s", o.asking, time.Since(o.since).Round(time.Second))
	}
	return o.unanswered
}

// silentHost returns the host that did not answer the last exchange, or has not answered yet.
func (o *outcome) silentHost() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return cmp.Or(o.asking, o.silent)
}

func (o *outcome) note(resp *http.Response, body []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.status, o.code, o.message, o.permanent, o.known = resp.StatusCode, resp.Header.Get("x-ms-error-code"),
		"", false, false
	o.after = retryAfter(resp.Header)
	var doc refusal
	if json.Unmarshal(body, &doc) != nil {
		if o.code = cmp.Or(signInFault(body), o.code); strings.HasPrefix(o.code, signInCode) {
			return
		}
		o.code, o.message = storageWords(body, o.code)
		return
	}
	if said := doc.Table.Message.Value; said != "" {
		o.message = firstLine(said)
		return
	}
	if doc.Error.Code != "" {
		o.code = doc.Error.Code
	}
	if strings.HasSuffix(doc.Error.Type, ".AdminCommandWrongEndpointException") { // whose code is BadRequest
		o.code = wrongEndpoint
	}
	if o.message = doc.Error.Message; o.message == "" {
		o.message = doc.Error.Short
	}
	// A code of the form BadRequest_SyntaxError stands at the message's start where the error's own code is general.
	if i := strings.Index(o.message, ": "); o.code == "" && i > 0 && !strings.ContainsAny(o.message[:i], " \n") {
		o.code = o.message[:i]
	}
	if doc.Error.Permanent != nil {
		o.permanent, o.known = *doc.Error.Permanent, true
	}
}

// signInFault returns the code in an answer of the sign-in, which has its own place for it; empty
// for other answers.
func signInFault(body []byte) string {
	var doc struct {
		Codes []int `json:"error_codes"`
	}
	if json.Unmarshal(body, &doc) != nil || len(doc.Codes) == 0 {
		return ""
	}
	return signInCode + strconv.Itoa(doc.Codes[0])
}

// storageWords returns code and message of an answer of the storage of blobs and queues; code is
// the code known so far.
func storageWords(body []byte, code string) (string, string) {
	var doc struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	if xml.Unmarshal(body, &doc) != nil {
		return code, ""
	}
	return cmp.Or(code, doc.Code), firstLine(doc.Message)
}

// firstLine drops the request's id and time, which storage adds.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}

func retryAfter(h http.Header) time.Duration {
	if v := h.Get("Retry-After"); v != "" {
		if s, err := strconv.Atoi(v); err == nil {
			return time.Duration(s) * time.Second
		}
		if at, err := http.ParseTime(v); err == nil {
			return max(0, time.Until(at))
		}
	}
	if ms, err := strconv.Atoi(h.Get("x-ms-retry-after-ms")); err == nil {
		return time.Duration(ms) * time.Millisecond
	}
	return 0
}

// newHTTPClient makes the one HTTP client for Kusto and its storage.
func newHTTPClient(cfg Config) (*http.Client, error) {
	base := egress.Transport()
	base.MaxIdleConnsPerHost = 16 // so that parallel uploads keep their connections
	base.DisableCompression = true
	base.ResponseHeaderTimeout = 5 * time.Minute
	if cfg.CAFile != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pem, err := config.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the certificates of kusto.tls.ca.file: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kusto.tls.ca.file %s holds no PEM certificate", cfg.CAFile)
		}
		base.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	if cfg.Proxy != "" {
		u, err := url.Parse(cfg.Proxy)
		if err != nil {
			return nil, fmt.Errorf("proxy address: %w", err)
		}
		base.Proxy = http.ProxyURL(u)
	}
	return &http.Client{
		Transport: &transport{next: banner.HTTP(base, service), identity: http.DefaultTransport},
		// As in the SDK's own client: following a redirect would send the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}
