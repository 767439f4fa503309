package azstorage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/disk"
)

// memory keeps messages and entities for tests.
type memory struct {
	mu       sync.Mutex
	messages []azstorage.Message
	entities map[string]json.RawMessage
}

func (m *memory) Enqueue(_ context.Context, _, text string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := fmt.Sprint(len(m.messages))
	m.messages = append(m.messages, azstorage.Message{ID: id, Text: text, Inserted: time.Unix(0, 0)})
	return id, nil
}

func (m *memory) Peek(_ context.Context, _ string, n int) ([]azstorage.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.messages[:min(n, len(m.messages))], nil
}

func (m *memory) DeleteMessage(context.Context, string, string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages = m.messages[1:]
	return nil
}

func (m *memory) InsertEntity(_ context.Context, _, partition, row string, body json.RawMessage) error {
	if _, taken := m.entities[partition+"/"+row]; taken {
		return azstorage.ErrEntityExists
	}
	m.entities[partition+"/"+row] = body
	return nil
}

func (m *memory) Entity(_ context.Context, _, partition, row string) (json.RawMessage, error) {
	body, ok := m.entities[partition+"/"+row]
	if !ok {
		return nil, azstorage.ErrEntityNotFound
	}
	return body, nil
}

func (m *memory) MergeEntity(_ context.Context, _, partition, row string, body json.RawMessage) error {
	m.entities[partition+"/"+row] = body
	return nil
}

// service is a handler with the means to call it.
type service struct {
	t       testing.TB
	handler *azstorage.Handler
	memory  *memory
}

func newService(t testing.TB) *service {
	t.Helper()
	dir := t.TempDir()
	signer, err := azstorage.OpenSigner(dir)
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := azstorage.OpenBlobs(dir+"/blobs", disk.NewGuard(dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{entities: map[string]json.RawMessage{}}
	return &service{t, &azstorage.Handler{Signer: signer, Blobs: blobs, Queues: m, Entities: m,
		Log: slog.New(slog.DiscardHandler)}, m}
}

// call sends a request that is signed for the resource.
func (s *service) call(method, path, query, resource, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	request := httptest.NewRequest(method, path+"?"+query+"&"+s.handler.Signer.Sign(resource, time.Now().Add(time.Hour)),
		strings.NewReader(body))
	answer := httptest.NewRecorder()
	s.handler.ServeHTTP(answer, request)
	return answer
}

func TestSignaturesOpenOneResourceUntilTheirEnd(t *testing.T) {
	dir := t.TempDir()
	signer, err := azstorage.OpenSigner(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := azstorage.OpenSigner(dir)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(time.Hour)
	query, err := url.ParseQuery(signer.Sign("a", end))
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Check("a", query, time.Now()); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	if err := signer.Check("b", query, time.Now()); !errors.Is(err, azstorage.ErrSignature) {
		t.Errorf("another resource: %v", err)
	}
	if err := signer.Check("a", query, end.Add(time.Minute)); !errors.Is(err, azstorage.ErrSignature) {
		t.Errorf("after the end: %v", err)
	}
	query.Set("se", end.Add(time.Hour).UTC().Format(time.RFC3339))
	if err := signer.Check("a", query, time.Now()); !errors.Is(err, azstorage.ErrSignature) {
		t.Errorf("a later end: %v", err)
	}
}

func TestBlobsComeBackAsTheyWereUploaded(t *testing.T) {
	s := newService(t)
	const path = "/ingestdata/a%20b/c.json"
	if got := s.call(http.MethodGet, path, "", "ingestdata", ""); got.Code != http.StatusNotFound ||
		got.Header().Get("x-ms-error-code") != "BlobNotFound" {
		t.Errorf("before the upload: %d %s", got.Code, got.Body)
	}
	if got := s.call(http.MethodPut, path, "", "ingestdata", "one"); got.Code != http.StatusCreated ||
		got.Header().Get("ETag") == "" || got.Header().Get("Last-Modified") == "" {
		t.Errorf("the upload: %d %v", got.Code, got.Header())
	}
	if got := s.call(http.MethodHead, path, "", "ingestdata", ""); got.Header().Get("Content-Length") != "3" {
		t.Errorf("the size: %v", got.Header())
	}
	if got := s.call(http.MethodGet, path, "", "ingestdata", ""); got.Body.String() != "one" {
		t.Errorf("the content: %s", got.Body)
	}
	if got := s.call(http.MethodPut, path, "comp=blocklist", "ingestdata",
		"<BlockList><Latest>bm9uZQ==</Latest></BlockList>"); got.Code != http.StatusNotFound {
		t.Errorf("a block that was never staged: %d %s", got.Code, got.Body)
	}
	if got := s.call(http.MethodPut, path, "comp=page", "ingestdata", ""); got.Code != http.StatusBadRequest {
		t.Errorf("a page blob: %d", got.Code)
	}
	if got := s.call(http.MethodDelete, path, "", "ingestdata", ""); got.Code != http.StatusAccepted {
		t.Errorf("deletion: %d", got.Code)
	}
}

func TestQueuesTakeMessagesInAndOutOfBase64AndWithEscapedSlashes(t *testing.T) {
	s := newService(t)
	for _, path := range []string{"/localadx/readyforaggregation/messages", "/localadx%2Freadyforaggregation/messages"} {
		if got := s.call(http.MethodPost, path, "", "readyforaggregation",
			"<QueueMessage><MessageText>eyJhIjoxfQ==</MessageText></QueueMessage>"); got.Code != http.StatusCreated ||
			!strings.Contains(got.Body.String(), "<PopReceipt>") {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
	s.call(http.MethodPost, "/localadx/readyforaggregation/messages", "", "readyforaggregation",
		"<QueueMessage><MessageText>{&quot;plain&quot;:1}</MessageText></QueueMessage>")
	if s.memory.messages[0].Text != `{"a":1}` || s.memory.messages[2].Text != `{"plain":1}` {
		t.Errorf("the messages are %+v", s.memory.messages)
	}
	if got := s.call(http.MethodGet, "/localadx/readyforaggregation/messages", "numofmessages=32&peekonly=true",
		"readyforaggregation", ""); strings.Count(got.Body.String(), "<QueueMessage>") != 3 ||
		!strings.Contains(got.Body.String(), "eyJhIjoxfQ==") {
		t.Errorf("peeking: %s", got.Body)
	}
	if got := s.call(http.MethodPost, "/localadx/readyforaggregation/messages", "", "readyforaggregation",
		"<QueueMessage><MessageText>"+strings.Repeat("x",
			70<<10)+"</MessageText></QueueMessage>"); got.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a message that is too large: %d", got.Code)
	}
	if got := s.call(http.MethodPost, "/localadx/readyforaggregation/messages", "", "readyforaggregation",
		"nope"); got.Code != http.StatusBadRequest {
		t.Errorf("a message that is not XML: %d", got.Code)
	}
}

func TestStatusEntitiesAreInsertedReadAndMerged(t *testing.T) {
	s := newService(t)
	const key = "/ingestionsstatus(PartitionKey='it''s',RowKey='0')"
	if got := s.call(http.MethodGet, key, "", "ingestionsstatus", ""); got.Code != http.StatusNotFound ||
		!strings.Contains(got.Body.String(), "ResourceNotFound") {
		t.Errorf("before the insertion: %d %s", got.Code, got.Body)
	}
	for want, body := range map[int]string{http.StatusCreated: `{"PartitionKey":"it's","RowKey":"0","Status":"Pending"}`,
		http.StatusBadRequest: `{"Status":"Pending"}`} {
		if got := s.call(http.MethodPost, "/ingestionsstatus", "", "ingestionsstatus", body); got.Code != want {
			t.Errorf("%s: %d %s", body, got.Code, got.Body)
		}
	}
	if got := s.call(http.MethodPost, "/ingestionsstatus", "", "ingestionsstatus",
		`{"PartitionKey":"it's","RowKey":"0"}`); got.Code != http.StatusConflict {
		t.Errorf("a second insertion: %d", got.Code)
	}
	if got := s.call(http.MethodGet, key, "", "ingestionsstatus", ""); got.Code != http.StatusOK ||
		!strings.Contains(got.Body.String(), `"Pending"`) || got.Header().Get("ETag") == "" {
		t.Errorf("reading: %d %s", got.Code, got.Body)
	}
	if got := s.call("MERGE", key, "", "ingestionsstatus", `{"Status":"Succeeded"}`); got.Code != http.StatusNoContent {
		t.Errorf("merging: %d", got.Code)
	}
}

func TestOnlyBlobsOfThisServiceAreItsOwn(t *testing.T) {
	s := newService(t)
	signed := "?" + s.handler.Signer.Sign("ingestdata", time.Now().Add(-time.Hour)) // an end that is past does not matter
	for raw, want := range map[string]string{
		"https://any.host:1/ingestdata/a%20b.json" + signed: "a b.json",
		"https://any.host/other/a.json" + signed:            "",
		"https://any.host/ingestdata/a.json?sig=x":          "",
		"%": "",
	} {
		_, name, ok := azstorage.ParseBlobURL(s.handler.Signer, raw)
		if ok != (want != "") || name != want {
			t.Errorf("%s: %q %t", raw, name, ok)
		}
	}
}

// FuzzRequests checks that no path and body make the handler panic.
func FuzzRequests(f *testing.F) {
	f.Add("PUT", "/ingestdata/x", "comp=blocklist", "<BlockList><Latest>x</Latest></BlockList>")
	f.Add("POST", "/localadx/q/messages", "", "<QueueMessage><MessageText>x</MessageText></QueueMessage>")
	f.Add("GET", "/ingestionsstatus(PartitionKey='a',RowKey='b')", "", "")
	s := newService(f)
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		request := &http.Request{Method: method, URL: &url.URL{Path: "/" + path, RawQuery: query},
			Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}}
		first, _, _ := strings.Cut(strings.Trim(path, "/"), "/")
		resource, _, _ := strings.Cut(first, "(")
		request.URL.RawQuery += "&" + s.handler.Signer.Sign(resource, time.Now().Add(time.Hour))
		s.handler.ServeHTTP(httptest.NewRecorder(), request)
	})
}

func TestStorageThatRotatesIsThereUnderANameAsLongAfterItWasHandedOutAsBefore(t *testing.T) {
	const every = 1000 * time.Hour
	now := time.Now().UnixNano() / int64(every)
	rotation := azstorage.Rotation{Every: every}
	for age, want := range map[int64]bool{-1: false, 0: true, 1: true, 2: false} {
		if name := fmt.Sprintf("%sr0%d", azstorage.Container, now-age); rotation.Has(name) != want {
			t.Errorf("storage answers to a name of %d lives ago: %t, want %t", age, !want, want)
		}
	}
	if name := rotation.Name(azstorage.StatusTable); !rotation.Has(name) {
		t.Errorf("storage does not answer to %s, which it hands out", name)
	}
	for name, want := range map[string]bool{azstorage.Container: true, azstorage.Container + "r01": false} {
		if (azstorage.Rotation{}).Has(name) != want {
			t.Errorf("storage that stays answers to %s: %t, want %t", name, !want, want)
		}
	}
}

func TestStorageThatRotatesIsGoneUnderItsEarlierNames(t *testing.T) {
	s := newService(t)
	s.handler.Rotates = azstorage.Rotation{Every: 20 * time.Millisecond}
	for resource, c := range map[string]struct{ method, path, body, code string }{
		azstorage.Container: {http.MethodPut, "/%s/b.json", "{}", "ContainerNotFound"},
		azstorage.IngestionQueue: {http.MethodPost, "/" + azstorage.Account + "/%s/messages",
			"<QueueMessage><MessageText>e30=</MessageText></QueueMessage>", "QueueNotFound"},
		azstorage.StatusTable: {http.MethodPost, "/%s", `{"PartitionKey":"p","RowKey":"r"}`, "TableNotFound"},
	} {
		if path := fmt.Sprintf(c.path, s.handler.Rotates.Name(resource)); !azstorage.Serves(path) {
			t.Errorf("%s is not a path of the storage", path)
		}
		testenv.Eventually(t, time.Minute, resource+" to be there under its present name", func(context.Context) error {
			name := s.handler.Rotates.Name(resource)
			if answer := s.call(c.method, fmt.Sprintf(c.path, name), "", name, c.body); answer.Code != http.StatusCreated &&
				answer.Code != http.StatusConflict {
				return fmt.Errorf("%d %s", answer.Code, answer.Body)
			}
			return nil
		})
		old := resource + "r01"
		if answer := s.call(c.method, fmt.Sprintf(c.path, old), "", old, c.body); answer.Code != http.StatusNotFound ||
			answer.Header().Get("x-ms-error-code") != c.code {
			t.Errorf("%s under an earlier name: %d %s", resource, answer.Code, answer.Body)
		}
	}
}
