package connector

import (
	"context"
	"sync"
	"time"
)

const (
	// startsAtOnce is how many tasks may be starting at the same time. A worker that takes over the tasks of another would else do
	// for all of them at once what costs most, connecting, reading catalogs and positions, and do nothing else for as long.
	startsAtOnce = 8
	// turnTime is for how long a start counts at most, so that servers that do not answer hold up nobody else's.
	turnTime = time.Second
)

// turns gives tasks their turns to start, in the order in which they come.
type turns chan struct{}

func newTurns() turns { return make(turns, startsAtOnce) }

// take waits for a turn; done ends it, and may be called more than once. It ends by itself after turnTime.
func (t turns) take(ctx context.Context) (done func(), err error) {
	select {
	case t <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	end := sync.OnceFunc(func() { <-t })
	timer := time.AfterFunc(turnTime, end)
	return func() {
		timer.Stop()
		end()
	}, nil
}
