package record

import "sync"

// remembered are the schemas that a converter has read. When there are too many of them it begins
// anew: a topic's records have few. The zero value is empty, and safe for concurrent use.
type remembered[K comparable, V any] struct {
	mu    sync.Mutex
	all   map[K]V
	bytes int
}

func (r *remembered[K, V]) get(key K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok := r.all[key]
	return value, ok
}

// put remembers a schema whose text has so many bytes.
func (r *remembered[K, V]) put(key K, value V, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil || len(r.all) >= maxSchemas || r.bytes+bytes > maxSchemaBytes {
		r.all, r.bytes = map[K]V{}, 0
	}
	r.all[key] = value
	r.bytes += bytes
}
