package azstorage

import (
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// messageLife is how long a queue message is kept by the times the answers state; Azure's default.
const messageLife = 7 * 24 * time.Hour

// queueMessage is a message in the queue service's XML; the fields a given answer does not have stay empty.
type queueMessage struct {
	MessageID       string `xml:"MessageId"`
	InsertionTime   string
	ExpirationTime  string
	PopReceipt      string `xml:",omitempty"`
	TimeNextVisible string `xml:",omitempty"`
	DequeueCount    *int   `xml:",omitempty"`
	MessageText     string `xml:",omitempty"`
}

type queueMessages struct {
	XMLName  xml.Name       `xml:"QueueMessagesList"`
	Messages []queueMessage `xml:"QueueMessage"`
}

func (h *Handler) serveQueue(w http.ResponseWriter, r *http.Request, queue string, rest []string) {
	if queue == SecondQueue {
		queue = IngestionQueue
	}
	switch {
	case r.Method == http.MethodPost && len(rest) == 0:
		h.enqueue(w, r, queue)
	case r.Method == http.MethodGet && len(rest) == 0:
		h.readMessages(w, r, queue)
	case r.Method == http.MethodDelete && len(rest) == 1:
		if err := h.Queues.DeleteMessage(r.Context(), queue, rest[0]); err != nil {
			h.storeFailed(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		h.unsupported(w, r)
	}
}

func (h *Handler) enqueue(w http.ResponseWriter, r *http.Request, queue string) {
	var body struct {
		MessageText string
	}
	if err := xml.NewDecoder(io.LimitReader(r.Body, 2*maxQueueMessage)).Decode(&body); err != nil {
		h.fail(w, http.StatusBadRequest, "InvalidXmlDocument", "the queue message is not XML: "+err.Error())
		return
	}
	if len(body.MessageText) > maxQueueMessage {
		h.fail(w, http.StatusRequestEntityTooLarge, "RequestBodyTooLarge", "a queue message may have at most 64 KiB")
		return
	}
	id, err := h.Queues.Enqueue(r.Context(), queue, decodeText(body.MessageText))
	if err != nil {
		h.storeFailed(w, r, err)
		return
	}
	now := time.Now()
	h.writeMessages(w, http.StatusCreated, []queueMessage{{
		MessageID:       id,
		InsertionTime:   now.UTC().Format(http.TimeFormat),
		ExpirationTime:  now.Add(messageLife).UTC().Format(http.TimeFormat),
		PopReceipt:      uuid.NewString(),
		TimeNextVisible: now.UTC().Format(http.TimeFormat),
	}})
}

// decodeText undoes the base64 that most SDKs wrap messages in; text that is not base64 is taken as it is.
func decodeText(text string) string {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !utf8.Valid(decoded) {
		return text
	}
	return string(decoded)
}

// readMessages answers both peeking and taking. Taking does not hide messages: the report queues are read by one
// client, which deletes what it has handled.
func (h *Handler) readMessages(w http.ResponseWriter, r *http.Request, queue string) {
	n, err := strconv.Atoi(r.URL.Query().Get("numofmessages"))
	if err != nil || n < 1 {
		n = 1
	}
	messages, err := h.Queues.Peek(r.Context(), queue, min(n, 32))
	if err != nil {
		h.storeFailed(w, r, err)
		return
	}
	answers := make([]queueMessage, len(messages))
	for i, m := range messages {
		answers[i] = queueMessage{
			MessageID:      m.ID,
			InsertionTime:  m.Inserted.UTC().Format(http.TimeFormat),
			ExpirationTime: m.Inserted.Add(messageLife).UTC().Format(http.TimeFormat),
			DequeueCount:   &m.Dequeued,
			MessageText:    base64.StdEncoding.EncodeToString([]byte(m.Text)),
		}
		if r.URL.Query().Get("peekonly") != "true" {
			answers[i].PopReceipt = uuid.NewString()
			answers[i].TimeNextVisible = time.Now().UTC().Format(http.TimeFormat)
		}
	}
	h.writeMessages(w, http.StatusOK, answers)
}

func (h *Handler) writeMessages(w http.ResponseWriter, status int, messages []queueMessage) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	io.WriteString(w, xml.Header)
	if err := xml.NewEncoder(w).Encode(queueMessages{Messages: messages}); err != nil {
		h.Log.Debug("send queue messages", "err", err)
	}
}
