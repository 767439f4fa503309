package kusto

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"strings"
)

// hasShape reports whether the beginning of a successful answer has the form in which the service
// answers such a request: tables for commands and streamed rows, frames for queries
// (learn.microsoft.com/kusto/api/rest/response-http, response-http-v2). The SDK takes any answer to
// streamed rows as their ingestion, and a table without columns as one without rows.
func hasShape(asked string, answer *http.Response, begun []byte) bool {
	switch answer.Header.Get("Content-Encoding") {
	case "":
	case "gzip":
		begun = unzipped(begun)
	default:
		return true // what it says is not known here
	}
	d := json.NewDecoder(bytes.NewReader(begun))
	switch {
	case path.Base(asked) == "metadata":
		return opens(d, '{')
	case strings.HasSuffix(asked, "/v2/rest/query"):
		return opens(d, '[') && opens(d, '{') && finds(d, "FrameType") && says(d, "DataSetHeader")
	}
	return opens(d, '{') && finds(d, "Tables") && opens(d, '[') && opens(d, '{') &&
		finds(d, "Columns") && opens(d, '[') && opens(d, '{')
}

// unzipped is what the beginning of compressed bytes was before.
func unzipped(begun []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(begun))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(r, 64<<10)) // a beginning has no end
	return text
}

// opens reports whether an object or an array begins next.
func opens(d *json.Decoder, with json.Delim) bool { return says(d, with) }

// says reports whether a token is next.
func says(d *json.Decoder, token json.Token) bool {
	next, err := d.Token()
	return err == nil && next == token
}

// finds goes to the value of a key of the object that has begun, and reports whether it is there.
func finds(d *json.Decoder, key string) bool {
	for d.More() {
		if says(d, key) {
			return true
		}
		var other json.RawMessage
		if d.Decode(&other) != nil {
			return false
		}
	}
	return false
}
