package slot

import (
	"context"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// errOtherServer is retried: the next session compares positions with the server again.
const errOtherServer = retry.Passing("the address leads to another server than a moment ago, or it was promoted since")

// Target is what a stream is read with.
type Target struct {
	Plugin  spec.Plugin
	Catalog *pgrepl.Catalog
}

// Stream is the slot's stream.
type Stream struct {
	Conn    *pgrepl.Stream
	Decoder pgrepl.Decoder

	repl  *pgrepl.Session
	spool *pgrepl.Spool
}

// Stream has the server send the slot's changes from a position on.
func (s *Slot) Stream(ctx context.Context, t Target, at pgrepl.Position) (*Stream, error) {
	repl, err := s.connection(ctx)
	if err != nil {
		return nil, err
	}
	out := &Stream{repl: repl}
	// The position was compared with the server that the session found; this connection may have come to another one.
	system, err := s.d.Connections.Identify(ctx, repl)
	if err == nil && (system.ID != s.system.ID || s.system.Timeline != 0 && system.Timeline != s.system.Timeline) {
		err = errOtherServer
	}
	if err == nil {
		out.Conn, out.Decoder, out.spool, err = s.start(ctx, repl, t, at)
	}
	if err != nil {
		repl.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	out.Conn.Run(s.statusTimes())
	return out, nil
}

// End closes the stream and what it was read with. Conn may have been closed before.
func (s *Stream) End(ctx context.Context) {
	s.Conn.Close()
	s.spool.Close()
	s.repl.Close(context.WithoutCancel(ctx))
}

func (s *Slot) start(ctx context.Context, repl *pgrepl.Session, t Target, at pgrepl.Position) (*pgrepl.Stream,
	pgrepl.Decoder, *pgrepl.Spool, error) {
	decoder, spool, err := s.decoder(t, at)
	if err != nil {
		return nil, nil, nil, err
	}
	conn, err := s.begin(ctx, repl, at.Commit, decoder)
	if pgrepl.UnknownOption(err, "numeric-data-types-as-string") {
		s.d.Log.Warn(
			"this version of wal2json sends NaN and infinities as null; pgoutput (plugin.name=pgoutput, with a new slot) sends them as they are.")
		s.plainNumbers = true
		if decoder, spool, err = s.decoder(t, at); err != nil {
			return nil, nil, nil, err
		}
		conn, err = s.begin(ctx, repl, at.Commit, decoder)
	}
	return conn, decoder, spool, err
}

func (s *Slot) statusTimes() pgrepl.StatusTimes {
	t := pgrepl.StatusTimes{Interval: max(s.d.Spec.Slot.StatusInterval, 10*time.Millisecond),
		Confirm: 50 * time.Millisecond}
	if d := s.d.Server.SenderTimeout; d > 0 {
		t.Interval = min(t.Interval, d/3)
		t.Silence = max(2*d, 10*time.Second)
	}
	return t
}

// begin starts the slot's stream.
func (s *Slot) begin(ctx context.Context, repl *pgrepl.Session, at pgrepl.LSN,
	decoder pgrepl.Decoder) (conn *pgrepl.Stream, err error) {
	err = s.d.Connections.Asking("start the stream of slot "+s.d.Spec.Slot.Name, func() (err error) {
		conn, err = repl.Start(ctx, s.d.Spec.Slot.Name, at, decoder.PluginArgs())
		return err
	})
	return conn, err
}
