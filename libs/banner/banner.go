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
	// longest is how many bytes of an answer are looked at.
	longest = 256
	// pause is what ends an answer that has begun, if the server does not close the connection.
	pause = 200 * time.Millisecond
	// quoted is how many characters of an answer are quoted, and dumped how many bytes of one without text.
	quoted = 80
	dumped = 16
)

// Verdict is what the beginning of an answer says about the server.
type Verdict int

const (
	// Unknown says that more has to come.
	Unknown Verdict = iota
	// Meant says that it is the server which is meant, as far as can be told.
	Meant
	// Other says that it is another.
	Other
)

// OtherServerError is the error that another server answers.
type OtherServerError struct {
	// Meant names the server that is meant, such as PostgreSQL.
	Meant string
	// Address is host:port.
	Address string
	// Said is the beginning of its answer.
	Said []byte
}

func (s *OtherServerError) Error() string {
	return fmt.Sprintf("what answers at %s is not %s but %s", s.Address, s.Meant, Describe(s.Said))
}

// Reader reads from a new connection. Its error is an *OtherServerError as soon as judge says of the bytes
// that have come so far that another server sent them; judge is not asked again after it has
// decided.
type Reader struct {
	conn  net.Conn
	meant string
	judge func(said []byte) Verdict

	// mu guards all below: a client may read to the end of a connection that it gives up while another
	// of its reads is not over.
	mu sync.Mutex
	// said is the answer's beginning while judge has not decided, and rest what of it is not read yet.
	said, rest []byte
	decided    bool
}

// NewReader makes one for a connection on which nothing was read; meant names the server that is meant.
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

// whole is what was said with what follows at once, if the last read did not fail.
func (r *Reader) whole(err error) []byte {
	if err == nil && len(r.said) < longest {
		if r.conn.SetReadDeadline(time.Now().Add(pause)) == nil {
			more, _ := io.ReadAll(io.LimitReader(r.conn, int64(longest-len(r.said))))
			r.said = append(r.said, more...)
		}
	}
	return r.said[:min(len(r.said), longest)]
}

// The types of the first record of a server of TLS: part of a handshake, or an alert.
const (
	alert     = 0x15
	handshake = 0x16
)

// settings are the type, flags and stream of the frame of HTTP/2 with which a server begins, after its length.
var settings = []byte{4, 0, 0, 0, 0, 0}

// OfTLS judges whether an answer is one of TLS.
func OfTLS(said []byte) Verdict {
	switch {
	case len(said) == 0:
		return Unknown
	case said[0] == alert, said[0] == handshake:
		return Meant
	}
	return Other
}

// Describe says whose answer begins so, as far as it can be recognised, and quotes the first line of
// text in it: `an HTTP server, which says "HTTP/1.1 400 Bad Request"`. What follows the first line,
// such as an HTTP server's cookies, is left out.
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

// firstText is the first run of at least four printable characters of ASCII.
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
