package telemetry

import (
	"container/list"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
)

// maxConnections bounds the connections of one HTTP server.
const maxConnections = 1000

// crowd bounds the connections of a server without making new ones wait: if there are too many, the
// one that has owed the rest of a request for the longest time is closed. So callers that send half
// a request, or nothing, cannot keep others out, such as probes. Connections whose request is being
// answered are left alone, since watches last.
type crowd struct {
	most int

	mu sync.Mutex
	// members has all connections; the value is their place in owing, nil while their request is being
	// answered.
	members map[net.Conn]*list.Element
	// owing lists the connections that owe a request, longest first.
	owing *list.List
}

func newCrowd(most int) *crowd {
	return &crowd{most: most, members: map[net.Conn]*list.Element{}, owing: list.New()}
}

// changed implements the hook http.Server.ConnState.
func (c *crowd) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew, http.StateIdle:
		c.owes(conn)
	case http.StateClosed, http.StateHijacked:
		c.leaves(conn)
	}
}

func (c *crowd) owes(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.members[conn]; at != nil {
		c.owing.Remove(at)
	}
	c.members[conn] = c.owing.PushBack(conn)
	if len(c.members) <= c.most {
		return
	}
	longest := c.owing.Remove(c.owing.Front()).(net.Conn)
	delete(c.members, longest)
	if secured, ok := longest.(*tls.Conn); ok {
		longest = secured.NetConn() // TLS's closing message could take seconds
	}
	_ = longest.Close()
}

func (c *crowd) leaves(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered(conn)
	delete(c.members, conn)
}

// answered records that a connection owes nothing, since its request is complete; c.mu is held.
func (c *crowd) answered(conn net.Conn) {
	if at := c.members[conn]; at != nil {
		c.owing.Remove(at)
		c.members[conn] = nil
	}
}

// connKey is the key of the connection in the context of its requests.
type connKey struct{}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// noticing passes on requests and records when their bodies have arrived.
func (c *crowd) noticing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		complete := func() {
			if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.answered(conn)
			}
		}
		if r.Body == http.NoBody {
			complete()
		} else {
			r.Body = &owedBody{r.Body, complete}
		}
		next.ServeHTTP(w, r)
	})
}

// owedBody notices when a body has been read to its end.
type owedBody struct {
	io.ReadCloser
	complete func()
}

func (b *owedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.complete()
	}
	return n, err
}
