package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
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
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/schemas"
	"github.com/calypso-cdc/calypso/services/capture/internal/slot"
	"github.com/calypso-cdc/calypso/services/capture/internal/snapshot"
	starting "github.com/calypso-cdc/calypso/services/capture/internal/start"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
	"github.com/calypso-cdc/calypso/services/capture/internal/writer"
)

// session is one attempt of a task: from connecting to the first failure or the task's end.
type session struct {
	task *task
	// connections are those whose statements are watched. conn is the one for queries of the catalog;
	// the goroutine that runs the session uses it, and later the stream's reader.
	connections *connections.Set
	conn        *connections.Conn
	slot        *slot.Slot
	server      pgrepl.Server
	system      pgrepl.System
	producer    *deliver.Producer
	// writer writes through producer; nil until the session knows how far the connector is.
	writer *writer.Writer
	// progress is how far the connector is: the session's until it streams, then the deliverer's.
	progress *progress.Progress
	prepared *prepare.Preparation
	// oversized handles records that their topic does not take; nil where they stop the connector.
	oversized *encode.Oversized
	// read is true if the session began with a snapshot.
	read bool
	// again says why all tables are read once more after changes were lost; empty otherwise.
	again string
	// observer has the versions of the tables. The session loads them, adds those that a snapshot
	// shows before it runs, and then passes them to the stream's reader.
	observer schemas.Observer
}

func (t *task) session(ctx context.Context) error {
	s := &session{task: t, connections: connections.NewSet(t.spec.Connection, waiting{t})}
	watched, end := context.WithCancelCause(ctx)
	var watch contain.Waiting
	defer watch.Wait()
	defer end(nil)
	watch.Go("keeping of what events lack", func() { s.task.shown.Losses.Follow(watched) }, end)
	watch.Go("watch of statements", func() { s.connections.Watch(watched, end) }, end)
	err := s.run(watched)
	if cause := context.Cause(watched); cause != nil && ctx.Err() == nil {
		return cause
	}
	return err
}

func (s *session) run(ctx context.Context) error {
	t := s.task
	defer s.close()
	t.status.Observe(status.Connected{})
	if err := s.open(ctx); err != nil {
		return err
	}
	s.oversized = encode.NewOversized(ctx, encode.OversizedConfig{
		Set: t.spec.Oversized, Connector: t.env.Connector, Limits: s.producer.Limits(), Logger: t.env.Logger,
		Count: func(kind string) { t.status.Observe(status.Unconverted{Kind: kind}) },
	})
	saved, err := offsets.Read(ctx, t.env, t.spec.Prefix)
	if err != nil {
		return err
	}
	if s.progress = progress.Since(saved); saved != nil {
		t.status.Observe(status.TakenUp{At: saved.At})
	}
	if err := s.checkStandby(ctx); err != nil {
		return err
	}
	versions, err := s.loadHistory(ctx)
	if err != nil {
		return err
	}
	s.writer = writer.New(writer.Deps{
		Producer: s.producer, OffsetKey: offsets.Key(t.env.Connector, t.spec.Prefix), Versions: versions,
		Progress: s.progress,
		Report:   writing{s}, Fail: t.fail,
	})
	if s.prepared, err = prepare.Prepare(ctx, prepare.Deps{Spec: t.spec, Server: s.server, Conn: s.conn.Conn,
		Progress: s.progress, Save: s.save, Status: s.task.status, Log: t.env.Logger}); err != nil {
		return err
	}
	s.showTables()
	t.env.Started()
	at, err := s.start(ctx)
	if err != nil || ctx.Err() != nil {
		return err
	}
	if !s.task.spec.Snapshot.Streams {
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
	return s.slot.DropAtEnd(s.conn.Conn)
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
		found = append(found, s.describe(rel, version))
	}
	s.task.status.Observe(status.Found{Tables: found})
}

func (s *session) describe(rel *pgmodel.Relation, version int) status.Table {
	return status.Describe(rel, &s.task.events, s.prepared.Visibility().Of(rel), version)
}

// rules are the rules by which the session's tables are encoded.
func (s *session) rules() encode.Rules {
	return encode.Rules{Tables: s.task.spec.Tables, Events: &s.task.events, Encoding: s.server.Encoding,
		Oversized: s.oversized}
}

// open connects to the server and to the brokers at the same time: when many connectors start at
// once, each waits long for both. If both fail, the error is the server's.
func (s *session) open(ctx context.Context) error {
	producing, cancel := context.WithCancel(ctx)
	defer cancel()
	var unproduced error
	var opening contain.Waiting
	opening.Go("opening of the producer", func() { s.producer, unproduced = s.produce(producing) },
		func(err error) { unproduced = err })
	err := s.connect(ctx)
	if err != nil {
		cancel()
	}
	opening.Wait()
	if err != nil {
		return err
	}
	return unproduced
}

func (s *session) produce(ctx context.Context) (*deliver.Producer, error) {
	return deliver.Open(ctx, deliver.Config{Env: s.task.env, Settings: s.task.spec.Delivery,
		AtLeastOnce: s.task.delivery == AtLeastOnce, Fail: s.task.fail})
}

func (s *session) close() {
	if s.slot != nil {
		s.slot.Release(context.Background())
	}
	if s.producer != nil {
		s.producer.Close()
	}
	s.conn.Disconnect()
}

// connect checks that the server can be captured from at all.
func (s *session) connect(ctx context.Context) error {
	var err error
	if s.conn, err = s.connections.Dial(ctx, "answer a query of its catalog"); err != nil {
		return err
	}
	if s.task.spec.QueryTimeout > 0 {
		if _, err := s.conn.Exec(ctx, fmt.Sprintf("SET statement_timeout = %d",
			s.task.spec.QueryTimeout.Milliseconds())); err != nil {
			return fmt.Errorf("set statement_timeout: %w", err)
		}
	}
	if s.server, err = pgrepl.InspectServer(ctx, s.conn.Conn); err != nil {
		return err
	}
	if err := s.server.CheckWAL(); err != nil {
		return err
	}
	repl, err := s.connections.Replicate(ctx)
	if err != nil {
		return err
	}
	s.system, err = s.connections.Identify(ctx, repl)
	if s.server.InRecovery {
		// A standby follows promotions, and may be promoted itself while it streams, which does not end
		// the stream. It only sends what it has replayed, so that positions are always part of its
		// history and need no timeline.
		s.system.Timeline = 0
	}
	s.slot = slot.New(slot.Deps{
		Spec: s.task.spec, Connections: s.connections, Server: s.server, System: s.system, Log: s.task.env.Logger,
		Waits: func(why string) { s.task.status.Observe(status.Waits{Why: why}) }, NoticeFailed: s.task.noticeFailed,
		Unidentified: s.task.unidentified,
	}, repl)
	return err
}

// checkStandby checks that a standby can be captured from.
func (s *session) checkStandby(ctx context.Context) error {
	if !s.server.InRecovery {
		return nil
	}
	facts, err := s.facts(ctx)
	if err != nil {
		return err
	}
	return starting.Standby(s.server, facts)
}

// createSlot creates a slot, for pgoutput if the server does not have the plugin.
func (s *session) createSlot(ctx context.Context, name string, o pgrepl.SlotOptions) (*pgrepl.Session,
	pgrepl.NewSlot, error) {
	for {
		o.Plugin = string(s.prepared.Plugin())
		repl, created, err := s.slot.Create(ctx, name, o)
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
	source, xmin, err := snapshot.Look(ctx, s.connections, name)
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
		Spec: s.task.spec, Events: &s.task.events, Server: s.server, Relations: s.prepared.Relations(), Rules: s.rules(),
		Connections: s.connections, Notifier: s.notifier(),
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
func (s *session) loadHistory(ctx context.Context) (kept *schemas.Log, err error) {
	s.observer = schemas.Observer{Events: &s.task.events}
	s.observer.History, err = s.task.schemas.Read(ctx)
	if schemas.Absent(err) {
		err = s.task.schemas.Make(ctx)
	}
	switch {
	case err == nil:
		return &s.task.schemas, nil
	case retry.KafkaTransient(err):
		return nil, err
	}
	const remedy = "Make the compacted topic, with one partition, and let this worker read and write it."
	s.task.env.Logger.Warn("the versions of tables are not kept", "topic", s.task.env.Schemas.Topic, "err", err,
		"remedy", remedy)
	s.task.status.Observe(status.Worked{Work: status.VersionLog, Err: err, Remedy: remedy})
	return nil, nil
}
