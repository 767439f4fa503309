package kusto

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	// mostResult bounds the result of a command or query in bytes: the service itself cuts results at 64 MB of data.
	mostResult = 128 << 20
	// mostAnswer bounds every other answer in bytes: answers of Entra, of storage, and about the
	// cluster are far smaller.
	mostAnswer = 1 << 20
)

// bounded limits the size of an answer: the SDKs read whole answers, whatever server sent them.
func bounded(r *http.Request, answer *http.Response) *http.Response {
	most := int64(mostAnswer)
	if strings.HasSuffix(r.URL.Path, "/rest/mgmt") || strings.HasSuffix(r.URL.Path, "/rest/query") {
		most = mostResult
	}
	answer.Body = &boundedBody{ReadCloser: answer.Body, left: most,
		failure: fmt.Errorf("the answer of %s to %s %s has more than %d bytes", r.URL.Host, r.Method, r.URL.Path, most)}
	return answer
}

type boundedBody struct {
	io.ReadCloser
	left    int64
	failure error
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.failure
	}
	if int64(len(p)) > b.left {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, b.failure
	}
	return n, err
}
