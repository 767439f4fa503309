package capture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// errNothingComes is mended by the next session, whose connections are new.
const errNothingComes = retry.Passing("the connection stays open, but nothing will come over it")

// waits are a session's ordinary connections with what they are used for. The server takes as long as it needs for a statement, so that
// no time ends one; but what is waited for, and since when, is said, and a connection whose process on the server has ended is given up.
type waits struct {
	mu sync.Mutex
	of map[*watched]bool // guarded by mu
}

// watched is one of the connections.
type watched struct {
	*pgx.Conn
	backend pgrepl.Backend
	waits   *waits
	mu      sync.Mutex
	use     string // guarded by mu
}

// dial opens a connection that is watched; use says what for, as part of "wait for PostgreSQL to …".
func (s *session) dial(ctx context.Context, use string) (*watched, error) {
	w := &watched{waits: &s.waits, use: use}
	err := s.asking("open a connection to "+use, func() (err error) {
		if w.Conn, err = s.spec.Connection.Connect(ctx); err != nil {
			return err
		}
		if w.backend, err = s.spec.Connection.BackendOf(ctx, w.Conn); err != nil {
			pgrepl.Disconnect(w.Conn)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	if s.waits.of == nil {
		s.waits.of = make(map[*watched]bool)
	}
	s.waits.of[w] = true
	return w, nil
}

// replicate opens a connection of the replication protocol.
func (s *session) replicate(ctx context.Context) (repl *pgrepl.Session, err error) {
	err = s.asking("open a replication connection", func() (err error) {
		repl, err = pgrepl.OpenSession(ctx, s.spec.Connection)
		return err
	})
	return repl, err
}

// identify asks the server at the other end of a replication connection who it is.
func (s *session) identify(ctx context.Context, repl *pgrepl.Session) (system pgrepl.System, err error) {
	err = s.asking("say who it is", func() (err error) {
		system, err = repl.Identify(ctx)
		return err
	})
	return system, err
}

// asking runs what asks the server over a connection that nothing watches; where it takes long, it says what for meanwhile.
func (s *session) asking(what string, ask func() error) error {
	return s.telling(answerPatience, ask, func() error {
		return fmt.Errorf("wait for PostgreSQL at %s to %s, of which nothing has come for %s: the server is stopped or overloaded, a statement of database.initial.statements takes long, or something on the way drops what is sent",
			s.spec.Connection.Addresses(), what, answerPatience)
	})
}

// telling runs what another server has to do. Where it takes longer than patience, it says so as the second function does, until it has
// come to an end.
func (s *session) telling(patience time.Duration, do, trouble func() error) error {
	told := make(chan struct{})
	slow := s.after(patience, func() {
		defer close(told)
		err := trouble()
		s.board.slow(err)
		s.env.Retrying(err)
		s.env.Logger.Warn(err.Error())
	})
	err := do()
	if !slow.Stop() {
		<-told
		if err == nil {
			s.board.slow(nil)
			s.env.Retrying(nil)
		}
	}
	return err
}

// uses says what the connection is used for now.
func (w *watched) uses(use string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.use = use
}

func (w *watched) usedFor() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.use
}

// hangUp closes the connection; nil is nothing.
func (w *watched) hangUp() {
	if w == nil {
		return
	}
	w.waits.mu.Lock()
	delete(w.waits.of, w)
	w.waits.mu.Unlock()
	pgrepl.Disconnect(w.Conn)
}

// longest is the connection that has waited for the longest time, and since when; nil if none waits.
func (w *waits) longest() (longest *watched, since time.Time) {
	w.mu.Lock()
	all := slices.Collect(maps.Keys(w.of))
	w.mu.Unlock()
	for _, c := range all {
		if at := pgrepl.WaitsSince(c.Conn); !at.IsZero() && (longest == nil || at.Before(since)) {
			longest, since = c, at
		}
	}
	return longest, since
}

// askAgain is how often the server is asked about a process that is waited for.
const askAgain = 10 * time.Second

// watchStatements says what the session's connections wait for until ctx ends. It ends the session with an error where nothing will come.
func (s *session) watchStatements(ctx context.Context, end context.CancelCauseFunc) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var told, asked time.Time // since when is waited, of what was told; when the server was asked
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		w, since := s.waits.longest()
		if w == nil || time.Since(since) < answerPatience {
			if !told.IsZero() {
				told = time.Time{}
				s.board.slow(nil)
				s.env.Retrying(nil)
				s.env.Logger.Info("PostgreSQL answers again")
			}
			continue
		}
		if since.Equal(told) && time.Since(asked) < askAgain {
			continue
		}
		err, answers := s.explain(ctx, w, since)
		if asked = time.Now(); ctx.Err() != nil {
			return
		}
		if errors.Is(err, pgrepl.ErrBackendGone) {
			end(fmt.Errorf("%w; %w", err, errNothingComes))
			return
		}
		if answers {
			s.board.held(err)
		} else {
			s.board.slow(err)
		}
		if !since.Equal(told) {
			s.env.Retrying(err)
			s.env.Logger.Warn(err.Error())
		}
		told = since
	}
}

// explain says what a connection waits for, and whether the server answers others.
func (s *session) explain(ctx context.Context, w *watched, since time.Time) (_ error, answers bool) {
	wait := fmt.Errorf("wait for PostgreSQL at %s to %s, of which nothing has come since %s (%s)", s.spec.Connection.Addresses(), w.usedFor(), since.UTC().Format(time.RFC3339), time.Since(since).Round(time.Second))
	ctx, cancel := context.WithTimeout(ctx, slotQuestion)
	defer cancel()
	conn, err := s.spec.Connection.Connect(ctx)
	if err == nil {
		defer pgrepl.Disconnect(conn)
		var doing, remedy string
		if doing, remedy, err = w.backend.Doing(ctx, conn); err == nil && doing != "" {
			return fmt.Errorf("%w: the server answers others, and %s. %s", wait, doing, remedy), true
		}
	}
	if errors.Is(err, pgrepl.ErrBackendGone) {
		return fmt.Errorf("%w: %w", wait, err), true
	}
	if err == nil {
		return fmt.Errorf("%w: the server is stopped or overloaded, or something on the way drops what is sent", wait), false
	}
	return fmt.Errorf("%w: the server is stopped or overloaded, or something on the way drops what is sent; asked anew it does not answer either: %w", wait, err), false
}
