package pgrepl

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/egress"
)

// dialer makes cfg dial as c says. The function that it returns is called when the connection stands.
func (c Config) dialer(cfg *pgconn.Config) (connected func()) {
	d := &net.Dialer{KeepAlive: -1, Timeout: cfg.ConnectTimeout, Control: egress.Control}
	if c.KeepAlive {
		d.KeepAlive = 30 * time.Second
	}
	var greeting *greetingConn
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
			greeting = &greetingConn{TCPConn: tcp}
			return greeting, nil
		}
		return conn, err
	}
	return func() {
		if greeting != nil {
			greeting.connected = true
		}
	}
}

// greetingConn lets a server have the last word while a connection is made. One that refuses a client says why and closes the connection,
// for instance after it has seen the client's certificate, which with TLS 1.3 is after the client's side of the handshake. A client that
// writes only then finds the connection reset, though the reason has come and waits to be read. So that it is read, such a write
// succeeds: nothing that is written is known to arrive anyhow.
type greetingConn struct {
	*net.TCPConn
	connected bool // set once, before anything else than the one who connects uses it
}

// Write implements net.Conn.
func (c *greetingConn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	if err != nil && !c.connected && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
		return len(p), nil
	}
	return n, err
}
