package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// errStopped is how the reader learns that the stage is closed; it is not reported.
var errStopped = errors.New("the stream was stopped")

// errReached ends a stream that was to be delivered up to a point only.
var errReached = errors.New("the stream reached its end")

// errOtherServer is mended by the next session, which compares anew.
const errOtherServer = retry.Passing("the address leads to another server than a moment ago, or it was promoted since")

// stopGrace is how long a batch that is being delivered may take after the task is told to stop.
const stopGrace = 10 * time.Second

// stream delivers the slot's changes from a position on: for ever, or until all transactions that committed before until
// are durable. It returns nil when ctx ends.
func (s *session) stream(ctx context.Context, at pgrepl.Position, until pgrepl.LSN) error {
	repl, err := s.replication(ctx)
	if err != nil {
		return err
	}
	defer repl.Close(context.WithoutCancel(ctx))
	// The position was compared with the server that the session found; this connection may have come to another one.
	if system, err := s.identify(ctx, repl); err != nil {
		return err
	} else if system.ID != s.system.ID || s.system.Timeline != 0 && system.Timeline != s.system.Timeline {
		return errOtherServer
	}
	r := &reader{session: s, resume: at, until: until, encoders: newEncoders(s), aux: change.NewAuxiliary(&s.events), beats: change.NewAuxiliary(&s.events)}
	defer r.close()
	s.history.Rewind(at)
	if r.decoder, err = s.decoder(r); err != nil {
		return err
	}
	conn, err := s.begin(ctx, repl, at.Commit, r.decoder)
	if pgrepl.UnknownOption(err, "numeric-data-types-as-string") {
		s.env.Logger.Warn("This version of wal2json sends NaN and infinities as null; pgoutput (plugin.name=pgoutput, with a new slot) sends them as they are.")
		s.plainNumbers = true
		if r.decoder, err = s.decoder(r); err != nil {
			return err
		}
		conn, err = s.begin(ctx, repl, at.Commit, r.decoder)
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.Run(s.statusTimes())
	r.conn, r.stage = conn, newStage(at, s.spec.Delivery.BatchEvents, s.spec.Delivery.BatchBytes)
	r.saved = at.Commit
	signals := s.producer.saved.signalOffset
	r.incremental = newIncremental(s, s.producer.saved.incremental)
	r.incremental.next()

	if until == 0 && !s.read {
		if err := r.skips(); err != nil {
			return err
		}
	}
	g, gctx := contain.WithContext(ctx)
	r.ctx = gctx
	s.board.streaming(r, at)
	s.env.Retrying(nil)
	stop := context.AfterFunc(gctx, func() {
		contain.Run("end of the stream", func() {
			s.env.Doing("Kafka to take the last batch")
			conn.Interrupt()
			r.stage.close()
		}, s.untold)
	})
	defer stop()
	finish, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(gctx, func() { time.AfterFunc(stopGrace, cancel) })()
	g.Go("reader of the stream", r.run)
	g.Go("deliverer of the stream", func() error { return s.deliverStaged(finish, conn, r.stage) })
	g.Go("heartbeat", func() error { return s.beat(gctx, r) })
	g.Go("watch of the server", func() error { s.listen(gctx, conn); return nil })
	if until == 0 {
		g.Go("incremental snapshot", func() error { return r.incremental.runChunks(gctx) })
		g.Go("signal topic", func() error { return r.followSignals(gctx, signals) })
	}
	err = g.Wait()
	if ctx.Err() != nil || errors.Is(err, errReached) {
		return nil
	}
	if lsn, is := pgrepl.UnsendableAt(err); is {
		conn.Close()
		return s.unsendable(ctx, lsn, err)
	}
	return err
}

func (s *session) statusTimes() pgrepl.StatusTimes {
	t := pgrepl.StatusTimes{Interval: max(s.spec.Slot.StatusInterval, 10*time.Millisecond), Confirm: 50 * time.Millisecond}
	if d := s.server.SenderTimeout; d > 0 {
		t.Interval = min(t.Interval, d/3)
		t.Silence = max(2*d, 10*time.Second)
	}
	return t
}

// begin starts the slot's stream.
func (s *session) begin(ctx context.Context, repl *pgrepl.Session, at pgrepl.LSN, decoder pgrepl.Decoder) (conn *pgrepl.Stream, err error) {
	err = s.asking("start the stream of slot "+s.spec.Slot.Name, func() (err error) {
		conn, err = repl.Start(ctx, s.spec.Slot.Name, at, decoder.PluginArgs())
		return err
	})
	return conn, err
}

// deliverStaged writes batches as the stage hands them over, commits them and confirms what is durable. While batches
// follow each other closely they share a Kafka transaction, for transactionSpan at most: readers of uncommitted records get
// them at once, and the cost of a commit is paid once for all.
func (s *session) deliverStaged(ctx context.Context, conn *pgrepl.Stream, stage *stage) error {
	var sum tally
	for {
		b := stage.take()
		if b == nil {
			return s.producer.Commit(ctx)
		}
		next := s.producer.saved
		next.at = b.at
		if b.transactions > 0 {
			next.txID, next.commitTime = b.txID, b.commitTime
		}
		if b.incremental != nil {
			next.incremental = b.incremental
		}
		if b.signalOffset != nil {
			next.signalOffset = b.signalOffset
		}
		s.fail.Pass("before_produce")
		sum.add(b)
		err := s.noticing(sum.records, func() error {
			if err := s.producer.write(ctx, b, next); err != nil {
				return err
			}
			if stage.written(b) && time.Since(sum.began) < transactionSpan {
				return nil
			}
			return s.producer.Commit(ctx)
		})
		if err != nil {
			stage.close()
			return err
		}
		if !s.producer.Durable() {
			continue
		}
		s.delivered(&sum)
		sum.reset()
		s.fail.Pass("after_commit_before_status")
		if mark := stage.committed(); s.spec.Slot.Confirms {
			conn.Confirm(mark)
		}
		s.producer.Settle(ctx)
	}
}

// transactionSpan is for how long batches join an open Kafka transaction. The records of a longer one would reach readers
// of committed records that much later.
const transactionSpan = 20 * time.Millisecond

// slowDelivery is after how long an unacknowledged batch counts as trouble worth showing.
const slowDelivery = 5 * time.Second

// noticing runs the writing of records; where the broker does not answer, which the client waits out, it says so meanwhile.
func (s *session) noticing(records int, write func() error) error {
	return s.telling(slowDelivery, write, func() error {
		what := "ended a transaction"
		if records > 0 {
			what = fmt.Sprintf("acknowledged %d records", records)
		}
		err := fmt.Errorf("wait for Kafka, which has not %s for %s: the broker is down or slow, or a topic was deleted", what, slowDelivery)
		if why := s.env.BrokersAway(); why != nil {
			err = fmt.Errorf("%w: %w", err, why)
		}
		return err
	})
}

// answerPatience is for how long a server may leave a question unanswered before that is worth showing.
const answerPatience = 5 * time.Second

// listen says while the server does not answer, which a connection alone does not tell: it stays open where the server is frozen, or
// where something on the way swallows what is sent.
func (s *session) listen(ctx context.Context, conn *pgrepl.Stream) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	silent := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		switch unanswered := conn.Unanswered(); {
		case unanswered > answerPatience:
			c := s.spec.Connection
			err := fmt.Errorf("wait for PostgreSQL at %s, which has not answered for %s: it is stopped or overloaded, decodes a large transaction, or something on the way drops what is sent",
				c.Addresses(), unanswered.Round(time.Second))
			s.board.slow(err)
			if !silent {
				s.env.Retrying(err)
				s.env.Logger.Warn(err.Error())
			}
			silent = true
		case silent:
			silent = false
			s.board.slow(nil)
			s.env.Retrying(nil)
			s.env.Logger.Info("PostgreSQL answers again")
		}
	}
}

// delivered tells board, metrics, traces and who waits for them about durable records.
func (s *session) delivered(t *tally) {
	now := time.Now()
	s.board.delivered(t, now, s.producer.Transactional())
	s.meters.delivered(t, now)
	s.traceDelivered(t, now)
	for _, v := range t.versions {
		s.env.Logger.Info("A table has a new version", "table", v.Table, "version", v.Number, "lsn", v.From.LSN.String(), "changes", v.Summary())
		if v.Number > 1 {
			s.env.Happened("SchemaChanged", fmt.Sprintf("table %s is version %d from LSN %s on, %s", v.Table, v.Number, v.From.LSN, v.Summary()))
		}
	}
	for _, c := range t.awaited {
		close(c)
	}
}

// decoder makes the decoder of the session's output plugin.
func (s *session) decoder(r *reader) (pgrepl.Decoder, error) {
	switch s.plugin {
	case spec.Pgoutput:
		o := pgrepl.PgoutputOptions{
			Publication: s.spec.Publication.Name, Protocol: s.protocol(), Messages: s.server.Major() >= 14, Extra: s.spec.Output.Parameters,
		}
		if o.Protocol >= 2 {
			r.spool = pgrepl.NewSpool("", s.spec.Output.SpoolBytes)
			o.Spool = r.spool
		}
		return pgrepl.NewPgoutput(o, s.catalog), nil
	case spec.Wal2JSON:
		return pgrepl.NewWal2JSON(pgrepl.Wal2JSONOptions{Format: s.spec.Output.Format, PlainNumbers: s.plainNumbers, Captured: s.spec.Tables.Read, Extra: s.spec.Output.Parameters}, s.catalog), nil
	case spec.Decoderbufs:
		r.spool = pgrepl.NewSpool("", s.spec.Output.SpoolBytes)
		return pgrepl.NewDecoderbufs(pgrepl.DecoderbufsOptions{Resume: r.resume, Captured: s.spec.Tables.Read, Spool: r.spool, Unidentified: s.unidentified, Extra: s.spec.Output.Parameters}, s.catalog), nil
	}
	return nil, retry.Permanent("plugin.name=%s is not supported; set plugin.name=pgoutput", s.plugin)
}

// protocol is the version of pgoutput's protocol to ask for: what is set, lowered to what the server knows.
func (s *session) protocol() int {
	most := 1
	switch v := s.server.Major(); {
	case v >= 16:
		most = 4
	case v == 15:
		most = 3
	case v == 14:
		most = 2
	}
	return min(s.spec.Output.Protocol, most)
}
