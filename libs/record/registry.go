package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/banner"
	"github.com/calypso-cdc/calypso/libs/egress"
)

// Registry is a client of Confluent's schema registry, for the calls that converters make. It is
// safe for concurrent use.
type Registry struct {
	base           string
	client         *http.Client
	user, password string
}

// aRegistry names the server that should answer, for error texts.
const aRegistry = "a schema registry"

// maxRegistryAnswer is how many bytes a registry's answer may have.
const maxRegistryAnswer = 4 << 20

var errTooLarge = fmt.Errorf("the registry's answer has more than %d bytes", maxRegistryAnswer)

// RegistryClient returns the HTTP client with which converters connect to a registry.
func RegistryClient() *http.Client {
	return &http.Client{Transport: banner.HTTP(egress.Transport(), aRegistry), Timeout: 10 * time.Second,
		// Following a redirect would send the credentials elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// NewRegistry makes a client of the registry at an http or https address. user and password may be
// empty.
func NewRegistry(address string, client *http.Client, user, password string) (*Registry, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not an http or https address", u.Redacted())
	}
	if u.User != nil && user == "" {
		user = u.User.Username()
		password, _ = u.User.Password()
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return &Registry{base: strings.TrimSuffix(u.String(), "/"), client: client, user: user, password: password}, nil
}

// Unavailable is the error of a registry that did not answer or cannot answer now: the same request
// may succeed later.
type Unavailable struct{ error }

func (e *Unavailable) Unwrap() error { return e.error }

// WrittenSchema is a schema as a registry keeps it.
type WrittenSchema struct {
	// Text is the schema in JSON.
	Text string `json:"schema"`
	// Type is AVRO, JSON or PROTOBUF; empty for AVRO.
	Type string `json:"schemaType"`
	// References are the schemas that define the types which Text only names.
	References []Reference `json:"references"`
}

// Reference names a schema by its place in a registry.
type Reference struct {
	// Name is the name of the type that the schema defines.
	Name    string `json:"name"`
	Subject string `json:"subject"`
	// Version is the version's number under the subject, starting at 1.
	Version int `json:"version"`
}

func (r Reference) String() string {
	return fmt.Sprintf("%.200s (version %d of subject %.200s)", r.Name, r.Version, r.Subject)
}

// Schema returns the schema with an id. Only an answer in the registry's own form can say that
// there is none: a proxy or a login page that answers in its place says nothing about the id, so
// the error is Unavailable then.
func (r *Registry) Schema(ctx context.Context, id int) (WrittenSchema, error) {
	var answer WrittenSchema
	return r.schema(ctx, fmt.Sprintf("/schemas/ids/%d", id), &answer, &answer)
}

// Referenced returns the schema that another refers to. Its errors are those of Schema.
func (r *Registry) Referenced(ctx context.Context, ref Reference) (WrittenSchema, error) {
	var answer WrittenSchema
	path := fmt.Sprintf("/subjects/%s/versions/%d", url.PathEscape(ref.Subject), ref.Version)
	return r.schema(ctx, path, &answer, &answer)
}

// schema requests a schema into an answer, a part of which it is.
func (r *Registry) schema(ctx context.Context, path string, whole any, schema *WrittenSchema) (WrittenSchema, error) {
	err := r.call(ctx, http.MethodGet, path, nil, whole)
	answer := *schema
	var said *registryRefusal
	switch {
	case errors.As(err, &said) && said.unknown(), errors.Is(err, errTooLarge):
		return answer, err
	case err != nil:
		return answer, &Unavailable{err}
	case answer.Type != "" && answer.Type != "AVRO":
		return answer, fmt.Errorf(
			"it is a schema of type %.20s, not AVRO: records of JSON Schema and Protobuf are not read", answer.Type)
	case answer.Text == "":
		return answer, &Unavailable{errors.New("the registry's answer has no schema")}
	}
	return answer, nil
}

// Latest returns the latest version of a subject, and its id. Its errors are those of Schema.
func (r *Registry) Latest(ctx context.Context, subject string) (int, WrittenSchema, error) {
	var answer struct {
		ID int `json:"id"`
		WrittenSchema
	}
	_, err := r.schema(ctx, "/subjects/"+url.PathEscape(subject)+"/versions/latest", &answer, &answer.WrittenSchema)
	if err == nil {
		err = checkID(answer.ID)
	}
	return answer.ID, answer.WrittenSchema, err
}

// Register registers a schema under a subject, if it is not registered yet, and returns its id.
func (r *Registry) Register(ctx context.Context, subject, schema string, normalize bool) (int, error) {
	return r.post(ctx, "/subjects/"+url.PathEscape(subject)+"/versions", schema, normalize)
}

// Registered returns the id of a schema that is registered under a subject.
func (r *Registry) Registered(ctx context.Context, subject, schema string, normalize bool) (int, error) {
	return r.post(ctx, "/subjects/"+url.PathEscape(subject), schema, normalize)
}

func (r *Registry) post(ctx context.Context, path, schema string, normalize bool) (int, error) {
	var answer struct {
		ID int `json:"id"`
	}
	if normalize {
		path += "?normalize=true"
	}
	err := r.call(ctx, http.MethodPost, path, map[string]string{"schema": schema}, &answer)
	if err == nil {
		err = checkID(answer.ID)
	}
	return answer.ID, err
}

// checkID refuses what is no id: written before each record, it would make all of them unreadable.
func checkID(id int) error {
	if id > 0 {
		return nil
	}
	return &OtherServerError{fmt.Errorf("what answers as the schema registry gives %d as a schema's id, which is none", id)}
}

func (r *Registry) call(ctx context.Context, method, path string, body, answer any) error {
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, r.base+path, payload)
	if err != nil {
		return err
	}
	const contentType = "application/vnd.schemaregistry.v1+json"
	request.Header.Set("Accept", contentType)
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	if r.user != "" {
		request.SetBasicAuth(r.user, r.password)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return &Unavailable{err}
	}
	defer response.Body.Close()
	if other := banner.Response(response, aRegistry, func(begun []byte) bool {
		switch response.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests: // in any form
			return true
		}
		return response.StatusCode >= 500 || ours(begun)
	}); other != "" {
		return &OtherServerError{errors.New(other)}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxRegistryAnswer+1))
	switch {
	case err != nil:
		return &Unavailable{fmt.Errorf("read the registry's answer: %w", err)}
	case len(text) > maxRegistryAnswer:
		return errTooLarge
	case response.StatusCode >= 300:
		err := refusalOf(response.StatusCode, text)
		if response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests ||
			response.StatusCode == http.StatusRequestTimeout {
			return &Unavailable{err}
		}
		return err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("the registry's answer is not JSON: %w", err)
	}
	return nil
}

// ours reports whether an answer begins like a registry's: with an object or list, and not with the
// error for an unknown path, which Kafka Connect and registries have in the same form.
func ours(begun []byte) bool {
	begun = bytes.TrimSpace(begun)
	if len(begun) == 0 || begun[0] != '{' && begun[0] != '[' {
		return false
	}
	var said refused
	return json.Unmarshal(begun, &said) != nil ||
		said.Code != http.StatusNotFound && said.Code != http.StatusMethodNotAllowed
}

// OtherServerError is the error when something other than a registry answers.
type OtherServerError struct{ error }

func (e *OtherServerError) Unwrap() error { return e.error }

// refused is a registry's error.
type refused struct {
	// Code is the HTTP status, or the status followed by two more digits.
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

// registryRefusal is an answer, of a registry or of a server in its place, that is not a success.
type registryRefusal struct {
	status int
	// refused is the error in the registry's own form; empty if the answer has another form.
	refused
}

func (e *registryRefusal) Error() string {
	said := e.Message
	if said == "" {
		said = http.StatusText(e.status)
	}
	return fmt.Sprintf("the registry answered %d: %.500s", e.status, said)
}

// unknown reports whether a registry says that it has no such schema, subject or version. Its codes
// for that begin with 404 (docs.confluent.io, Schema Registry API, errors); a gateway's 404 has no
// such code.
func (e *registryRefusal) unknown() bool {
	const detailed = 100 // codes have two digits more than the status
	return e.status == http.StatusNotFound && e.Code/detailed == http.StatusNotFound
}

// refusalOf reads a registry's error.
func refusalOf(status int, text []byte) error {
	e := &registryRefusal{status: status}
	_ = json.Unmarshal(text, &e.refused) // an answer that is not JSON leaves it empty
	return e
}

// Answers requests a schema as converters do, whether or not it exists. It returns nil if a
// registry answered and accepted the credentials; Denied reports whether an error means that it did
// not accept them.
func (r *Registry) Answers(ctx context.Context) error {
	var answer WrittenSchema
	err := r.call(ctx, http.MethodGet, "/schemas/ids/1", nil, &answer)
	if said, ok := errors.AsType[*registryRefusal](err); ok && said.unknown() {
		return nil
	}
	return err
}

// Denied reports whether an error means that a registry did not accept the credentials.
func Denied(err error) bool {
	said, ok := errors.AsType[*registryRefusal](err)
	return ok && (said.status == http.StatusUnauthorized || said.status == http.StatusForbidden)
}

// Address returns the registry's address, without credentials.
func (r *Registry) Address() string { return r.base }

// Close closes idle connections.
func (r *Registry) Close() { r.client.CloseIdleConnections() }
