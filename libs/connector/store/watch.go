package store

import "sync"

// Watcher collects the names of connectors that changed. However slow its reader is, it holds each name once, so
// memory is bounded by the number of connectors and the reader always gets the latest state.
type Watcher struct {
	Signal chan struct{}

	mu    sync.Mutex
	names map[string]bool
}

func (w *Watcher) mark(names map[string]bool) {
	if len(names) == 0 {
		return
	}
	w.mu.Lock()
	for name := range names {
		w.names[name] = true
	}
	w.mu.Unlock()
	select {
	case w.Signal <- struct{}{}:
	default:
	}
}

func (w *Watcher) Take() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := w.names
	w.names = map[string]bool{}
	return names
}

// Watch starts to collect changes; call the returned function to end it.
func (s *Store) Watch() (*Watcher, func()) {
	w := &Watcher{Signal: make(chan struct{}, 1), names: map[string]bool{}}
	s.Known.mu.Lock()
	s.watchers[w] = struct{}{}
	s.Known.mu.Unlock()
	return w, func() {
		s.Known.mu.Lock()
		delete(s.watchers, w)
		s.Known.mu.Unlock()
	}
}
