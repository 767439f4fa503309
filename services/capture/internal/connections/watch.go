package connections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

const (
	// Patience is how long a server may leave a question unanswered before that is worth showing.
	Patience = 5 * time.Second
	// Question bounds a look at what holds something up.
	Question = 3 * time.Second
	// askAgain is how often the server is asked about a process that is waited for.
	askAgain = 10 * time.Second
)

// errNothingComes ends with the next session, whose connections are new.
const errNothingComes = retry.Passing("the connection stays open, but nothing will come over it")

// Wait is what a connection waits for.
type Wait struct {
	// Err says it in words.
	Err error
	// Others is true if the server answers other connections meanwhile.
	Others bool
	// New is true for the first report of this wait.
	New bool
}

// Report is told what is waited for, and when that has ended.
type Report interface {
	Waits(Wait)
	Answers()
	// NoticeFailed gets what Waits failed with.
	NoticeFailed(error)
}

// Watch reports what the set's connections wait for until ctx ends. It calls end with an error when
// it finds that nothing more will come over one of them.
func (s *Set) Watch(ctx context.Context, end context.CancelCauseFunc) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var told, asked time.Time // the beginning of the wait that was reported last; when the server was last asked
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		c, since := s.longest()
		if c == nil || time.Since(since) < Patience {
			if !told.IsZero() {
				told = time.Time{}
				s.report.Answers()
			}
			continue
		}
		if since.Equal(told) && time.Since(asked) < askAgain {
			continue
		}
		wait := s.explain(ctx, c, since)
		if asked = time.Now(); ctx.Err() != nil {
			return
		}
		if errors.Is(wait.Err, pgrepl.ErrBackendGone) {
			end(fmt.Errorf("%w; %w", wait.Err, errNothingComes))
			return
		}
		wait.New = !since.Equal(told)
		s.report.Waits(wait)
		told = since
	}
}

// explain says what a connection waits for, and whether the server answers others.
func (s *Set) explain(ctx context.Context, c *Conn, since time.Time) Wait {
	const silent = "the server is stopped or overloaded, or something on the way drops what is sent"
	wait := fmt.Errorf("wait for PostgreSQL at %s to %s: nothing has come since %s (%s)",
		s.config.Addresses(), c.usedFor(), since.UTC().Format(time.RFC3339), time.Since(since).Round(time.Second))
	ctx, cancel := context.WithTimeout(ctx, Question)
	defer cancel()
	conn, err := s.config.Connect(ctx)
	if err == nil {
		defer pgrepl.Disconnect(conn)
		var doing, remedy string
		if doing, remedy, err = c.backend.Doing(ctx, conn); err == nil && doing != "" {
			return Wait{Err: fmt.Errorf("%w: the server answers others, and %s. %s", wait, doing, remedy), Others: true}
		}
	}
	if errors.Is(err, pgrepl.ErrBackendGone) {
		return Wait{Err: fmt.Errorf("%w: %w", wait, err), Others: true}
	}
	if err == nil {
		return Wait{Err: fmt.Errorf("%w: %s", wait, silent)}
	}
	return Wait{Err: fmt.Errorf("%w: %s; asked again it does not answer either: %w", wait, silent, err)}
}
