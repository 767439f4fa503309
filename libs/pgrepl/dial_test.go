package pgrepl

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestAServersLastWordIsReadEvenIfItHasResetTheConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, gone := make(chan struct{}), make(chan error, 1)
	go func() {
		c, err := l.Accept()
		<-dialled
		if err == nil {
			_, err = io.WriteString(c, "E\x00\x00\x00\x0brefused")
		}
		if err == nil {
			_ = c.(*net.TCPConn).SetLinger(0) // a reset
			err = c.Close()
		}
		gone <- err
	}()
	var cfg pgconn.Config
	Config{}.dialer(t.Context(), &cfg)
	c, err := cfg.DialFunc(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	close(dialled)
	if err := <-gone; err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Errorf("writing fails before the answer was read: %v", err)
	}
	word := make([]byte, 100)
	if n, err := c.Read(word); string(word[:n]) != "E\x00\x00\x00\x0brefused" {
		t.Errorf("read %q: %v", word[:n], err)
	}
	connected(c)
	if _, err := io.WriteString(c, "more"); err == nil {
		t.Error("a connection that stood is reset, and writing succeeds")
	}
}

func TestAnAddressThatRefusesIsNamedOnceAlthoughTLSAndPlainAreTried(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = OpenSession(t.Context(), Config{Host: "127.0.0.1", Port: uint16(port), User: "u", Database: "d"})
	if ReasonOf(err) != ReasonUnreachable || strings.Count(err.Error(), "connection refused") != 1 ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func TestARequestToCancelAFailedAttemptIsNoConnectionOfTheAttempt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var cfg pgconn.Config
	attempt, made := Config{}.dialer(t.Context(), &cfg)
	for _, ctx := range []context.Context{attempt, t.Context()} {
		c, err := cfg.DialFunc(ctx, "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if len(made.conns) != 1 {
		t.Errorf("%d connections, want that of the attempt alone", len(made.conns))
	}
}
