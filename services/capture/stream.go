package capture

import (
	"context"
	"errors"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
	"github.com/calypso-cdc/calypso/services/capture/internal/notify"
	"github.com/calypso-cdc/calypso/services/capture/internal/signaltable"
	"github.com/calypso-cdc/calypso/services/capture/internal/slot"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
	"github.com/calypso-cdc/calypso/services/capture/internal/stream"
	"github.com/calypso-cdc/calypso/services/capture/internal/writer"
)

// stopGrace is how long a batch that is being delivered may take after the task is told to stop.
const stopGrace = 10 * time.Second

// stream delivers the slot's changes from a position on: for ever, or until all transactions that
// committed before until are durable. It returns nil when ctx ends.
func (s *session) stream(ctx context.Context, at pgrepl.Position, until pgrepl.LSN) error {
	target := slot.Target{Plugin: s.prepared.Plugin(), Catalog: s.prepared.Catalog()}
	from, err := s.upstream.slot.Stream(ctx, target, at)
	if err != nil {
		return err
	}
	defer from.End(ctx)
	conn := from.Conn
	s.observer.History.Rewind(at)
	batches := buffer.New(at, s.task.spec.Delivery.BatchEvents, s.task.spec.Delivery.BatchBytes)
	if until == 0 && !s.read {
		if err := s.tellSkipped(batches); err != nil {
			return err
		}
	}
	g, gctx := contain.WithContext(ctx)
	saved := s.progress.Checkpoint()
	chunks := incremental.New(gctx, incremental.Deps{
		Spec: s.task.spec, Events: &s.task.events, Server: s.upstream.server, System: s.upstream.slot.System(),
		Plugin: s.prepared.Plugin(), Tables: encode.NewCache(s.rules()), Buffer: batches, Connections: s.upstream.connections,
		Notifier: s.notifier(), Observer: s.observer, Kafka: s.task.env.Kafka, Unprocessable: s.task.unprocessable,
		Status: s.task.status, Happened: s.task.env.Happened, Log: s.task.env.Logger,
	}, saved.Incremental)
	reader := stream.NewReader(stream.Deps{
		Events: &s.task.events, Buffer: batches, Tables: encode.NewCache(s.rules()), Oversized: s.oversized,
		Incremental: chunks, System: s.upstream.slot.System(), Observer: s.observer,
		Unprocessable: s.task.unprocessable, Happened: s.task.env.Happened, Log: s.task.env.Logger, Fail: s.task.fail,
	}, from.Decoder, at, until)
	endpoint := s.task.registry.endpoints.Open(s.task.env.Connector)
	defer endpoint.Close()
	holds := func() int64 { return conn.Holds() + int64(batches.Load().Bytes) }
	s.task.memory.Store(&holds)
	defer s.task.memory.Store(nil)
	s.task.status.Observe(status.StreamBegan{At: at, Slot: s.task.spec.Slot.Name, Incremental: chunks.Progress(),
		Counters: counters(conn, batches)})
	s.task.env.Retrying(nil)
	stop := context.AfterFunc(gctx, func() {
		contain.Run("end of the stream", func() {
			s.task.env.Doing("Kafka to take the last batch")
			conn.Interrupt()
			batches.Close()
		}, s.task.noticeFailed)
	})
	defer stop()
	finish, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(gctx, func() { time.AfterFunc(stopGrace, cancel) })()
	g.Go("reader of the stream", func() error { return reader.Run(conn, s.task.spec.Slot.Name) })
	g.Go("deliverer of the stream", func() error { return s.deliverBuffered(finish, conn, batches) })
	g.Go("commands", func() error { return endpoint.Serve(gctx, chunks.Request) })
	g.Go("heartbeat", func() error {
		return stream.Heartbeats{Spec: s.task.spec.Heartbeat, Buffer: batches, Connections: s.upstream.connections,
			Status: s.task.status, Log: s.task.env.Logger}.Run(gctx, &s.task.events)
	})
	g.Go("watch of the server", func() error {
		s.upstream.connections.Listen(gctx, conn)
		return nil
	})
	if until == 0 {
		g.Go("incremental snapshot", func() error { return chunks.Run(gctx) })
		g.Go("watch of the signal table", func() error {
			signaltable.Watch(gctx, s.task.spec, s.prepared.Plugin(), s.task.status)
			return nil
		})
		g.Go("signal topic", func() error { return chunks.Follow(gctx, saved.SignalOffset) })
	}
	err = g.Wait()
	if ctx.Err() != nil || errors.Is(err, stream.ErrReached) {
		return nil
	}
	if lsn, is := pgrepl.UnsendableAt(err); is {
		conn.Close()
		return s.upstream.slot.Unsendable(ctx, target, lsn, err)
	}
	return err
}

// counters makes a function that reads the counters of a stream, while it runs and after it has
// ended.
func counters(conn *pgrepl.Stream, batches *buffer.Buffer) func() status.Counters {
	return func() status.Counters {
		load := batches.Load()
		return status.Counters{
			Received: conn.Received(), Confirmed: conn.Confirmed(), WALBytes: int64(conn.Bytes()),
			Bytes: load.Bytes, Transactions: load.Transactions, Waited: load.Waited,
		}
	}
}

// tellSkipped sends the notification that the session streams without a snapshot.
func (s *session) tellSkipped(batches *buffer.Buffer) error {
	b := batches.Fill()
	defer batches.Unlock()
	return s.notifier().Initial(debezium.NewNotificationEncoder(&s.task.events), &b.Events, notify.Skipped)
}

// deliverBuffered writes batches as the buffer hands them over, and confirms what is durable.
func (s *session) deliverBuffered(ctx context.Context, conn *pgrepl.Stream, from *buffer.Buffer) error {
	for {
		b := from.Take()
		if b == nil {
			return s.writer.Commit(ctx)
		}
		durable, err := s.writer.Write(ctx, b, s.progress.Take(b.Step()), writer.ForChanges,
			func() (more bool) { return from.Written(b) })
		if err != nil {
			from.Close()
			return err
		}
		if !durable {
			continue
		}
		s.task.fail.Pass("after_commit_before_status")
		if s.task.spec.Slot.Confirms {
			conn.Confirm(s.progress.Durable())
		}
		from.Committed()
		s.writer.Settle(ctx)
	}
}
