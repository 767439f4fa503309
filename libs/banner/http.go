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

// Dial is how a client connects, as net.Dialer's DialContext.
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// HTTP makes requests over connections whose first bytes are looked at: where what answers speaks
// neither HTTP nor, if that is asked for, TLS, the error is an *OtherServerError or a *SilentServerError.
// It sets base's DialContext, so that base is not to be used otherwise. meant names the server that is meant.
func HTTP(base *http.Transport, meant string) http.RoundTripper {
	base.DialContext = dialHTTP(base.DialContext, meant)
	return recognising{base}
}

type recognising struct{ *http.Transport }

// RoundTrip leaves out what net/http says around the error of another server.
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

// What an asking connection has sent first.
const (
	nothing = iota
	plain   // the beginning of a request
	secured // the beginning of a handshake of TLS
	proxied // the beginning of SOCKS, whose proxies answer in their own way
)

// socks begins what a client of a SOCKS proxy says.
const socks = 5

// asking is a connection to a server of HTTP.
type asking struct {
	net.Conn
	meant  string
	answer *Reader
	// asked is what was sent first: it is written by who asks, and read by who waits for the answer.
	asked atomic.Int32
	// heard says that something came. Only the goroutine that reads has it.
	heard bool
}

// Write notes how the server is asked.
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

// Read looks at the answer's first bytes.
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

// SilentServerError is the error of a server that takes the connection and the question, and ends the connection
// without a word.
type SilentServerError struct {
	// Meant names the server that is meant, and Address is host:port.
	Meant, Address string
	err            error
}

func (m *SilentServerError) Error() string {
	return fmt.Sprintf(
		"%s takes the connection and ends it without an answer (%v), as other servers do (PostgreSQL, Kafka) that are asked for %s, or a proxy without a server behind it",
		m.Address, m.err, m.Meant)
}

func (m *SilentServerError) Unwrap() error { return m.err }

// Wrong reports whether an error is that another server answered, or one without a word.
func Wrong(err error) bool {
	_, other := errors.AsType[*OtherServerError](err)
	_, mute := errors.AsType[*SilentServerError](err)
	return other || mute
}

// longestPage is how many bytes of an answer of HTTP are looked at.
const longestPage = 64 << 10

// errorCode begins the errors of Confluent's services of REST: Kafka Connect, the registry, the proxy.
var errorCode = regexp.MustCompile(`^\s*\{\s*"error_code"`)

// Response says which other server gave an answer of HTTP, whose status and beginning it quotes; it
// is empty where ours, which is given that beginning, recognises it as one of the server that is
// meant. The beginning is put back. Response is for answers that a client cannot make sense of: an
// answer that is ours with an error in it is for the client to explain.
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

// peek is the beginning of an answer's body, which is put back.
func peek(resp *http.Response) []byte {
	var begun bytes.Buffer
	_, _ = io.Copy(&begun, io.LimitReader(resp.Body, longestPage)) // an error comes again with the rest
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begun.Bytes()), resp.Body), resp.Body}
	return begun.Bytes()
}

// mediaType is the type of an answer, such as text/html; empty if it says none.
func mediaType(resp *http.Response) string {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return media
}

// cut makes one line of a text, and shortens it to what is quoted.
func cut(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	return string(runes[:min(len(runes), quoted)])
}

// hungUp reports whether an error is that the other side ended the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}
