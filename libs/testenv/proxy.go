package testenv

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy is a TCP proxy that breaks what goes through it on demand. It starts healthy.
type Proxy struct {
	// Addr is host:port to connect to.
	Addr   string
	target string
	listen net.Listener
	wg     sync.WaitGroup

	mu sync.Mutex
	// conns holds both ends of every open connection.
	conns map[net.Conn]struct{}
	fault fault
	// changed is closed and replaced whenever fault changes, to wake stalled copies.
	changed chan struct{}
	closed  bool
	// accepted counts the connections; the first abandoned of them no longer move bytes, nor do
	// those that are lost.
	accepted, abandoned int
	lost                map[int]bool
}

// fault is what is wrong at the moment.
type fault struct {
	// refuse closes new connections at once.
	refuse bool
	// stall holds all bytes back while the connections stay open.
	stall bool
	// latency delays each chunk of bytes.
	latency time.Duration
	// chunk is the most bytes passed on in one write; unlimited if 0.
	chunk int
	// budget is how many bytes still pass from target to client before every connection is reset; no limit if negative.
	budget int64
	// loses is what a client sends as the last thing that happens on its connection.
	loses string
}

// StartProxy listens on a free port and forwards to target (host:port).
func StartProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the proxy of %s: %w", target, err)
	}
	p := &Proxy{Addr: l.Addr().String(), target: target, listen: l, conns: map[net.Conn]struct{}{}, lost: map[int]bool{},
		changed: make(chan struct{}), fault: fault{budget: -1}}
	p.wg.Add(1)
	go p.accept()
	return p, nil
}

// RunProxy is StartProxy for a test.
func RunProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	p, err := StartProxy(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// Heal ends every fault; connections that were cut stay cut.
func (p *Proxy) Heal() { p.set(fault{budget: -1}) }

// Cut resets all connections and refuses new ones until Heal.
func (p *Proxy) Cut() {
	p.set(fault{refuse: true, budget: -1})
	p.Reset()
}

// Stall lets connections open but moves no byte until Heal, as a half-open network does.
func (p *Proxy) Stall() { p.set(fault{stall: true, budget: -1}) }

// Abandon leaves open connections open but moves no more bytes over them, as
// something on the way does that forgot them; new ones work.
func (p *Proxy) Abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.abandoned = p.accepted
	close(p.changed)
	p.changed = make(chan struct{})
}

// LoseAt abandons each connection over which a client sends the words, which still arrive, until
// Heal; those that are lost stay so.
func (p *Proxy) LoseAt(words string) { p.set(fault{loses: words, budget: -1}) }

// Slow delays each chunk by latency and passes at most chunk bytes at once (0: any number).
func (p *Proxy) Slow(latency time.Duration, chunk int) {
	p.set(fault{latency: latency, chunk: chunk, budget: -1})
}

// CutAfter resets all connections once n more bytes went from target to client, in the middle of a message most likely;
// new connections then work again.
func (p *Proxy) CutAfter(n int64) { p.set(fault{budget: n}) }

// Reset resets all open connections, once; new ones work unless another fault forbids it.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		abort(c)
	}
}

// Close stops the proxy and waits for its goroutines.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.listen.Close()
	p.set(fault{refuse: true, budget: -1})
	p.Reset()
	p.wg.Wait()
}

func (p *Proxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) accept() {
	defer p.wg.Done()
	for {
		client, err := p.listen.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		p.wg.Add(1)
		go p.serve(client)
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer p.wg.Done()
	if !p.add(client) {
		return
	}
	defer p.remove(client)
	server, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil || !p.add(server) {
		abort(client)
		return
	}
	defer p.remove(server)
	p.mu.Lock()
	p.accepted++
	number := p.accepted
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.copy(server, client, number, false)
	}()
	p.copy(client, server, number, true)
	<-done
}

// add notes an open connection; false if it must not be served.
func (p *Proxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.fault.refuse {
		abort(c)
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) remove(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	c.Close()
}

// copy moves bytes of a connection from src to dst under the present fault; answer says that src is the target's side.
func (p *Proxy) copy(dst, src net.Conn, number int, answer bool) {
	defer abort(dst)
	defer abort(src)
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if !answer {
			p.watch(buf[:n], number)
		}
		for b := buf[:n]; len(b) > 0; {
			f, pass := p.admit(len(b), number, answer)
			if pass == 0 {
				p.Reset()
				return
			}
			if f.latency > 0 {
				time.Sleep(f.latency)
			}
			if _, err := dst.Write(b[:pass]); err != nil {
				return
			}
			b = b[pass:]
		}
		if err != nil {
			return
		}
	}
}

// watch loses a connection over which the words come that are lost at.
func (p *Proxy) watch(b []byte, number int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if words := p.fault.loses; words != "" && bytes.Contains(b, []byte(words)) {
		p.lost[number] = true
	}
}

// admit waits out a stall and says how many of n bytes may pass now; 0 if the byte budget is spent, which it renews.
func (p *Proxy) admit(n, number int, answer bool) (fault, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for (p.fault.stall || number <= p.abandoned || answer && p.lost[number]) && !p.closed {
		changed := p.changed
		p.mu.Unlock()
		<-changed
		p.mu.Lock()
	}
	if c := p.fault.chunk; c > 0 {
		n = min(n, c)
	}
	if answer && p.fault.budget >= 0 {
		n = int(min(int64(n), p.fault.budget))
		p.fault.budget -= int64(n)
		if n == 0 {
			p.fault.budget = -1
		}
	}
	return p.fault, n
}

// abort closes c with a reset, as a peer that vanished does.
func abort(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	c.Close()
}
