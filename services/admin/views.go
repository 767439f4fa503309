package admin

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/calypso-cdc/calypso/libs/rpc"
)

// lookTimeout bounds one look at all pipelines.
const lookTimeout = 10 * time.Second

// views shares looks at the pipelines among callers: however many watch, there is one look at a
// time. It has no goroutine; a caller that needs a newer look takes it. Safe for concurrent use.
type views[T any] struct {
	now  func() time.Time
	look func(context.Context) ([]T, error)
	// turn holds a token while nobody looks; whoever took the token owns the fields below.
	turn chan struct{}
	// begun is when the last successful look began, zero if there was none; all is what it saw, which
	// nobody changes.
	begun time.Time
	all   []T
	// took is how long that look took.
	took time.Duration
}

// pace spaces out looks where an older one will do: the time between two is at least this many
// times as long as a look takes, but at most observeInterval. So a thousand pipelines are looked at
// less often than one.
const pace = 5

func newViews[T any](now func() time.Time, look func(context.Context) ([]T, error)) *views[T] {
	v := &views[T]{now: now, look: look, turn: make(chan struct{}, 1)}
	v.turn <- struct{}{}
	return v
}

// within returns what a look saw that began at most age ago, or somewhat longer ago if looks take
// long. With an age of 0 it takes a new look.
func (v *views[T]) within(ctx context.Context, age time.Duration) ([]T, error) {
	now := v.now()
	select {
	case <-v.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { v.turn <- struct{}{} }()
	if age > 0 {
		age = max(age, min(pace*v.took, observeInterval))
	}
	if oldest := now.Add(-age); !v.begun.Before(oldest) && !v.begun.IsZero() {
		return v.all, nil
	}
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	begun := v.now()
	all, err := v.look(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		err = rpc.Error(codes.DeadlineExceeded, "LOOK_TIMEOUT",
			fmt.Sprintf(
				"capture and sink did not say within %v what all pipelines do; calypsoctl get services shows which worker is at fault", lookTimeout))
	}
	if err != nil {
		return nil, err
	}
	v.begun, v.all, v.took = begun, all, v.now().Sub(begun)
	return all, nil
}
