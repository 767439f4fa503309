package rest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// maxBody bounds the body of a query or command in bytes; `.ingest inline` carries its data there.
const maxBody = 128 << 20

// Times that queries and commands may take unless the client says otherwise, and the most it may say; Kusto's.
const (
	queryTimeout   = 4 * time.Minute
	commandTimeout = 10 * time.Minute
	maxTimeout     = time.Hour
)

// request is the body of a query or command.
type request struct {
	Database  string
	Statement string
	options   map[string]any
	// Parameters are KQL literals by the parameter's name.
	Parameters map[string]string
}

// readRequest reads a body of the form {"db":…,"csl":…,"properties":…}. Properties come as an object or as a string
// that holds one.
func readRequest(r *http.Request) (*request, error) {
	body, err := readBody(r, maxBody)
	if err != nil {
		return nil, err
	}
	var parsed struct {
		DB         string          `json:"db"`
		CSL        *string         `json:"csl"`
		Properties json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(body, &parsed); err != nil {
		return nil, badRequest("the body is not JSON of the form {\"db\":\"…\",\"csl\":\"…\"}: %v", err)
	}
	if parsed.CSL == nil || strings.TrimSpace(*parsed.CSL) == "" {
		return nil, badRequest("the body has no csl: the query or command")
	}
	q := &request{Database: parsed.DB, Statement: *parsed.CSL, Parameters: map[string]string{}}
	if err := q.readProperties(parsed.Properties); err != nil {
		return nil, err
	}
	q.readSetStatements()
	return q, nil
}

// readSetStatements takes the options that the query sets itself, as in "set notruncation; T".
func (q *request) readSetStatements() {
	rest := q.Statement
	for {
		rest = strings.TrimSpace(rest)
		statement, after, ok := strings.Cut(rest, ";")
		assignment, isSet := strings.CutPrefix(statement, "set ")
		if !ok || !isSet {
			return
		}
		name, v, _ := strings.Cut(assignment, "=")
		if q.options == nil {
			q.options = map[string]any{}
		}
		q.options[strings.TrimSpace(name)] = cmp.Or(strings.Trim(strings.TrimSpace(v), `"'`), "true")
		rest = after
	}
}

// maxRows is how many rows the query may return; 0 is any number.
func (q *request) maxRows(otherwise int64) int64 {
	if q.option("notruncation") {
		return 0
	}
	if n, err := strconv.ParseInt(fmt.Sprint(q.options["truncationmaxrecords"]), 10, 64); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func (q *request) readProperties(text json.RawMessage) error {
	if len(text) > 0 && text[0] == '"' {
		var inner string
		if err := json.Unmarshal(text, &inner); err != nil {
			return badRequest("properties: %v", err)
		}
		text = json.RawMessage(inner)
	}
	if len(bytes.TrimSpace(text)) == 0 || string(text) == "null" {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var properties struct {
		Options    map[string]any
		Parameters map[string]any
	}
	if err := decoder.Decode(&properties); err != nil {
		return badRequest("properties are not of the form {\"Options\":{…},\"Parameters\":{…}}: %v", err)
	}
	q.options = properties.Options
	for name, v := range properties.Parameters {
		literal, err := parameterLiteral(v)
		if err != nil {
			return badRequest("parameter %s: %v", name, err)
		}
		q.Parameters[name] = literal
	}
	return nil
}

// parameterLiteral takes a string as the literal it is, other values as JSON, which they share with KQL.
func parameterLiteral(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	text, err := json.Marshal(v)
	return string(text), err
}

// option reports whether a boolean option is set; SDKs write true and "true".
func (q *request) option(name string) bool {
	switch v := q.options[name].(type) {
	case bool:
		return v
	case string:
		return strings.EqualFold(v, "true")
	}
	return false
}

// timeout reads the option servertimeout: a timespan, or a number of milliseconds.
func (q *request) timeout(otherwise time.Duration) time.Duration {
	var limit time.Duration
	switch v := q.options["servertimeout"].(type) {
	case string:
		if ticks, ok := value.ParseTimespan(v); ok {
			limit = time.Duration(ticks) * 100
		}
	case json.Number:
		if ms, err := v.Int64(); err == nil {
			limit = time.Duration(ms) * time.Millisecond
		}
	}
	if limit <= 0 {
		return otherwise
	}
	return min(limit, maxTimeout)
}

// ordinaryBody is the size in bytes up to which any number of bodies may be in memory at once. Of
// larger ones maxLarge may be.
const (
	ordinaryBody = 1 << 20
	maxLarge     = 1
)

var large = make(chan struct{}, maxLarge)

// awaitLarge waits for a request's turn to have a large body; it is over when the request is.
func awaitLarge(request context.Context) error {
	select {
	case large <- struct{}{}:
		context.AfterFunc(request, func() { <-large })
		return nil
	case <-request.Done():
		return request.Err()
	}
}

// readLarge reads a body whose beginning was read. It asks for all that the body may have at once:
// what stays untouched of that is no memory, and a buffer that grows is there twice.
func readLarge(beginning []byte, body io.Reader, limit int64) ([]byte, error) {
	content := make([]byte, limit)
	read := copy(content, beginning)
	for read < len(content) {
		n, err := body.Read(content[read:])
		read += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return content[:read], nil
}

// readBody reads a body, gzip or not, up to the limit.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	var body io.Reader = r.Body
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		decompressor, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, badRequest("the body is not gzip, as its encoding says: %v", err)
		}
		body = decompressor
	}
	content, err := io.ReadAll(io.LimitReader(body, min(limit, ordinaryBody)+1))
	if err == nil && int64(len(content)) > ordinaryBody && limit > ordinaryBody {
		if err = awaitLarge(r.Context()); err == nil {
			content, err = readLarge(content, body, limit+1)
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, &protocolError{status: http.StatusRequestTimeout, code: "RequestTimeout",
			message: "the client took too long to send the body"}
	}
	if err != nil {
		return nil, badRequest("the body cannot be read: %v", err)
	}
	if int64(len(content)) > limit {
		return nil, &protocolError{status: http.StatusRequestEntityTooLarge, code: "BadRequest_RequestTooLarge",
			message: fmt.Sprintf("the body is larger than %d MB", limit>>20), permanent: true}
	}
	return content, nil
}
