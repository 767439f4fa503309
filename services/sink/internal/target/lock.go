package target

import "context"

// lock is a mutex for what can take as long as an outage of the cluster: waiting for it ends with
// the context.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

// acquire waits until nobody has the lock, or ctx ends.
func (l lock) acquire(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// try is acquire for those who need not wait. It reports whether they have the lock.
func (l lock) try() bool {
	select {
	case l <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l lock) release() { <-l }
