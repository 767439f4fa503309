package record

import (
	"errors"
	"sync"
	"time"
)

// lookups caches values that come from another system, which is asked at most once at a time for
// each key, however many callers want it. A refusal is remembered for refusalLife, so that a topic
// full of records with the same key does not repeat the request for each, and an Unavailable error
// for awayLife, so that such records do not each wait for it. The zero value is empty, and safe for
// concurrent use.
type lookups[K comparable, V any] struct {
	known cache[K, V]

	mu      sync.Mutex
	asking  map[K]*question[V]
	refused map[K]refusal
}

type question[V any] struct {
	answered chan struct{}
	value    V
	err      error
}

type refusal struct {
	err   error
	until time.Time
}

// refusalLife is short, because a replica of a registry may learn of a schema a little late.
const (
	refusalLife = 5 * time.Second
	awayLife    = time.Second
)

// get returns the value remembered for a key, or else the one that ask returns together with its
// size in bytes.
func (a *lookups[K, V]) get(key K, ask func() (V, int, error)) (V, error) {
	if value, known := a.known.get(key); known {
		return value, nil
	}
	a.mu.Lock()
	if no, refused := a.refused[key]; refused && time.Now().Before(no.until) {
		a.mu.Unlock()
		var none V
		return none, no.err
	}
	if q := a.asking[key]; q != nil {
		a.mu.Unlock()
		<-q.answered
		return q.value, q.err
	}
	q := &question[V]{answered: make(chan struct{}), err: errors.New("the question was given up")}
	if a.asking == nil {
		a.asking = map[K]*question[V]{}
	}
	a.asking[key] = q
	a.mu.Unlock()
	defer a.settle(key, q)
	var bytes int
	if q.value, bytes, q.err = ask(); q.err == nil {
		a.known.put(key, q.value, bytes)
	}
	return q.value, q.err
}

// settle ends a lookup, also one that panicked.
func (a *lookups[K, V]) settle(key K, q *question[V]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.asking, key)
	delete(a.refused, key)
	if q.err != nil {
		if a.refused == nil || len(a.refused) >= maxSchemas {
			a.refused = map[K]refusal{}
		}
		life := refusalLife
		if away := (*Unavailable)(nil); errors.As(q.err, &away) {
			life = awayLife
		}
		a.refused[key] = refusal{q.err, time.Now().Add(life)}
	}
	close(q.answered)
}
