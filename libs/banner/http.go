package banner

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
)

// Dial is how a client connects, like net.Dialer's DialContext.
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// HTTP makes requests over connections whose first bytes are examined: if the server speaks neither
// HTTP nor, for https, TLS, the error is an *OtherServerError or a *SilentServerError. It sets
// base's DialContext, so base must not be used elsewhere. meant names the intended server.
func HTTP(base *http.Transport, meant string) http.RoundTripper {
	base.DialContext = dialHTTP(base.DialContext, meant)
	return recognising{base}
}

type recognising struct{ *http.Transport }

// RoundTrip unwraps the error about another server from net/http's words around it.
func (r recognising) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.Transport.RoundTrip(request)
	if other, ok := errors.AsType[*OtherServerError](err); ok {
		return nil, other
	}
	if mute, ok := errors.AsType[*SilentServerError](err); ok {
		return nil, mute
	}
	return response, err
}

func dialHTTP(dial Dial, meant string) Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &asking{Conn: conn, meant: meant}
		c.answer = NewReader(conn, meant, c.judge)
		return c, nil
	}
}

// What a connection sent first.
const (
	nothing = iota
	plain   // the beginning of a request
	secured // the beginning of a handshake of TLS
	proxied // the beginning of SOCKS, whose proxies answer in their own way
)

// socks is the first byte that a client sends to a SOCKS proxy.
const socks = 5

// asking is a connection to an HTTP server.
type asking struct {
	net.Conn
	meant  string
	answer *Reader
	// asked is what was sent first. The goroutine that writes sets it, and the one that reads needs
	// it.
	asked atomic.Int32
	// heard is true once something came. Only the goroutine that reads uses it.
	heard bool
}

// Write records what is sent first.
func (a *asking) Write(p []byte) (int, error) {
	if len(p) > 0 && a.asked.Load() == nothing {
		switch p[0] {
		case handshake:
			a.asked.Store(secured)
		case socks:
			a.asked.Store(proxied)
		default:
			a.asked.Store(plain)
		}
	}
	return a.Conn.Write(p)
}

// Read examines the answer's first bytes.
func (a *asking) Read(p []byte) (int, error) {
	n, err := a.answer.Read(p)
	other, strange := errors.AsType[*OtherServerError](err)
	switch {
	case n > 0:
		a.heard = true
	case strange && a.asked.Load() == secured:
		other.Meant = a.meant + " with TLS"
	case strange:
		other.Meant = a.meant + " without TLS"
	case err != nil && !a.heard && a.asked.Load() != nothing && hungUp(err):
		err = &SilentServerError{a.meant, a.RemoteAddr().String(), err}
	}
	return n, err
}

func (a *asking) judge(said []byte) Verdict {
	switch {
	case len(said) == 0:
		return Unknown
	case a.asked.Load() == proxied:
		return Meant
	case a.asked.Load() == secured:
		return OfTLS(said)
	}
	const version = "HTTP/"
	switch known := min(len(said), len(version)); {
	case string(said[:known]) != version[:known]:
		return Other
	case known < len(version):
		return Unknown
	}
	return Meant
}

// SilentServerError is the error of a server that accepts the connection and the request, and ends
// the connection without a word.
type SilentServerError struct {
	// Meant names the intended server, and Address is host:port.
	Meant, Address string
	err            error
}

func (m *SilentServerError) Error() string {
	return fmt.Sprintf(
		"%s takes the connection and ends it without an answer (%v), as other servers do (PostgreSQL, Kafka) that are asked for %s, or a proxy without a server behind it",
		m.Address, m.err, m.Meant)
}

func (m *SilentServerError) Unwrap() error { return m.err }

// Wrong reports whether an error means that another server answered, or a silent one.
func Wrong(err error) bool {
	_, other := errors.AsType[*OtherServerError](err)
	_, mute := errors.AsType[*SilentServerError](err)
	return other || mute
}

// longestPage is how many bytes of an HTTP answer are examined.
const longestPage = 64 << 10

// errorCode matches the beginning of errors of Confluent's REST services: Kafka Connect, the
// registry, the proxy.
var errorCode = regexp.MustCompile(`^\s*\{\s*"error_code"`)

// Response says which other server gave an HTTP answer, and quotes its status and beginning. It
// returns "" if ours, which gets that beginning, recognizes the answer as the intended server's.
// The beginning is put back. Response is for answers that a client cannot understand: errors of the
// intended server are the client's to explain.
func Response(resp *http.Response, meant string, ours func(begun []byte) bool) string {
	begun := peek(resp)
	if ours(begun) {
		return ""
	}
	if page := Page(resp, meant); page != "" {
		return page
	}
	kind := "an HTTP server"
	switch media := mediaType(resp); {
	case media == "application/grpc":
		kind = "a gRPC server"
	case errorCode.Match(begun):
		kind = "a server of Kafka Connect's kind, such as Connect itself or a schema registry"
	case media != "":
		kind += " with " + media
	}
	if name := resp.Header.Get("Server"); name != "" {
		kind += fmt.Sprintf(" (%s)", cut(name))
	}
	said := cmp.Or(firstText(begun), "nothing")
	return fmt.Sprintf("what answers at %s is not %s but %s, which says %q (HTTP %s)", resp.Request.URL.Host, meant, kind,
		said, resp.Status)
}

// peek returns the beginning of an answer's body, and puts it back.
func peek(resp *http.Response) []byte {
	var begun bytes.Buffer
	_, _ = io.Copy(&begun, io.LimitReader(resp.Body, longestPage)) // an error shows again when the rest is read
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begun.Bytes()), resp.Body), resp.Body}
	return begun.Bytes()
}

// mediaType returns an answer's media type, such as text/html; empty if it has none.
func mediaType(resp *http.Response) string {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return media
}

// cut turns a text into one line, and shortens it for quoting.
func cut(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	return string(runes[:min(len(runes), quoted)])
}

// hungUp reports whether an error means that the other side ended the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}
