package testenv

import (
	"io"
	"net"
	"testing"
)

// Peer listens at a port of 127.0.0.1 until the test ends. It calls serve for each connection, in a
// goroutine of its own, and closes the connection when serve returns.
func Peer(t testing.TB, serve func(net.Conn)) *net.TCPAddr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr)
}

// Speaker is a Peer that sends first to every client, answers a request with answer, and closes the
// connection.
func Speaker(t testing.TB, first, answer string) *net.TCPAddr {
	t.Helper()
	return Peer(t, func(c net.Conn) {
		if _, err := io.WriteString(c, first); err != nil {
			return
		}
		if _, err := c.Read(make([]byte, 1<<12)); err == nil {
			_, _ = io.WriteString(c, answer)
		}
	})
}
