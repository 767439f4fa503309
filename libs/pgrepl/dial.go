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

// dialer makes cfg dial as c says. Connections made with the returned context are collected in
// dialled, which may be read once they are no longer used. Those made with other contexts are not:
// after a failed attempt pgconn asks the server to cancel it, on a connection and in a goroutine of
// its own.
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

// attemptKey is the key under which a context holds the dialled of its attempt to connect.
type attemptKey struct{}

// dialled holds the connections of one attempt to connect, which are made one after the other.
type dialled struct{ conns []*serverConn }

// silent reports whether a server accepted a connection and has sent nothing over it.
func (d *dialled) silent() bool {
	return slices.ContainsFunc(d.conns, func(c *serverConn) bool { return !c.spoke.Load() })
}

// dialed returns the connection that our DialFunc made, from within TLS if need be; nil if it did
// not make it.
func dialed(c net.Conn) *serverConn {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	s, _ := c.(*serverConn)
	return s
}

// connected records that the connection is established.
func connected(c net.Conn) {
	if s := dialed(c); s != nil {
		s.connected = true
	}
}

// serverConn is a connection that makes sure a server's refusal is read. A server that refuses a
// client says why and closes the connection, for instance after it has seen the client's
// certificate, which with TLS 1.3 is after the client's part of the handshake. If the client writes
// after that, its write fails with a reset, although the reason has arrived and waits to be read.
// So while the connection is being established, such a write succeeds: a write never proves that
// anything arrived.
//
// It also checks the first bytes of the answer, since another server may be at the address.
type serverConn struct {
	net.Conn
	answer *banner.Reader
	// asksTLS is true if the client's first message asked for TLS.
	asksTLS   bool
	connected bool // set once, before other goroutines use the connection
	// spoke is true once the server has sent something.
	spoke atomic.Bool
	// reading is when the waiting read began, in nanoseconds since 1970; 0 while none waits.
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

// SyscallConn implements syscall.Conn, as TCP and Unix connections do.
func (c *serverConn) SyscallConn() (syscall.RawConn, error) {
	raw, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return raw.SyscallConn()
}

// WaitsSince returns since when a connection that Connect opened has been waiting for the server;
// zero while it does not wait, for instance because nothing was asked.
func WaitsSince(conn *pgx.Conn) time.Time {
	if s := dialed(conn.PgConn().Conn()); s != nil {
		if at := s.reading.Load(); at != 0 {
			return time.Unix(0, at)
		}
	}
	return time.Time{}
}
