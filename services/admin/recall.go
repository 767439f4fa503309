package admin

import (
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// recall remembers what a fleet listed last, for the time when it cannot be asked. Safe for concurrent use; what it
// holds nobody changes.
type recall[T any] struct {
	mu    sync.Mutex
	last  []T
	known bool // false before the first answer
}

// list is what a fleet has: now or, where away says why it cannot be asked, when it was asked last. known is false
// where it never was.
type list[T any] struct {
	all   []T
	known bool
	away  error
}

// take takes an answer over. The error is one that a worker gave; that none can be asked is part of the list.
func (r *recall[T]) take(answer []T, err error) (list[T], error) {
	if err != nil && status.Code(err) != codes.Unavailable {
		return list[T]{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.last, r.known = answer, true
	}
	return list[T]{r.last, r.known, err}, nil
}
