package slot

import (
	"context"
	"log/slog"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/connections"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// Deps are what a slot works with.
type Deps struct {
	Spec        *spec.Spec
	Connections *connections.Set
	Server      pgrepl.Server
	// System is the server that positions were compared with.
	System pgrepl.System
	Log    *slog.Logger
	// Waits gets what the creation of a slot waits for, NoticeFailed the panic of Waits as an
	// error.
	Waits        func(why string)
	NoticeFailed func(error)
	// Unidentified gets a change for which the plugin left out what identifies the row.
	Unidentified func(pgrepl.Table)
}

// Slot is a connector's slot.
type Slot struct {
	d Deps
	// first is the replication connection that the session began with; nil once something has taken
	// it.
	first *pgrepl.Session
	// plainNumbers says that the server's wal2json cannot send numbers as strings.
	plainNumbers bool
}

// New is the slot of a session that began with a replication connection.
func New(d Deps, first *pgrepl.Session) *Slot { return &Slot{d: d, first: first} }

// connection returns a replication connection: the one that the session began with, if nothing has
// taken it yet.
func (s *Slot) connection(ctx context.Context) (*pgrepl.Session, error) {
	if first := s.first; first != nil {
		s.first = nil
		return first, nil
	}
	return s.d.Connections.Replicate(ctx)
}

// Release closes the connection that the session began with, if it will not be needed soon: the
// server has few.
func (s *Slot) Release(ctx context.Context) {
	if s.first != nil {
		s.first.Close(context.WithoutCancel(ctx))
		s.first = nil
	}
}

// Timelines asks the server for the history of its timelines.
func (s *Slot) Timelines(ctx context.Context) (pgrepl.Timelines, error) {
	repl, err := s.d.Connections.Replicate(ctx)
	if err != nil {
		return nil, err
	}
	defer repl.Close(context.WithoutCancel(ctx))
	var all pgrepl.Timelines
	err = s.d.Connections.Asking("tell its history", func() (err error) {
		all, err = repl.Timelines(ctx, s.d.System)
		return err
	})
	return all, err
}
