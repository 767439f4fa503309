package status

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Board has the captures of a worker, at most one of each connector.
type Board struct {
	mu       sync.Mutex
	captures map[string]*Capture // guarded by mu
}

// NewBoard makes an empty board.
func NewBoard() *Board { return &Board{captures: make(map[string]*Capture)} }

// Put shows a capture whose task begins, in the place of what was shown of its connector.
func (b *Board) Put(c *Capture) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.captures[c.name] = c
}

// Remove takes a capture off whose task has ended, unless a newer one of the same connector has taken its place. One that failed stays.
func (b *Board) Remove(c *Capture) {
	c.mu.Lock()
	failed := c.state.Phase == Failed
	c.endStream()
	c.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.captures[c.name] == c && !failed {
		delete(b.captures, c.name)
	}
}

// PutIdle shows a connector that does not run, unless a task has come.
func (b *Board) PutIdle(c *Capture) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if there := b.captures[c.name]; there == nil || there.Idled() {
		b.captures[c.name] = c
	}
}

// KeepIdle takes connectors that do not run off, unless they are named.
func (b *Board) KeepIdle(names map[string]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.captures, func(name string, c *Capture) bool { return c.Idled() && !names[name] })
}

// All returns the captures by name.
func (b *Board) All() []*Capture {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedFunc(maps.Values(b.captures), func(x, y *Capture) int { return strings.Compare(x.name, y.name) })
}

// Find returns the capture of a connector; nil if there is none.
func (b *Board) Find(name string) *Capture {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.captures[name]
}
