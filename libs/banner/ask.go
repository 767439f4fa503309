package banner

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// patience bounds how long a server may take for its first words.
const patience = 2 * time.Second

// preface is what a client of HTTP/2 says first (RFC 9113, section 3.4): a fixed text, and settings without any.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// GRPC connects to address (host:port) as a client of gRPC does, with TLS if secured, and says what
// else answers there: an *OtherServerError, a *SilentServerError or an error of TLS that shows it.
// It is nil where a server of HTTP/2 answers, and where nobody can be asked: it is for the time after
// a call has failed, whose error says the rest.
func GRPC(ctx context.Context, address, meant string, secured bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if conn.SetDeadline(deadline) != nil {
		return nil
	}
	a := &asking{Conn: conn, meant: meant}
	a.answer = NewReader(conn, meant, func(said []byte) Verdict {
		if secured {
			return OfTLS(said)
		}
		return ofHTTP2(said)
	})
	if secured {
		//nolint:gosec // no data is sent over this connection: it only finds out what answers
		err = tls.Client(a, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}).HandshakeContext(ctx)
	} else if _, err = a.Write([]byte(preface)); err == nil {
		_, err = a.Read(make([]byte, longest))
	}
	if Wrong(err) {
		return err
	}
	return nil
}

// ofHTTP2 judges whether an answer begins with the settings of a server of HTTP/2.
func ofHTTP2(said []byte) Verdict {
	const length = 3 // bytes of a frame's length
	switch {
	case len(said) > 0 && said[0] != 0: // settings are short
		return Other
	case len(said) < length+len(settings):
		return Unknown
	case bytes.Equal(said[length:length+len(settings)], settings):
		return Meant
	}
	return Other
}

// Web asks for the page at url as a client of HTTP does, and says what else answers there, like GRPC.
func Web(ctx context.Context, url, meant string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	defer base.CloseIdleConnections()
	response, err := HTTP(base, meant).RoundTrip(request)
	if Wrong(err) {
		return err
	}
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	if page := Page(response, meant); page != "" {
		return errors.New(page)
	}
	return nil
}
