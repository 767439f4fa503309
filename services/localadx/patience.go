package localadx

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// How long a client may take to send a body: some time to begin with, and more for what has come,
// at a slow network's speed. A client that sends a part and waits, or drips, does not hold its
// connection for ever.
const (
	bodyPatience = 30 * time.Second
	bodySpeed    = 16 << 10 // bytes a second
)

// patient makes the bodies of requests end with an error when their clients are too slow.
func patient(next http.Handler, patience time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := &patientBody{ReadCloser: r.Body, connection: http.NewResponseController(w), until: time.Now().Add(patience)}
		body.connection.SetReadDeadline(body.until)
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

type patientBody struct {
	io.ReadCloser
	connection *http.ResponseController
	until      time.Time
}

func (b *patientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		// The server watches the connection from here on to see whether the client is still there.
		b.connection.SetReadDeadline(time.Time{})
	case n > 0:
		b.until = b.until.Add(time.Duration(n) * time.Second / bodySpeed)
		b.connection.SetReadDeadline(b.until)
	}
	return n, err
}
