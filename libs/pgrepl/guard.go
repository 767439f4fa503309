package pgrepl

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Bounds of what a server may send besides data, in bytes: the driver allocates a message as large
// as its header says, and keeps every parameter that the server reports.
const (
	maxGreeting   = 1 << 20  // all messages before the server is ready for the first query
	maxGreetings  = 4096     // the number of such messages, each of which may be a question that the driver answers
	maxParameters = 1 << 20  // names and values of all parameters reported
	maxNotice     = 16 << 20 // any message that is no row
	// maxAnswer is the answer to one query, of which readers keep most, with what keeping a message takes besides:
	// some 300,000 tables. Rows of tables come by COPY, which this does not bound.
	maxAnswer = 64 << 20
	// maxReply is the answer to a query that sets a connection up, or to a command of replication.
	maxReply   = 1 << 20
	perRow     = 32
	perMessage = 4 << 10 // of others: a driver keeps the result of each statement
)

// guard is what a connection is read through. It follows the frames of PostgreSQL's protocol and
// ends a connection whose server exceeds the bounds, with an Error of ReasonAnswer. What COPY brings
// is not its business: a row is as large as it is.
type guard struct {
	r io.Reader
	// head is the type and length of the message that begins; have bytes of it have come.
	head [5]byte
	have int
	// left is how many bytes of the message's body are still to come; report collects them if they are a parameter's.
	left   int
	report []byte
	ready  bool
	// answer is what has come of the answer to the query that runs, and most what may come.
	answer, most int
	// greetings counts the messages until the server is ready, and greeting is the sum of their sizes.
	greetings int
	greeting  int
	// parameters are the sizes of those reported, by name, and size is their sum.
	parameters map[string]int
	size       int
	err        error
}

// unkept are the types of messages that nobody keeps: data of COPY, notices, and parameters, which have a bound too.
var unkept = []byte("dSN")

// exceeded ends the connection.
func (g *guard) exceeded(format string, args ...any) {
	g.err = &Error{ReasonAnswer, "read what the server sends", fmt.Errorf(format, args...),
		"See that it is PostgreSQL that answers at database.hostname and database.port; if it is, its catalog is larger than Calypso reads."}
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

// follow takes the bytes of one header or body and returns those after them.
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
		g.exceeded("the server answered a query with more than it may, which is no COPY; the limit is %d bytes", g.most)
	case g.left == 0:
		g.end()
	}
	return b[n:]
}

// end notes what a whole message changes.
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
