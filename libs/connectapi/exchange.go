package connectapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// request is an HTTP request with the variable parts of its path.
type request struct {
	*http.Request
	path map[string]string
}

func (r *request) connector() string { return r.path["connector"] }

// flag reads a boolean of the query.
func (r *request) flag(name string, absent bool) (bool, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	value, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return false, badRequest("query parameter %s: %.100q is neither true nor false", name, text)
	}
	return value, nil
}

// byteOrderMark begins files that Windows editors write, and so bodies sent from them; Kafka
// Connect skips it.
var byteOrderMark = []byte("\xef\xbb\xbf")

// object reads the body as a JSON object. Numbers keep their digits (json.Number).
func (r *request) object() (map[string]any, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != jsonMediaType {
		return nil, errMediaType()
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	var larger *http.MaxBytesError
	switch {
	case err != nil && !errors.As(err, &larger):
		return nil, badRequest("the body could not be read: %v", err)
	case larger != nil || len(body) > maxBody:
		return nil, &apiError{code: http.StatusRequestEntityTooLarge,
			message: fmt.Sprintf("The body has more than the %d bytes that are allowed", maxBody)}
	}
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, byteOrderMark)))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, badRequest("the body is not a JSON object: %s", jsonProblem(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, badRequest("the body is not one JSON object: there is more after its end")
	}
	if object == nil {
		return nil, badRequest("the body is not a JSON object but null")
	}
	return object, nil
}

// jsonProblem keeps the values of the body, among them secrets, out of the message.
func jsonProblem(err error) string {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("syntax error at byte %d", syntax.Offset)
	case errors.As(err, &wrong):
		return "it is a JSON " + wrong.Value
	case errors.Is(err, io.EOF):
		return "it is empty"
	}
	return "it ends too early"
}

// only rejects fields that are not known.
func only(object map[string]any, known ...string) error {
	for field := range object {
		if !slices.Contains(known, field) {
			return badRequest("unknown field %.100q: known are %s", field, strings.Join(known, ", "))
		}
	}
	return nil
}

// text reads a field that is a string or absent.
func text(object map[string]any, field string) (string, error) {
	switch value := object[field].(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	}
	return "", badRequest("field %s must be a string", field)
}

// config reads the body as a connector's configuration; null lists the keys whose value is null.
func (r *request) config() (config map[string]string, null []string, err error) {
	object, err := r.object()
	if err != nil {
		return nil, nil, err
	}
	return configOf(object)
}

// configOf turns the values of a configuration into strings: numbers and booleans become their JSON
// text. Keys that are null are returned separately.
func configOf(object map[string]any) (config map[string]string, null []string, err error) {
	config = make(map[string]string, len(object))
	for key, value := range object {
		switch value := value.(type) {
		case string:
			config[key] = value
		case json.Number:
			config[key] = value.String()
		case bool:
			config[key] = strconv.FormatBool(value)
		case nil:
			null = append(null, key)
		default:
			return nil, nil, badRequest("config key %.200q must be a string, a number or a boolean, not an object or a list",
				key)
		}
	}
	slices.Sort(null)
	return config, null, nil
}

// answer is what is sent back: a body as JSON or text, or nothing.
type answer struct {
	code     int
	body     any
	text     string
	location string
	allow    []string
	// warnings go into headers, since bodies are Kafka Connect's.
	warnings []string
}

const (
	// maxWarnings and maxWarning bound the headers of an answer.
	maxWarnings = 20
	maxWarning  = 600 // bytes
)

// warned adds warnings.
func (a *answer) warned(warnings []string) *answer {
	a.warnings = warnings
	return a
}

// warningHeader writes a warning as in RFC 7234 (299: for people to read).
func warningHeader(text string) string {
	if len(text) > maxWarning {
		text = text[:maxWarning] + "..."
	}
	plain := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text)
	return `299 calypso "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain) + `"`
}

func ok(body any) *answer { return &answer{code: http.StatusOK, body: body} }

func empty(code int) *answer { return &answer{code: code} }

func (a *answer) write(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	var content []byte
	switch {
	case a.text != "":
		header.Set("Content-Type", "text/plain")
		content = []byte(a.text)
	case a.body != nil:
		header.Set("Content-Type", jsonMediaType)
		var buffer bytes.Buffer
		encoder := json.NewEncoder(&buffer)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(a.body); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		content = bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
	}
	if a.location != "" {
		header.Set("Location", a.location)
	}
	for i, warning := range a.warnings {
		if i == maxWarnings {
			break
		}
		header.Add("Warning", warningHeader(warning))
	}
	if len(a.allow) > 0 {
		header.Set("Allow", strings.Join(a.allow, ","))
	}
	if a.code != http.StatusNoContent {
		header.Set("Content-Length", strconv.Itoa(len(content)))
	}
	w.WriteHeader(a.code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content)
	}
}
