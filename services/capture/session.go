package capture

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/connections"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
	"github.com/calypso-cdc/calypso/services/capture/internal/notify"
	"github.com/calypso-cdc/calypso/services/capture/internal/offsets"
	"github.com/calypso-cdc/calypso/services/capture/internal/prepare"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/registries"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/schemas"
	"github.com/calypso-cdc/calypso/services/capture/internal/slot"
	"github.com/calypso-cdc/calypso/services/capture/internal/snapshot"
	starting "github.com/calypso-cdc/calypso/services/capture/internal/start"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
	"github.com/calypso-cdc/calypso/services/capture/internal/writer"
)

// session is one attempt of a task once the server is prepared, up to the first failure or the task's end.
type session struct {
	task     *task
	upstream *upstream
	// progress is how far the connector is: the session's until it streams, then the deliverer's.
	progress *progress.Progress
	writer   *writer.Writer
	prepared *prepare.Preparation
	// oversized handles records that their topic does not take; nil where they stop the connector.
	oversized *encode.Oversized
	// observer has the versions of the tables. The session adds those that a snapshot shows before it
	// runs, and then passes them to the stream's reader.
	observer schemas.Observer
	// read is true if the session began with a snapshot.
	read bool
	// again says why all tables are read once more after changes were lost; empty otherwise.
	again string
}

// upstream is the server that a session captures from.
type upstream struct {
	// connections are those whose statements are watched. conn is the one for queries of the catalog;
	// the goroutine that runs the session uses it, and later the stream's reader.
	connections *connections.Set
	conn        *connections.Conn
	server      pgrepl.Server
	slot        *slot.Slot
}

func (t *task) session(ctx context.Context) error {
	set := connections.NewSet(t.spec.Connection, waiting{t})
	watched, end := context.WithCancelCause(ctx)
	var watch contain.Waiting
	defer watch.Wait()
	defer end(nil)
	watch.Go("keeping of what events lack", func() { t.shown.Losses.Follow(watched) }, end)
	watch.Go("watch of statements", func() { set.Watch(watched, end) }, end)
	asked := registries.Watch{Key: t.events.Key, Value: t.events.Value, Worker: t.env.WorkerID, Status: t.status}
	watch.Go("watch of schema registries", func() { asked.Run(watched) }, end)
	err := t.attempt(watched, set)
	if cause := context.Cause(watched); cause != nil && ctx.Err() == nil {
		return cause
	}
	return err
}

// attempt connects, prepares a session and runs it.
func (t *task) attempt(ctx context.Context, set *connections.Set) error {
	t.status.Observe(status.Connected{})
	from, producer, err := t.open(ctx, set)
	if err != nil {
		return err
	}
	defer from.conn.Disconnect()
	defer producer.Close()
	defer from.slot.Release(context.WithoutCancel(ctx))
	s, err := t.prepare(ctx, from, producer)
	if err != nil {
		return err
	}
	s.showTables()
	t.env.Started()
	return s.run(ctx)
}

// prepare takes up the connector where its last session ended, and prepares the server.
func (t *task) prepare(ctx context.Context, from *upstream, producer *deliver.Producer) (*session, error) {
	oversized := encode.NewOversized(ctx, encode.OversizedConfig{
		Set: t.spec.Oversized, Connector: t.env.Connector, Limits: producer.Limits(), Logger: t.env.Logger,
		Count: func(kind string) { t.status.Observe(status.Unconverted{Kind: kind}) },
	})
	saved, err := offsets.Read(ctx, t.env, t.spec.Prefix)
	if err != nil {
		return nil, err
	}
	reached := progress.Since(saved)
	if saved != nil {
		t.status.Observe(status.TakenUp{At: saved.At})
	}
	if err := t.checkStandby(ctx, from, reached); err != nil {
		return nil, err
	}
	past, versions, err := t.loadHistory(ctx)
	if err != nil {
		return nil, err
	}
	saver := writer.Saver{Producer: producer, OffsetKey: offsets.Key(t.env.Connector, t.spec.Prefix),
		Versions: versions, Progress: reached}
	prepared, err := prepare.Prepare(ctx, prepare.Deps{Spec: t.spec, Server: from.server, Conn: from.conn.Conn,
		Progress: reached, Status: t.status, Log: t.env.Logger,
		Save: func(ctx context.Context, c progress.Checkpoint) error { return saver.Save(ctx, new(buffer.Batch), c) }})
	if err != nil {
		return nil, err
	}
	return &session{task: t, upstream: from, progress: reached, prepared: prepared, oversized: oversized,
		observer: schemas.Observer{Events: &t.events, History: past},
		writer:   writer.New(saver, writing{t, prepared.Visibility(), producer}, t.fail)}, nil
}

// run starts as the plan says, and streams until ctx ends.
func (s *session) run(ctx context.Context) error {
	t := s.task
	at, err := s.start(ctx)
	if err != nil || ctx.Err() != nil {
		return err
	}
	if !t.spec.Snapshot.Streams {
		t.status.Observe(status.Completed{})
		<-ctx.Done()
		return nil
	}
	if !retry.Sleep(ctx, t.spec.Snapshot.StreamDelay) {
		return nil
	}
	if err := s.stream(ctx, at, 0); err != nil || ctx.Err() == nil {
		return err
	}
	return s.upstream.slot.DropAtEnd(s.upstream.conn.Conn)
}

// showTables reports which tables the session has found.
func (s *session) showTables() {
	var found []status.Table
	for _, rel := range s.prepared.Relations() {
		table := pgrepl.Table{Schema: rel.Schema, Name: rel.Name}
		if !s.task.spec.Tables.Captured(table) {
			continue
		}
		version := 0
		if v := s.observer.History.Latest(table.String()); v != nil {
			version = v.Number
		}
		found = append(found, describe(s.task, s.prepared.Visibility(), rel, version))
	}
	s.task.status.Observe(status.Found{Tables: found})
}

// rules are the rules by which the session's tables are encoded.
func (s *session) rules() encode.Rules {
	return encode.Rules{Tables: s.task.spec.Tables, Events: &s.task.events, Encoding: s.upstream.server.Encoding,
		Oversized: s.oversized}
}

// open connects to the server and to the brokers at the same time: when many connectors start at
// once, each waits long for both. If both fail, the error is the server's.
func (t *task) open(ctx context.Context, set *connections.Set) (*upstream, *deliver.Producer, error) {
	producing, cancel := context.WithCancel(ctx)
	defer cancel()
	var producer *deliver.Producer
	var unproduced error
	var opening contain.Waiting
	opening.Go("opening of the producer", func() { producer, unproduced = t.produce(producing) },
		func(err error) { unproduced = err })
	from, err := t.connect(ctx, set)
	if err != nil {
		cancel()
	}
	opening.Wait()
	switch {
	case err != nil && producer != nil:
		producer.Close()
	case err == nil && unproduced != nil:
		from.slot.Release(context.WithoutCancel(ctx))
		from.conn.Disconnect()
	}
	return from, producer, cmp.Or(err, unproduced)
}

func (t *task) produce(ctx context.Context) (*deliver.Producer, error) {
	return deliver.Open(ctx, deliver.Config{Env: t.env, Settings: t.spec.Delivery,
		AtLeastOnce: t.delivery == AtLeastOnce, Fail: t.fail})
}

// connect checks that the server can be captured from at all.
func (t *task) connect(ctx context.Context, set *connections.Set) (_ *upstream, err error) {
	conn, err := set.Dial(ctx, "answer a query of its catalog")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			conn.Disconnect()
		}
	}()
	if t.spec.QueryTimeout > 0 {
		if _, err := conn.Exec(ctx, fmt.Sprintf("SET statement_timeout = %d",
			t.spec.QueryTimeout.Milliseconds())); err != nil {
			return nil, fmt.Errorf("set statement_timeout: %w", err)
		}
	}
	server, err := pgrepl.InspectServer(ctx, conn.Conn)
	if err != nil {
		return nil, err
	}
	if err := server.CheckWAL(); err != nil {
		return nil, err
	}
	opened, err := slot.Open(ctx, slot.Deps{
		Spec: t.spec, Connections: set, Server: server, Log: t.env.Logger,
		Waits: func(why string) { t.status.Observe(status.Waits{Why: why}) }, NoticeFailed: t.noticeFailed,
		Unidentified: t.unidentified,
	})
	if err != nil {
		return nil, err
	}
	return &upstream{connections: set, conn: conn, server: server, slot: opened}, nil
}

// checkStandby checks that a standby can be captured from.
func (t *task) checkStandby(ctx context.Context, from *upstream, reached *progress.Progress) error {
	if !from.server.InRecovery {
		return nil
	}
	facts, err := factsOf(ctx, t.spec, from, reached, "") // the plugin is not chosen yet
	if err != nil {
		return err
	}
	return starting.Standby(from.server, facts)
}

// createSlot creates a slot, for pgoutput if the server does not have the plugin.
func (s *session) createSlot(ctx context.Context, name string, o pgrepl.SlotOptions) (*pgrepl.Session,
	pgrepl.NewSlot, error) {
	for {
		o.Plugin = string(s.prepared.Plugin())
		repl, created, err := s.upstream.slot.Create(ctx, name, o)
		if !starting.FallsBack(s.prepared.Plugin(), err) {
			return repl, created, err
		}
		if err := s.prepared.FallBack(ctx, err); err != nil {
			return nil, pgrepl.NewSlot{}, err
		}
	}
}

// snapshot reads what an unfinished snapshot left of the tables, or all of them, and makes its
// completion durable.
func (s *session) snapshot(ctx context.Context, name string, at pgrepl.Position, unfinished *progress.Snapshot,
	release func()) error {
	if !retry.Sleep(ctx, s.task.spec.Snapshot.Delay) {
		return nil
	}
	source, xmin, err := snapshot.Look(ctx, s.upstream.connections, name)
	if err != nil {
		return err
	}
	source.LSN, source.HasLSN = uint64(at.Commit), true
	unfinished = unfinished.Under(xmin)
	s.progress.Reads(unfinished)
	tables := s.prepared.Readable()
	oids := make([]uint32, len(tables))
	for i, t := range tables {
		oids[i] = t.OID
	}
	members, err := s.prepared.Catalog().Members(oids)
	if err != nil {
		return err
	}
	queue := snapshot.Plan(s.task.spec, tables, members, unfinished)
	for _, t := range queue.Tables() {
		if t.Again != "" {
			s.task.env.Logger.Warn("a table that a snapshot had begun to read is read again from its beginning, "+
				"so that rows of it come twice", "table", t.Name, "because", t.Again)
		}
	}
	s.task.status.Observe(status.SnapshotBegan{Tables: toRead(queue), Why: s.again})
	n := snapshot.New(snapshot.Deps{
		Spec: s.task.spec, Events: &s.task.events, Server: s.upstream.server, Relations: s.prepared.Relations(),
		Rules: s.rules(), Connections: s.upstream.connections, Notifier: s.notifier(),
		Writer: s.writer, Progress: s.progress, Fail: s.task.fail,
	}, snapshot.Exported{Name: name, Source: source, Release: release}, queue, s.observe(queue, at, source))
	if err := n.Run(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	last, events := new(buffer.Batch), &s.task.events
	err = s.notifier().Initial(debezium.NewNotificationEncoder(events), &last.Events, notify.Completed)
	if err != nil {
		return err
	}
	if s.task.spec.Heartbeat.Interval > 0 {
		if err := debezium.NewHeartbeatEncoder(events).Append(&last.Events, time.Now().UnixNano()); err != nil {
			return fmt.Errorf("write the heartbeat that ends a snapshot: %w", err)
		}
	}
	if err := s.writer.Save(ctx, last, s.progress.Finish(at)); err != nil {
		return err
	}
	s.task.status.Observe(status.SnapshotEnded{})
	s.task.env.Logger.Info("the snapshot is complete", "tables", len(queue.Tables()), "position", at.String())
	s.task.fail.Pass("between_snapshot_and_stream")
	return nil
}

// toRead lists the tables of a snapshot for the status.
func toRead(q *snapshot.Queue) (out []status.TableSnapshot) {
	for _, t := range q.Tables() {
		out = append(out, status.TableSnapshot{Table: t.Name, Estimate: t.RowsEstimate, Ranges: t.Ranges})
	}
	return out
}

// observe notes what the tables of a snapshot look like at the position that it shows, and returns their new versions.
func (s *session) observe(queue *snapshot.Queue, at pgrepl.Position,
	source debezium.Source) (versions []buffer.Version) {
	point := history.Point{At: pgrepl.Position{SystemID: at.SystemID, Timeline: at.Timeline, Commit: at.Commit},
		LSN: at.Commit, Time: time.UnixMicro(source.CommitTime).UTC()}
	for _, t := range queue.Tables() {
		s.observer.Note(&versions, s.prepared.Relations()[t.OID], point)
	}
	return versions
}

func (s *session) notifier() notify.Notifier { return notify.New(s.task.spec, s.task.env.Logger) }

// save makes a checkpoint durable on its own.
func (s *session) save(ctx context.Context, c progress.Checkpoint) error {
	return s.writer.Save(ctx, new(buffer.Batch), c)
}

// loadHistory reads the versions that the tables have had, and returns where new ones are kept; nil
// if the topic for them cannot be used, in which case the connector works without it.
func (t *task) loadHistory(ctx context.Context) (past *history.History, kept *schemas.Log, err error) {
	past, err = t.schemas.Read(ctx)
	if schemas.Absent(err) {
		err = t.schemas.Make(ctx)
	}
	switch {
	case err == nil:
		return past, &t.schemas, nil
	case retry.KafkaTransient(err):
		return nil, nil, err
	}
	const remedy = "Make the compacted topic, with one partition, and let this worker read and write it."
	t.env.Logger.Warn("the versions of tables are not kept", "topic", t.env.Schemas.Topic, "err", err,
		"remedy", remedy)
	t.status.Observe(status.Worked{Work: status.VersionLog, Err: err, Remedy: remedy})
	return past, nil, nil
}
