package kafka

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"syscall"

	"github.com/calypso-cdc/calypso/libs/banner"
)

// longestAnswer is how many bytes a broker's answer may have, as in the client.
const longestAnswer = 100 << 20

// dialer connects to brokers, with TLS unless settings is nil. The first read of a connection, or
// with TLS the dialling itself, fails with a *banner.OtherServerError if something other than a
// broker answers. control may refuse addresses (net.Dialer's Control); nil allows all.
func dialer(settings *tls.Config, control func(network, address string, c syscall.RawConn) error) func(
	ctx context.Context, network, address string) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialTimeout, Control: control}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if settings == nil {
			return answering{conn, banner.NewReader(conn, "a broker of Kafka without TLS", whose)}, nil
		}
		secured := settings.Clone()
		if secured.ServerName == "" {
			if secured.ServerName, _, err = net.SplitHostPort(address); err != nil {
				secured.ServerName = address
			}
		}
		c := tls.Client(answering{conn, banner.NewReader(conn, "a broker of Kafka with TLS", banner.OfTLS)}, secured)
		if err := c.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return c, nil
	}
}

// answering is a connection whose first bytes are examined.
type answering struct {
	net.Conn
	answer *banner.Reader
}

func (a answering) Read(p []byte) (int, error) { return a.answer.Read(p) }

// whose judges by the length with which each answer of a broker begins.
func whose(said []byte) banner.Verdict {
	switch {
	case len(said) < 4:
		return banner.Unknown
	case binary.BigEndian.Uint32(said) > longestAnswer:
		return banner.Other
	}
	return banner.Meant
}
