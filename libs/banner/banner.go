package banner

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	// longest is how many bytes of an answer are examined.
	longest = 256
	// pause is the silence that ends an answer, if the server does not close the connection.
	pause = 200 * time.Millisecond
	// quoted is how many characters of an answer are quoted, and dumped how many bytes of an answer
	// without text.
	quoted = 80
	dumped = 16
)

// Verdict is what the beginning of an answer says about the server.
type Verdict int

const (
	// Unknown means that more bytes are needed.
	Unknown Verdict = iota
	// Meant means that it is the intended server, as far as can be told.
	Meant
	// Other means that it is another server.
	Other
)

// OtherServerError is the error if another server answers.
type OtherServerError struct {
	// Meant names the intended server, such as PostgreSQL.
	Meant string
	// Address is host:port.
	Address string
	// Said is the beginning of its answer.
	Said []byte
}

func (s *OtherServerError) Error() string {
	return fmt.Sprintf("what answers at %s is not %s but %s", s.Address, s.Meant, Describe(s.Said))
}

// Reader reads from a new connection. It fails with an *OtherServerError as soon as judge decides,
// from the bytes so far, that another server sent them. judge is not called again after it has
// decided.
type Reader struct {
	conn  net.Conn
	meant string
	judge func(said []byte) Verdict

	// mu guards the fields below: a client that gives up a connection may drain it while another read
	// is still waiting.
	mu sync.Mutex
	// said is the answer's beginning until judge has decided, and rest the part of it that is not read
	// yet.
	said, rest []byte
	decided    bool
}

// NewReader makes a reader for a connection from which nothing was read yet; meant names the
// intended server.
func NewReader(conn net.Conn, meant string, judge func(said []byte) Verdict) *Reader {
	return &Reader{conn: conn, meant: meant, judge: judge}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	if len(p) == 0 || r.decided && len(r.rest) == 0 {
		r.mu.Unlock()
		return r.conn.Read(p)
	}
	defer r.mu.Unlock()
	if len(r.rest) > 0 {
		n := copy(p, r.rest)
		r.rest = r.rest[n:]
		return n, nil
	}
	came := make([]byte, longest)
	n, err := r.conn.Read(came)
	r.said = append(r.said, came[:n]...)
	switch r.judge(r.said) {
	case Other:
		return 0, &OtherServerError{r.meant, r.conn.RemoteAddr().String(), r.whole(err)}
	case Meant:
		r.decided, r.said = true, nil
	}
	given := copy(p, came[:n])
	r.rest = came[given:n]
	return given, err
}

// whole returns said with the bytes that follow at once, unless the last read failed.
func (r *Reader) whole(err error) []byte {
	if err == nil && len(r.said) < longest {
		if r.conn.SetReadDeadline(time.Now().Add(pause)) == nil {
			more, _ := io.ReadAll(io.LimitReader(r.conn, int64(longest-len(r.said))))
			r.said = append(r.said, more...)
		}
	}
	return r.said[:min(len(r.said), longest)]
}

// The types of a TLS server's first record: part of a handshake, or an alert.
const (
	alert     = 0x15
	handshake = 0x16
)

// settings are the bytes of an HTTP/2 server's first frame after its length: type, flags and
// stream.
var settings = []byte{4, 0, 0, 0, 0, 0}

// OfTLS judges whether an answer comes from a TLS server.
func OfTLS(said []byte) Verdict {
	switch {
	case len(said) == 0:
		return Unknown
	case said[0] == alert, said[0] == handshake:
		return Meant
	}
	return Other
}

// Describe says what kind of server sent the beginning of an answer, as far as it can be
// recognized, and quotes the first line of text in it: `an HTTP server, which says "HTTP/1.1 400
// Bad Request"`. What follows the first line, such as an HTTP server's cookies, is left out.
func Describe(said []byte) string {
	kind := "another server"
	switch {
	case bytes.HasPrefix(said, []byte("HTTP/")):
		kind = "an HTTP server"
	case bytes.HasPrefix(said, []byte("SSH-")):
		kind = "an SSH server"
	case len(said) > 1 && OfTLS(said) == Meant && said[1] == 3:
		return "a server that speaks TLS from the first byte on"
	case len(said) > 8 && bytes.Equal(said[3:9], settings):
		return "a server that speaks HTTP/2 from the first byte on, such as one of gRPC"
	case len(said) > 4 && said[2] == 0 && said[3] == 0 && (said[4] == 10 || said[4] == 0xff):
		kind = "a MySQL or MariaDB server"
	case len(said) > 4 && said[0] == 'E' && bytes.Contains(said, []byte("\x00C0A000\x00")):
		return "a PostgreSQL server"
	}
	if text := firstText(said); text != "" {
		return fmt.Sprintf("%s, which says %q", kind, text)
	}
	return fmt.Sprintf("%s, which says % x (hexadecimal)", kind, said[:min(len(said), dumped)])
}

// firstText returns the first run of at least four printable ASCII characters.
func firstText(said []byte) string {
	for run := range bytes.FieldsFuncSeq(said, func(c rune) bool { return c < ' ' || c > '~' }) {
		if text := strings.TrimSpace(string(run)); len(text) >= 4 {
			if len(text) > quoted {
				return text[:quoted] + "…"
			}
			return text
		}
	}
	return ""
}
