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

// patience bounds how long a server may take to send its first bytes.
const patience = 2 * time.Second

// preface is what an HTTP/2 client sends first (RFC 9113, section 3.4): a fixed text and an empty
// settings frame.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// GRPC connects to address (host:port) like a gRPC client, with TLS if secured, and returns an
// error if another server answers: an *OtherServerError, a *SilentServerError or a TLS error that
// shows it. It returns nil if an HTTP/2 server answers, and if no connection can be made: call it
// after a call has failed, whose error covers these cases.
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

// ofHTTP2 judges whether an answer begins with an HTTP/2 server's settings.
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

// Web requests the page at url like an HTTP client, and returns an error if another server answers,
// like GRPC.
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
