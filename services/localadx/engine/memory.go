package engine

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// Memory bounds what Go functions take beside the database, which knows nothing of it. It is safe
// for concurrent use; the zero Memory has no bound.
type Memory struct {
	limit int64 // bytes
	used  atomic.Int64
}

// NewMemory returns a bound in bytes; 0 is none.
func NewMemory(limit int64) *Memory { return &Memory{limit: limit} }

// decodedSize is how much a decoded dynamic takes for a byte of its text: an element is two words
// and what they point to, functions keep some of them twice, and the garbage collector lets as
// much accumulate before it frees it.
const decodedSize = 32

// errMemory is shown to the user as Kusto's error of low memory.
var errMemory = errors.New("out of memory: the values of the query need more than the memory limit")

// reserve takes memory for a dynamic of that many bytes of text, until release is called with the
// same number.
func (m *Memory) reserve(text int) error {
	if m.limit == 0 || text < smallText {
		return nil
	}
	if m.used.Add(int64(text)*decodedSize) > m.limit {
		m.release(text)
		return fmt.Errorf("%w (a dynamic value has %d MB)", errMemory, text>>20)
	}
	return nil
}

func (m *Memory) release(text int) {
	if m.limit != 0 && text >= smallText {
		m.used.Add(-int64(text) * decodedSize)
	}
}

// smallText is the size of texts that are not worth counting.
const smallText = 1 << 12

// fits reports whether that many bytes of results may wait for the database to take them: those of
// all rows that are computed at once.
func (m *Memory) fits(results int64) bool { return m.limit == 0 || results <= m.limit/8 }
