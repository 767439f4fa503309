package pgrepl

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/banner"
	"github.com/calypso-cdc/calypso/libs/egress"
)

// dialer makes cfg dial as c says. The connections that are made with the context that it returns tell what they met,
// once they are no longer used. Those of other contexts do not: a failed attempt asks the server to cancel it, on a
// connection and in a goroutine of its own.
func (c Config) dialer(ctx context.Context, cfg *pgconn.Config) (context.Context, *dialled) {
	made := new(dialled)
	d := &net.Dialer{KeepAlive: -1, Timeout: cfg.ConnectTimeout, Control: egress.Control}
	if c.KeepAlive {
		d.KeepAlive = 30 * time.Second
	}
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		s := newServerConn(conn)
		if ctx.Value(attemptKey{}) == made {
			made.conns = append(made.conns, s)
		}
		return s, nil
	}
	return context.WithValue(ctx, attemptKey{}, made), made
}

// attemptKey is the key under which a context has the dialled of the attempt to connect that it is for.
type attemptKey struct{}

// dialled are the connections of one attempt to connect, which are made one after the other.
type dialled struct{ conns []*serverConn }

// silent reports whether a server took a connection and has said nothing on it.
func (d *dialled) silent() bool {
	return slices.ContainsFunc(d.conns, func(c *serverConn) bool { return !c.spoke.Load() })
}

// dialed is what DialFunc made, which TLS may surround; nil if it did not make the connection.
func dialed(c net.Conn) *serverConn {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	s, _ := c.(*serverConn)
	return s
}

// connected notes that the connection stands.
func connected(c net.Conn) {
	if s := dialed(c); s != nil {
		s.connected = true
	}
}

// serverConn is a connection to a server, which it lets have the last word while the connection is
// made. One that refuses a client says why and closes the connection, for instance after it has
// seen the client's certificate, which with TLS 1.3 is after the client's side of the handshake. A
// client that writes only then finds the connection reset, though the reason has come and waits to
// be read. So that it is read, such a write succeeds: nothing that is written is known to arrive
// anyhow.
//
// It also looks at the first bytes of the answer, since another server may be at the address.
type serverConn struct {
	net.Conn
	answer *banner.Reader
	// asksTLS says that the client asked for TLS first.
	asksTLS   bool
	connected bool // set once, before anything else than the one who connects uses it
	// spoke says that the server has said something.
	spoke atomic.Bool
	// reading is since when a read has waited for the server, in nanoseconds since 1970; 0 while none does.
	reading atomic.Int64
}

func newServerConn(conn net.Conn) *serverConn {
	c := &serverConn{Conn: conn}
	c.answer = banner.NewReader(conn, "PostgreSQL", func(said []byte) banner.Verdict { return whose(said, c.asksTLS) })
	return c
}

// Write implements net.Conn.
func (c *serverConn) Write(p []byte) (int, error) {
	if !c.connected && bytes.Equal(p, askTLS) {
		c.asksTLS = true
	}
	n, err := c.Conn.Write(p)
	if err != nil && !c.connected && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
		return len(p), nil
	}
	return n, err
}

// Read implements net.Conn.
func (c *serverConn) Read(p []byte) (int, error) {
	c.reading.Store(time.Now().UnixNano())
	n, err := c.answer.Read(p)
	c.reading.Store(0)
	if n > 0 && !c.connected {
		c.spoke.Store(true)
	}
	if _, other := errors.AsType[*banner.OtherServerError](err); err != nil && !other && !c.spoke.Load() {
		err = &wordless{err}
	}
	return n, err
}

// SyscallConn implements syscall.Conn, which TCP's and Unix's connections do.
func (c *serverConn) SyscallConn() (syscall.RawConn, error) {
	raw, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return raw.SyscallConn()
}

// WaitsSince is since when a connection that Connect opened has waited for the server; zero while
// it does not, as where nothing was asked.
func WaitsSince(conn *pgx.Conn) time.Time {
	if s := dialed(conn.PgConn().Conn()); s != nil {
		if at := s.reading.Load(); at != 0 {
			return time.Unix(0, at)
		}
	}
	return time.Time{}
}
