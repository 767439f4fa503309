package record

import (
	"errors"
	"sync"
	"time"
)

// lookups are values that somebody else is asked for: at most once at a time for each key, however
// many want it. That something is not to be had is remembered for refusalLife, so that a topic full
// of records that name it does not ask as often, and that the other is Unavailable for awayLife, so
// that a list of such records does not wait as often. The zero value is empty, and safe for
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

// refusalLife is short enough for a value that a registry's replica learns of a little late.
const (
	refusalLife = 5 * time.Second
	awayLife    = time.Second
)

// get returns what is remembered for a key, or else what ask says, with the bytes that it counts for.
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

// settle ends a lookup, even one that panicked.
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
