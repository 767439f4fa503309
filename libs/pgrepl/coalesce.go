package pgrepl

import (
	"net"
	"syscall"
	"time"
)

// A server that decodes a backlog writes every row to the socket separately. A reader that keeps up
// with it would be woken for each, which costs both sides more than the row itself. So after
// hastyReads reads of less than coalesceBytes, with less than hastyGap between them, the reader
// lets rows accumulate for coalesceTime before each read, until a read brings less than
// sparseBytes. A transaction of a few rows never waits.
const (
	hastyReads    = 16
	hastyGap      = 500 * time.Microsecond
	coalesceBytes = 16 << 10
	coalesceTime  = 500 * time.Microsecond
	sparseBytes   = 2 << 10
)

// coalescer decides before each read of a socket whether to let bytes accumulate first. The zero
// value never does.
//
// A pause alone is not enough: the Go runtime polls sockets edge-triggered, and every row that
// arrives would wake one of its threads although nobody reads. So while bytes accumulate,
// SO_RCVLOWAT keeps the socket from counting as readable.
type coalescer struct {
	socket syscall.RawConn // nil if the connection has none
	// hasty counts consecutive reads that each brought little, soon after the one before; last is when
	// the latest began. From hastyReads on, reads coalesce.
	hasty int
	last  time.Time
	// plenty is true if the last read brought so much that there is no need to wait for more.
	plenty bool
}

// newCoalescer makes a coalescer for the socket of a connection, which may use TLS.
func newCoalescer(conn net.Conn) coalescer {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			return coalescer{socket: raw}
		}
	}
	return coalescer{}
}

// beforeRead lets bytes accumulate if each of the last reads brought little.
func (g *coalescer) beforeRead(now time.Time) {
	if g.hasty < hastyReads {
		if now.Sub(g.last) > hastyGap {
			g.hasty = 0
		}
		g.last = now
		return
	}
	if g.plenty || g.socket == nil {
		return
	}
	if !lowWater(g.socket, coalesceBytes) {
		g.socket = nil
		return
	}
	time.Sleep(coalesceTime)
	// Linux checks again for readable bytes when the mark falls (tcp_set_rcvlowat).
	lowWater(g.socket, 1)
}

// afterRead records how much a read brought.
func (g *coalescer) afterRead(n int) {
	g.plenty = n >= 4*coalesceBytes
	switch {
	case g.hasty >= hastyReads:
		if n < sparseBytes {
			g.hasty = 0
		}
	case n < coalesceBytes:
		g.hasty++
	default:
		g.hasty = 0
	}
}
