package connections

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/watchdog"
)

// Set is a session's connections.
type Set struct {
	config pgrepl.Config
	report Report

	mu   sync.Mutex
	open map[*Conn]bool // guarded by mu
}

// NewSet makes a set of connections to one server; report gets what they wait for.
func NewSet(config pgrepl.Config, report Report) *Set {
	return &Set{config: config, report: report, open: make(map[*Conn]bool)}
}

// Conn is a connection of a set.
type Conn struct {
	*pgx.Conn
	set     *Set
	backend pgrepl.Backend

	mu  sync.Mutex
	use string // guarded by mu
}

// Dial opens a connection; use says what for, as part of "wait for PostgreSQL to …".
func (s *Set) Dial(ctx context.Context, use string) (*Conn, error) {
	c := &Conn{set: s, use: use}
	err := s.Asking("open a connection to "+use, func() (err error) {
		if c.Conn, err = s.config.Connect(ctx); err != nil {
			return err
		}
		if c.backend, err = s.config.BackendOf(ctx, c.Conn); err != nil {
			pgrepl.Disconnect(c.Conn)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[c] = true
	return c, nil
}

// Replicate opens a connection of the replication protocol, which is not watched.
func (s *Set) Replicate(ctx context.Context) (repl *pgrepl.Session, err error) {
	err = s.Asking("open a replication connection", func() (err error) {
		repl, err = pgrepl.OpenSession(ctx, s.config)
		return err
	})
	return repl, err
}

// Identify asks the server at the other end of a replication connection who it is.
func (s *Set) Identify(ctx context.Context, repl *pgrepl.Session) (system pgrepl.System, err error) {
	err = s.Asking("say who it is", func() (err error) {
		system, err = repl.Identify(ctx)
		return err
	})
	return system, err
}

// Asking runs a call over a connection that nothing watches, and reports what it waits for if it
// takes long.
func (s *Set) Asking(what string, ask func() error) error {
	return watchdog.Run(Patience, ask, watchdog.Reports{
		Slow: func() {
			s.report.Waits(Wait{New: true,
				Err: fmt.Errorf(
					"wait for PostgreSQL at %s to %s; nothing has come for %s: the server is stopped or overloaded, a statement of database.initial.statements takes long, or something on the way drops what is sent",
					s.config.Addresses(), what, Patience)})
		},
		Succeeded: s.report.Answers, Failed: s.report.NoticeFailed,
	})
}

// Uses says what the connection is used for now.
func (c *Conn) Uses(use string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.use = use
}

func (c *Conn) usedFor() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.use
}

// Disconnect closes the connection; it does nothing for nil.
func (c *Conn) Disconnect() {
	if c == nil {
		return
	}
	c.set.mu.Lock()
	delete(c.set.open, c)
	c.set.mu.Unlock()
	pgrepl.Disconnect(c.Conn)
}

// longest returns the connection that has waited longest, and since when; nil if none waits.
func (s *Set) longest() (longest *Conn, since time.Time) {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.open))
	s.mu.Unlock()
	for _, c := range all {
		if at := pgrepl.WaitsSince(c.Conn); !at.IsZero() && (longest == nil || at.Before(since)) {
			longest, since = c, at
		}
	}
	return longest, since
}
