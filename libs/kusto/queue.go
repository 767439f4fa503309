package kusto

import (
	"errors"
	"sync"

	"github.com/Azure/azure-kusto-go/azkustoingest"
)

// queue is the SDK's client of queued ingestion. The SDK asks only once an hour where to put blobs
// and messages, even if these places are gone; a new client asks at once.
type queue struct {
	connect func() (*azkustoingest.Ingestion, error)

	mu      sync.Mutex
	current *azkustoingest.Ingestion
	closed  bool
}

func newQueue(connect func() (*azkustoingest.Ingestion, error)) (*queue, error) {
	current, err := connect()
	return &queue{connect: connect, current: current}, err
}

// client returns the client to ingest with.
func (q *queue) client() *azkustoingest.Ingestion {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.current
}

// renew replaces a client whose storage has moved by a new one, unless that has been done. It does
// not affect ingestions that the old one has queued.
func (q *queue) renew(old *azkustoingest.Ingestion) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.current != old || q.closed {
		return nil
	}
	current, err := q.connect()
	if err != nil {
		return err
	}
	q.current = current
	return old.Close()
}

// Close ends the client's background work.
func (q *queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errors.New("the queue of ingestions is closed already")
	}
	q.closed = true
	return q.current.Close()
}
