package rest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// compressFrom is how many bytes an answer must have to be worth compressing.
const compressFrom = 1 << 10

// body is where an answer goes: to the client, compressed when the client takes gzip and the first write, which holds a
// small answer whole, is not small.
type body struct {
	w       http.ResponseWriter
	accepts bool
	gzip    *gzip.Writer
	started bool
}

// newBody reads what the request accepts.
func newBody(w http.ResponseWriter, r *http.Request) *body {
	return &body{w: w, accepts: acceptsGzip(r.Header.Get("Accept-Encoding"))}
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110, 12.5.3).
func acceptsGzip(header string) bool {
	for _, part := range strings.Split(header, ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if coding = strings.TrimSpace(coding); !strings.EqualFold(coding, "gzip") && coding != "*" {
			continue
		}
		weight = strings.TrimPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
		return strings.Trim(weight, "0.") != "" || weight == ""
	}
	return false
}

// Write implements io.Writer.
func (b *body) Write(p []byte) (int, error) {
	if !b.started {
		b.started = true
		if b.accepts {
			b.w.Header().Add("Vary", "Accept-Encoding")
		}
		if b.accepts && len(p) >= compressFrom {
			b.w.Header().Set("Content-Encoding", "gzip")
			var err error
			if b.gzip, err = gzip.NewWriterLevel(b.w, gzip.BestSpeed); err != nil {
				return 0, fmt.Errorf("compress the answer: %w", err)
			}
		}
	}
	if b.gzip != nil {
		return b.gzip.Write(p)
	}
	return b.w.Write(p)
}

// Close ends the answer.
func (b *body) Close() error {
	if b.gzip != nil {
		return b.gzip.Close()
	}
	return nil
}
