package retry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// Retrier repeats calls that fail for reasons that pass, and shows meanwhile what stands in the
// way.
type Retrier struct {
	shown *status.Troubles
	// limit is after how long an outage is given up; 0 never. longest is the longest pause between two attempts.
	limit, longest time.Duration
	// doubt is how long an answer is waited out that refuses for a reason that is not known.
	doubt time.Duration
	// retrying is called with what is tried again, and with nil when it has succeeded.
	retrying func(error)
	// fail is told that the retrier itself has failed.
	fail func(error)
}

func New(shown *status.Troubles, limit, longest time.Duration, retrying, fail func(error)) *Retrier {
	return &Retrier{shown: shown, limit: limit, longest: longest, doubt: doubtPatience, retrying: retrying, fail: fail}
}

// Do runs call until it succeeds, fails for good, or the user's patience with an outage ends.
func (r *Retrier) Do(ctx context.Context, call func(context.Context) error) error {
	// since is when the failures began, doubted when those did whose answer is not known.
	var since, doubted time.Time
	pause := 100 * time.Millisecond
	failing := new(status.Trouble)
	defer r.shown.Over(failing)
	for {
		err := r.attempt(ctx, call)
		switch {
		case err == nil:
			if !since.IsZero() {
				r.retrying(nil)
			}
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case IsPermanent(err), contain.Panicked(err), kusto.Permanent(err) && !kusto.Doubtful(err):
			return err
		}
		if since.IsZero() {
			since = time.Now()
		}
		switch {
		case !kusto.Doubtful(err):
			doubted = time.Time{}
		case doubted.IsZero():
			doubted = time.Now()
		}
		if !doubted.IsZero() && time.Since(doubted) > r.doubt {
			return Permanent(fmt.Errorf("tried for %s, since this answer is not known: %w", r.doubt, err))
		}
		if r.limit > 0 && time.Since(since) > r.limit {
			return Permanent(fmt.Errorf("tried for %s (errors.retry.max.time.ms): %w", r.limit, err))
		}
		r.shown.Retrying(failing, err)
		r.retrying(err)
		wait := max(pause/2+rand.N(pause/2+1), kusto.RetryAfter(err))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
		pause = min(2*pause, r.longest)
	}
}

// doubtPatience is longer than a gateway or a cluster takes to be set up or moved.
const doubtPatience = 10 * time.Minute

const (
	// watchInterval is how often a call that has not returned is checked, answerPatience how long
	// an answer may take before that is worth showing.
	watchInterval  = 2 * time.Second
	answerPatience = 10 * time.Second
)

// attempt makes a call and shows meanwhile what it waits for.
func (r *Retrier) attempt(ctx context.Context, call func(context.Context) error) error {
	ctx, watch := kusto.WithWatch(ctx)
	returned := make(chan struct{})
	var watcher contain.Waiting
	waiting, waited := new(status.Trouble), false
	defer r.shown.Over(waiting)
	watcher.Go("watch of a call", func() {
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-returned:
				return
			}
			if why := watch.Unanswered(answerPatience); why != nil {
				waited = true
				r.shown.Waits(waiting, why)
				r.retrying(why)
			}
		}
	}, r.fail)
	err := call(ctx)
	close(returned)
	watcher.Wait()
	r.shown.Answered(watch)
	if waited && err == nil {
		r.retrying(nil)
	}
	return err
}

// Permanent marks an error as one that waiting does not end: only the user can.
func Permanent(err error) error { return &permanentError{err} }

// IsPermanent reports whether an error was marked so.
func IsPermanent(err error) bool { return errors.As(err, new(*permanentError)) }

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }
