package kusto

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// watchedBody is a body that must not be read once it was taken back.
type watchedBody struct {
	left            int
	taken, readLate atomic.Bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if b.taken.Load() {
		b.readLate.Store(true)
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), b.left)
	b.left -= n
	return n, nil
}

func (b *watchedBody) Close() error { return nil }

// The SDK of Azure's storage unmaps the memory of a body when its request has ended, and a read of it ends the process.
func TestABodyIsNotReadAnyMoreWhenItsRequestHasEnded(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // answers before it has read the body, and reads it then
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					if line == "\r\n" {
						break
					}
				}
				fmt.Fprint(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno")
				for range 100 {
					time.Sleep(time.Millisecond)
					if _, err := io.CopyN(io.Discard, in, 1<<20); err != nil {
						return
					}
				}
			}()
		}
	}()
	client, err := newHTTPClient(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		body := &watchedBody{left: 256 << 20}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+listener.Addr().String(), body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = int64(body.left)
		response, err := client.Do(r)
		body.taken.Store(true)
		if err != nil || response.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("%v, %v", response, err)
		}
		time.Sleep(50 * time.Millisecond) // what is read now is read too late
		_ = response.Body.Close()
		if body.readLate.Load() {
			t.Fatal("the body was read after the request had ended")
		}
	}
}
