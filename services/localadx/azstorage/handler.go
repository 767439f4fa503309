package azstorage

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/disk"
)

// Names of the resources that the service hands out.
const (
	// Account is the account segment in front of queue names; the Java SDK refuses a queue URL without one.
	Account = "localadx"
	// Container takes uploads for queued ingestion; its blobs are deleted once ingested.
	Container = "ingestdata"
	// IngestionQueue takes the requests to ingest.
	IngestionQueue = "readyforaggregation"
	// SecondQueue is another name of it, where two are handed out.
	SecondQueue = "readyforaggregation-2"
	// FailedQueue and SucceededQueue hold the reports of sources whose report method is the queue.
	FailedQueue    = "failedingestions"
	SucceededQueue = "successfulingestions"
	// StatusTable holds one entity for each source whose report method is the table.
	StatusTable = "ingestionsstatus"
)

// maxQueueMessage is Azure's limit on the text of a queue message, in bytes.
const maxQueueMessage = 64 << 10

// maxEntity is Azure's limit on a table entity, in bytes.
const maxEntity = 1 << 20

// Message is one queue message as a reader sees it.
type Message struct {
	ID       string
	Text     string
	Inserted time.Time
	// Dequeued counts how often the message has been handed out.
	Dequeued int
}

// Queues keeps queue messages. Enqueue must return only when the message is durable.
type Queues interface {
	// Enqueue adds text, already decoded from base64 when it was base64, to the queue and returns the message's id.
	Enqueue(ctx context.Context, queue, text string) (string, error)
	// Peek returns up to n messages without taking them.
	Peek(ctx context.Context, queue string, n int) ([]Message, error)
	// DeleteMessage removes a message; one that is gone already is no error.
	DeleteMessage(ctx context.Context, queue, id string) error
}

// Entities keeps table entities as JSON objects.
type Entities interface {
	// InsertEntity adds an entity; ErrEntityExists when its key is taken.
	InsertEntity(ctx context.Context, table, partitionKey, rowKey string, body json.RawMessage) error
	// Entity returns an entity, or ErrEntityNotFound.
	Entity(ctx context.Context, table, partitionKey, rowKey string) (json.RawMessage, error)
	// MergeEntity sets the properties in body and keeps the others; it inserts when the key is new.
	MergeEntity(ctx context.Context, table, partitionKey, rowKey string, body json.RawMessage) error
}

// Errors of Entities.
var (
	ErrEntityExists   = errors.New("the entity exists already")
	ErrEntityNotFound = errors.New("the entity does not exist")
)

// Handler answers the storage requests of the SDKs. All fields but StatusOperations and Rotates are required.
type Handler struct {
	// StatusOperations is how many requests a day the status table takes before it asks clients to wait; 0 is any number.
	StatusOperations int64
	// Rotates has the storage move.
	Rotates Rotation

	Signer   *Signer
	Blobs    *Blobs
	Queues   Queues
	Entities Entities
	Log      *slog.Logger

	// mu guards the fields below: how many requests the status table took on which day.
	mu    sync.Mutex
	day   time.Time
	taken int64
}

// spare counts a request of the status table and reports whether it may be answered.
func (h *Handler) spare() bool {
	if h.StatusOperations == 0 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if today := time.Now().Truncate(24 * time.Hour); !today.Equal(h.day) {
		h.day, h.taken = today, 0
	}
	h.taken++
	return h.taken <= h.StatusOperations
}

// Serves reports whether a request's path belongs to the storage services.
func Serves(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	name, _, _ := strings.Cut(first, "(")
	name = Lasting(name)
	return name == Account || name == Container || name == StatusTable
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-ms-version", sasVersion)
	w.Header().Set("x-ms-request-id", uuid.NewString())
	if id := r.Header.Get("x-ms-client-request-id"); id != "" {
		w.Header().Set("x-ms-client-request-id", id)
	}
	// The Go SDK escapes the slash between account and queue, so the decoded path is what counts.
	segments := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if segments[0] == Account {
		segments = segments[1:]
	}
	if len(segments) == 0 || segments[0] == "" {
		h.fail(w, http.StatusBadRequest, "InvalidUri", "the URL names no container, queue or table")
		return
	}
	name, _, _ := strings.Cut(segments[0], "(")
	if err := h.Signer.Check(name, r.URL.Query(), time.Now()); err != nil {
		h.fail(w, http.StatusForbidden, "AuthenticationFailed", err.Error())
		return
	}
	resource := Lasting(name)
	if !h.Rotates.Has(name) {
		h.gone(w, resource)
		return
	}
	switch {
	case resource == StatusTable && !h.spare():
		w.Header().Set("Retry-After", "60")
		h.failTable(w, http.StatusServiceUnavailable, "ServerBusy",
			"The server is busy: the status table took more requests today than it is meant for")
	case resource == StatusTable:
		h.serveTable(w, r, segments[0])
	case len(segments) >= 2 && segments[1] == "messages":
		h.serveQueue(w, r, resource, segments[2:])
	case len(segments) == 1:
		h.serveContainer(w, r)
	default:
		h.serveBlob(w, r, resource, strings.Join(segments[1:], "/"))
	}
}

// gone answers a request to a resource that has moved.
func (h *Handler) gone(w http.ResponseWriter, resource string) {
	switch resource {
	case Container:
		h.fail(w, http.StatusNotFound, "ContainerNotFound", "The specified container does not exist.")
	case StatusTable:
		h.failTable(w, http.StatusNotFound, "TableNotFound", "The table specified does not exist.")
	default:
		h.fail(w, http.StatusNotFound, "QueueNotFound", "The specified queue does not exist.")
	}
}

// ParseBlobURL splits the URL of a blob of this service into container and blob name, and reports whether the URL is
// one: whether its signature was made by signer. The host is not looked at, because a client may know this service by
// any name.
func ParseBlobURL(signer *Signer, raw string) (container, name string, ok bool) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", "", false
	}
	path := strings.TrimPrefix(strings.Trim(u.Path, "/"), Account+"/")
	container, name, ok = strings.Cut(path, "/")
	if !ok || name == "" || signer.checkSignature(container, u.Query()) != nil {
		return "", "", false
	}
	return Lasting(container), name, true
}

func (h *Handler) serveContainer(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPut:
		w.WriteHeader(http.StatusCreated)
	case http.MethodGet, http.MethodHead:
		w.WriteHeader(http.StatusOK)
	default:
		h.unsupported(w, r)
	}
}

func (h *Handler) serveBlob(w http.ResponseWriter, r *http.Request, container, name string) {
	switch r.Method {
	case http.MethodPut:
		if err := h.putBlob(r, container, name); err != nil {
			h.storeFailed(w, r, err)
			return
		}
		now := time.Now().UTC()
		w.Header().Set("ETag", fmt.Sprintf("%q", "0x"+strconv.FormatInt(now.UnixNano(), 16)))
		w.Header().Set("Last-Modified", now.Format(http.TimeFormat))
		w.Header().Set("x-ms-request-server-encrypted", "false")
		w.WriteHeader(http.StatusCreated)
	case http.MethodGet, http.MethodHead:
		content, size, err := h.Blobs.Open(container, name)
		if err != nil {
			h.storeFailed(w, r, err)
			return
		}
		defer content.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		w.Header().Set("x-ms-blob-type", "BlockBlob")
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodGet {
			if _, err := io.Copy(w, content); err != nil {
				h.Log.Debug("send a blob", "blob", name, "err", err)
			}
		}
	case http.MethodDelete:
		if err := h.Blobs.Delete(container, name); err != nil {
			h.storeFailed(w, r, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	default:
		h.unsupported(w, r)
	}
}

func (h *Handler) putBlob(r *http.Request, container, name string) error {
	switch comp := r.URL.Query().Get("comp"); comp {
	case "":
		return h.Blobs.Put(container, name, r.Body)
	case "block":
		return h.Blobs.PutBlock(container, name, r.URL.Query().Get("blockid"), r.Body)
	case "blocklist":
		ids, err := readBlockList(r.Body)
		if err != nil {
			return err
		}
		return h.Blobs.Commit(container, name, ids)
	case "metadata", "properties", "tags":
		return nil
	default:
		return badRequest{fmt.Errorf("blob operation %q is not part of this service: upload whole blobs or block lists",
			comp)}
	}
}

// badRequest marks an error as the client's.
type badRequest struct{ error }

func readBlockList(body io.Reader) ([]string, error) {
	var ids []string
	decoder := xml.NewDecoder(io.LimitReader(body, 16<<20))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return ids, nil
		}
		if err != nil {
			return nil, badRequest{fmt.Errorf("read the block list: %w", err)}
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local == "BlockList" {
			continue
		}
		var id string
		if err := decoder.DecodeElement(&id, &start); err != nil {
			return nil, badRequest{fmt.Errorf("read the block list: %w", err)}
		}
		ids = append(ids, strings.TrimSpace(id))
	}
}

func (h *Handler) unsupported(w http.ResponseWriter, r *http.Request) {
	h.fail(w, http.StatusMethodNotAllowed, "UnsupportedHttpVerb", r.Method+" is not supported here")
}

func (h *Handler) storeFailed(w http.ResponseWriter, r *http.Request, err error) {
	var bad badRequest
	var full *disk.FullError
	switch {
	case errors.As(err, &full):
		h.fail(w, http.StatusInsufficientStorage, "InsufficientStorage", err.Error())
	case errors.Is(err, ErrBlobNotFound):
		h.fail(w, http.StatusNotFound, "BlobNotFound", err.Error())
	case errors.As(err, &bad):
		h.fail(w, http.StatusBadRequest, "InvalidInput", err.Error())
	default:
		h.Log.Error("storage request", "method", r.Method, "path", r.URL.Path, "err", err)
		h.fail(w, http.StatusInternalServerError, "InternalError", err.Error())
	}
}

// fail writes the error body of the blob and queue services.
func (h *Handler) fail(w http.ResponseWriter, status int, code, message string) {
	body := struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
	io.WriteString(w, xml.Header)
	if err := xml.NewEncoder(w).Encode(body); err != nil {
		h.Log.Debug("send a storage error", "err", err)
	}
}
