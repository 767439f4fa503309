package status

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/calypso-cdc/calypso/services/capture/internal/slot"
)

// Registry has the captures of a worker, at most one of each connector.
type Registry struct {
	mu       sync.Mutex
	captures map[string]*Capture // guarded by mu, as are all below
	// views are the last views of connectors' slots, from which later views take over what they know
	// (slot.View.Follow).
	views map[string]*slot.View
	// gone counts the looks in a row at which a view's connector had no capture. A connector that
	// restarts has none for a moment, which must not make its view forgotten.
	gone map[string]int
}

// forgetViewAfter is after how many such looks, five seconds apart, a view is forgotten.
const forgetViewAfter = 12

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{captures: make(map[string]*Capture), views: make(map[string]*slot.View), gone: make(map[string]int)}
}

// Put shows a capture whose task begins, in place of what was shown of its connector.
func (r *Registry) Put(c *Capture) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.show(c)
}

// show puts a capture in the place of its connector; the caller holds mu.
func (r *Registry) show(c *Capture) {
	r.captures[c.name] = c
	if c.slot != nil {
		c.slot.Follow(r.views[c.name])
		r.views[c.name] = c.slot
	}
}

// Remove removes a capture whose task has ended, unless a newer one of the same connector has taken
// its place. One that failed stays.
func (r *Registry) Remove(c *Capture) {
	c.mu.Lock()
	failed := c.state.Phase == Failed
	c.endStream()
	c.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.captures[c.name] == c && !failed {
		delete(r.captures, c.name)
	}
}

// PutIdle shows a connector that does not run, unless a task has begun meanwhile.
func (r *Registry) PutIdle(c *Capture) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if there := r.captures[c.name]; there == nil || there.Idled() {
		r.show(c)
	}
}

// KeepIdle removes the connectors that do not run, except those named.
func (r *Registry) KeepIdle(names map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.captures, func(name string, c *Capture) bool { return c.Idled() && !names[name] })
	maps.DeleteFunc(r.views, func(name string, _ *slot.View) bool {
		if r.captures[name] != nil {
			delete(r.gone, name)
			return false
		}
		r.gone[name]++
		if r.gone[name] < forgetViewAfter {
			return false
		}
		delete(r.gone, name)
		return true
	})
}

// All returns the captures by name.
func (r *Registry) All() []*Capture {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.captures), func(x, y *Capture) int { return strings.Compare(x.name, y.name) })
}

// Find returns the capture of a connector; nil if there is none.
func (r *Registry) Find(name string) *Capture {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.captures[name]
}
