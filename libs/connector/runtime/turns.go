package runtime

import (
	"context"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
)

const (
	// startsAtOnce is how many tasks may be starting at the same time. Otherwise a worker that takes
	// over the tasks of another would connect, and read catalogs and positions, for all of them at
	// once, and do nothing else meanwhile.
	startsAtOnce = 8
	// turnTime is how long a start may keep its turn, so that a server that does not answer does not
	// hold up other tasks.
	turnTime = time.Second
	// oneByOneFor is how long tasks start one by one at most.
	oneByOneFor = 5 * time.Minute
)

// turns gives tasks their turns to start, in the order in which they come.
type turns struct {
	room chan struct{}
	// alone has room for one task; it is nil if tasks need not start one by one. note gets the run of
	// the task that starts, and an empty text when its turn is over. Each turn lasts for each; from
	// until on, tasks start together again.
	alone chan struct{}
	note  func(run string)
	each  time.Duration
	until time.Time
}

func newTurns() *turns { return &turns{room: make(chan struct{}, startsAtOnce)} }

// oneByOne makes tasks start one by one for a while. Each is watched for each, or for less if there
// are many.
func (t *turns) oneByOne(tasks int, each time.Duration, note func(run string)) {
	t.alone, t.note = make(chan struct{}, 1), note
	t.each, t.until = min(each, oneByOneFor/time.Duration(max(tasks, 1))), time.Now().Add(oneByOneFor)
}

// take waits for a turn; done ends it, and may be called more than once. It ends by itself after turnTime.
func (t *turns) take(ctx context.Context, run string, failed func(error)) (done func(), err error) {
	if t.alone != nil {
		if err := t.takeAlone(ctx, run, failed); err != nil {
			return nil, err
		}
	}
	select {
	case t.room <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	end := sync.OnceFunc(func() { <-t.room })
	timer := time.AfterFunc(turnTime, end)
	return func() {
		timer.Stop()
		end()
	}, nil
}

// takeAlone waits until no other start is being watched. The watch goes on after the task has
// started, and may outlast the task.
func (t *turns) takeAlone(ctx context.Context, run string, failed func(error)) error {
	select {
	case t.alone <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Now().After(t.until) {
		<-t.alone
		return nil
	}
	t.note(run)
	time.AfterFunc(t.each, func() {
		contain.Run("end of a start alone", func() {
			t.note("")
			<-t.alone
		}, failed)
	})
	return nil
}
