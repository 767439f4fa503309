package pgrepl

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Bounds on what a server may send besides data, in bytes where nothing else is said: the driver
// allocates a message as large as its header claims, and keeps every parameter that the server
// reports.
const (
	maxGreeting   = 1 << 20  // all messages before the server is ready for the first query
	maxGreetings  = 4096     // the number of such messages, each of which the driver may have to answer
	maxParameters = 1 << 20  // names and values of all parameters reported
	maxNotice     = 16 << 20 // any message that is not a row
	// maxAnswer bounds the answer to one query, most of which callers keep, including the overhead of
	// each message: enough for some 300,000 tables. Rows of tables come by COPY, which it does not
	// bound.
	maxAnswer = 64 << 20
	// maxReply bounds the answer to a query that sets up a connection, or to a replication command.
	maxReply   = 1 << 20
	perRow     = 32
	perMessage = 4 << 10 // overhead of other messages: a driver keeps the result of each statement
)

// guard sits between a connection and its reader. It follows the frames of PostgreSQL's protocol,
// and ends a connection whose server exceeds the bounds with an Error of ReasonAnswer. It does not
// bound the rows of COPY.
type guard struct {
	r io.Reader
	// head is the type and length of the present message, of which have bytes have come.
	head [5]byte
	have int
	// left counts the bytes of the message's body that are still to come; report collects them if they
	// are a parameter's.
	left   int
	report []byte
	ready  bool
	// answer counts the bytes of the answer to the running query, and most is its limit.
	answer, most int
	// greetings counts the messages until the server is ready, and greeting their bytes.
	greetings int
	greeting  int
	// parameters holds the sizes of the reported parameters by name, and size their sum.
	parameters map[string]int
	size       int
	err        error
}

// unkept lists the types of messages that nobody keeps: data of COPY, notices, and parameters,
// which have their own bound.
var unkept = []byte("dSN")

// exceeded makes all further reads fail.
func (g *guard) exceeded(format string, args ...any) {
	g.err = &Error{ReasonAnswer, "read what the server sends", fmt.Errorf(format, args...),
		"Check that PostgreSQL answers at database.hostname and database.port; if it does, its catalog is larger than Calypso can read."}
}

func newGuard(r io.Reader) *guard {
	return &guard{r: r, most: maxReply, parameters: make(map[string]int)}
}

// Read implements io.Reader.
func (g *guard) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.r.Read(p)
	for b := p[:n]; len(b) > 0 && g.err == nil; {
		b = g.follow(b)
	}
	if g.err != nil {
		return 0, g.err
	}
	return n, err
}

// follow consumes the bytes of one header or body and returns the rest.
func (g *guard) follow(b []byte) []byte {
	if g.left > 0 {
		n := min(g.left, len(b))
		if g.head[0] == 'S' {
			g.report = append(g.report, b[:n]...)
		}
		if g.left -= n; g.left == 0 {
			g.end()
		}
		return b[n:]
	}
	n := copy(g.head[g.have:], b)
	if g.have += n; g.have < len(g.head) {
		return b[n:]
	}
	g.have, g.left = 0, int(binary.BigEndian.Uint32(g.head[1:]))-4
	switch {
	case !g.ready:
		g.greetings++
		g.greeting += max(g.left, 0)
	case g.head[0] == 'D':
		g.answer += max(g.left, 0) + perRow
	case !bytes.ContainsRune(unkept, rune(g.head[0])):
		g.answer += max(g.left, 0) + perMessage
	}
	switch {
	case g.left < 0:
		g.exceeded("the server sent a message of type %q with a length of %d", g.head[0], g.left+4)
	case !g.ready && g.greetings > maxGreetings:
		g.exceeded("the server sent %d messages before it was ready for a query; the limit is %d",
			g.greetings, maxGreetings)
	case !g.ready && g.greeting > maxGreeting:
		g.exceeded("the server sent messages of %d bytes before it was ready for a query; the limit is %d",
			g.greeting, maxGreeting)
	case g.head[0] != 'D' && g.head[0] != 'd' && g.left > maxNotice:
		g.exceeded("the server sent a message of type %q with %d bytes; the limit is %d", g.head[0],
			g.left, maxNotice)
	case g.head[0] == 'S' && g.left > maxParameters:
		g.exceeded("the server reported a parameter of %d bytes; the limit is %d for all", g.left, maxParameters)
	case g.answer > g.most:
		g.exceeded("the server's answer to a query, not counting COPY, is too long; the limit is %d bytes", g.most)
	case g.left == 0:
		g.end()
	}
	return b[n:]
}

// end applies what a complete message changes.
func (g *guard) end() {
	switch g.head[0] {
	case 'Z':
		g.ready, g.answer = true, 0
	case 'S':
		name, _, _ := bytes.Cut(g.report, []byte{0})
		g.size += len(g.report) - g.parameters[string(name)]
		g.parameters[string(name)] = len(g.report)
		if g.size > maxParameters {
			g.exceeded("the server reported %d parameters of %d bytes; the limit is %d", len(g.parameters),
				g.size, maxParameters)
		}
		g.report = g.report[:0]
	}
}
