package rpc

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// maxConnections bounds the connections of a server. If there are more, the one that was silent
// longest is closed: live clients answer pings, and one that is closed connects again.
const maxConnections = 1000

// crowd is a listener with a bounded number of connections.
type crowd struct {
	net.Listener
	most int

	mu      sync.Mutex
	members map[*member]struct{}
}

func newCrowd(listener net.Listener, most int) *crowd {
	return &crowd{Listener: listener, most: most, members: map[*member]struct{}{}}
}

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	m := &member{Conn: conn, crowd: c}
	m.heard.Store(time.Now().UnixNano())
	if silent := c.add(m); silent != nil {
		_ = silent.Close()
	}
	return m, nil
}

// add makes m a member and returns the one that must be closed for it, if any.
func (c *crowd) add(m *member) (silent *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.members) >= c.most {
		for other := range c.members {
			if silent == nil || other.heard.Load() < silent.heard.Load() {
				silent = other
			}
		}
		delete(c.members, silent)
	}
	c.members[m] = struct{}{}
	return silent
}

// member is a connection of a crowd.
type member struct {
	net.Conn
	crowd *crowd
	heard atomic.Int64 // when bytes came last, in nanoseconds
}

// Read implements net.Conn.
func (m *member) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if n > 0 {
		m.heard.Store(time.Now().UnixNano())
	}
	return n, err
}

// Close implements net.Conn.
func (m *member) Close() error {
	m.crowd.mu.Lock()
	delete(m.crowd.members, m)
	m.crowd.mu.Unlock()
	return m.Conn.Close()
}
