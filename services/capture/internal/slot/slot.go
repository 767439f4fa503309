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
	Log         *slog.Logger
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
	// system is the server that positions are compared with.
	system pgrepl.System
	// first is the replication connection that the session began with; nil once something has taken
	// it.
	first *pgrepl.Session
	// plainNumbers says that the server's wal2json cannot send numbers as strings.
	plainNumbers bool
}

// Open opens a replication connection, and asks the server who it is.
func Open(ctx context.Context, d Deps) (*Slot, error) {
	first, err := d.Connections.Replicate(ctx)
	if err != nil {
		return nil, err
	}
	system, err := d.Connections.Identify(ctx, first)
	if err != nil {
		first.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	if d.Server.InRecovery {
		// A standby follows promotions, and may be promoted itself while it streams, which does not end
		// the stream. It only sends what it has replayed, so that positions are always part of its
		// history and need no timeline.
		system.Timeline = 0
	}
	return &Slot{d: d, system: system, first: first}, nil
}

// System is the server that positions are compared with; without a timeline if it is a standby.
func (s *Slot) System() pgrepl.System { return s.system }

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
		all, err = repl.Timelines(ctx, s.system)
		return err
	})
	return all, err
}
