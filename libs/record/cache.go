package record

import "sync"

// cache holds the schemas that a converter has read. When it is full it is emptied, since a topic's
// records normally have few schemas. The zero value is empty, and safe for concurrent use.
type cache[K comparable, V any] struct {
	mu    sync.Mutex
	all   map[K]V
	bytes int
}

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok := c.all[key]
	return value, ok
}

// put remembers a schema; bytes is the size of its text.
func (c *cache[K, V]) put(key K, value V, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) >= maxSchemas || c.bytes+bytes > maxSchemaBytes {
		c.all, c.bytes = map[K]V{}, 0
	}
	c.all[key] = value
	c.bytes += bytes
}
