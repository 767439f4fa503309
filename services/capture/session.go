package capture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// session is one attempt of a task: from connecting to the first failure or the task's end.
type session struct {
	*task
	conn *watched // for catalog queries, by the goroutine that runs the session and later the stream's reader
	// waits are the connections whose statements are watched.
	waits waits
	// repl is the replication connection that the session began with, for what needs one first; nil once that took it.
	repl     *pgrepl.Session
	server   pgrepl.Server
	system   pgrepl.System
	catalog  *pgrepl.Catalog
	tables   []pgrepl.FoundTable
	producer *producer
	plugin   spec.Plugin
	// plainNumbers says that the server's wal2json cannot send numbers as strings.
	plainNumbers bool
	// oversized handles records that their topic does not take; nil where they stop the connector.
	oversized *oversized
	// relations are the captured tables as the catalog has them; they do not change once snapshots read them.
	relations map[uint32]*change.Relation
	// hidden is what the server keeps from the connector, as of the session's start.
	hidden hidden
	// read says that the session began with a snapshot.
	read bool
	// again says why all tables are read once more after changes were lost; empty otherwise.
	again string
	// history is the versions of the tables: the start of the session reads it, then the snapshot adds to it before it runs, then
	// the stream's reader does.
	history *history.History
}

func (t *task) session(ctx context.Context) error {
	s := &session{task: t}
	watched, end := context.WithCancelCause(ctx)
	var watch contain.Waiting
	defer watch.Wait()
	defer end(nil)
	watch.Go("watch of statements", func() { s.watchStatements(watched, end) }, end)
	err := s.run(watched)
	if cause := context.Cause(watched); cause != nil && ctx.Err() == nil {
		return cause
	}
	return err
}

func (s *session) run(ctx context.Context) error {
	t := s.task
	defer s.close()
	t.board.connecting()
	if err := s.open(ctx); err != nil {
		return err
	}
	if o := t.spec.Oversized; o.Mode != spec.StopOversized {
		s.oversized = newOversized(ctx, o, s.producer.Limits(), t)
	}
	saved, err := s.producer.load(ctx, t.env, t.spec.Prefix)
	if err != nil {
		return err
	}
	if saved != nil {
		s.board.saved(saved.at)
	}
	if err := s.checkStandby(ctx, saved); err != nil {
		return err
	}
	if err := s.loadHistory(ctx); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	s.showTables()
	t.env.Started()
	at, err := s.start(ctx, saved)
	if err != nil || ctx.Err() != nil {
		return err
	}
	if !s.streams() {
		t.board.idle("The snapshot is complete and streaming is off (snapshot.mode).")
		<-ctx.Done()
		return nil
	}
	if !retry.Sleep(ctx, t.spec.Snapshot.StreamDelay) {
		return nil
	}
	if err := s.stream(ctx, at, 0); err != nil || ctx.Err() == nil {
		return err
	}
	return s.dropSlot()
}

// after is time.AfterFunc for what tells of something that takes long.
func (s *session) after(d time.Duration, tell func()) *time.Timer {
	return time.AfterFunc(d, func() { contain.Run("notice", tell, s.untold) })
}

func (s *session) untold(err error) {
	s.env.Logger.Error("What takes long, or ends, could not be told", "error", err)
}

// open connects to the server and to the brokers, at the same time: of many connectors that start at once each waits long for both.
// What the server says counts first.
func (s *session) open(ctx context.Context) error {
	producing, cancel := context.WithCancel(ctx)
	defer cancel()
	var unproduced error
	var opening contain.Waiting
	opening.Go("opening of the producer", func() { s.producer, unproduced = newProducer(producing, s.task) }, func(err error) { unproduced = err })
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

// replication is a replication connection, the one that the session began with if it is there still.
func (s *session) replication(ctx context.Context) (*pgrepl.Session, error) {
	if repl := s.repl; repl != nil {
		s.repl = nil
		return repl, nil
	}
	return s.replicate(ctx)
}

// closeReplication ends that connection where it will not be needed soon: the server has few.
func (s *session) closeReplication(ctx context.Context) {
	if s.repl != nil {
		s.repl.Close(context.WithoutCancel(ctx))
		s.repl = nil
	}
}

func (s *session) close() {
	s.closeReplication(context.Background())
	if s.producer != nil {
		s.producer.Close()
	}
	s.conn.hangUp()
}

// connect checks that the server can be captured from at all.
func (s *session) connect(ctx context.Context) error {
	var err error
	if s.conn, err = s.dial(ctx, "answer a query of its catalog"); err != nil {
		return err
	}
	if s.spec.QueryTimeout > 0 {
		if _, err := s.conn.Exec(ctx, fmt.Sprintf("SET statement_timeout = %d", s.spec.QueryTimeout.Milliseconds())); err != nil {
			return fmt.Errorf("set statement_timeout: %w", err)
		}
	}
	if s.server, err = pgrepl.InspectServer(ctx, s.conn.Conn); err != nil {
		return err
	}
	if err := s.server.CheckWAL(); err != nil {
		return err
	}
	if s.repl, err = s.replicate(ctx); err != nil {
		return err
	}
	s.system, err = s.identify(ctx, s.repl)
	if s.server.InRecovery {
		// A standby follows promotions, and its own may come amid a stream, which goes on. What it sends it has replayed, so that positions
		// need no timeline: they are part of its history.
		s.system.Timeline = 0
	}
	return err
}

// errPromotion is what a connector that has come somewhere waits for where it finds a standby that it cannot go on at.
const errPromotion = retry.Passing("if the standby is being promoted, the connector goes on with it")

// checkStandby looks whether a standby can be captured from. One without the slot of a connector that has come somewhere may be on its way
// to be the primary, which has the slot.
func (s *session) checkStandby(ctx context.Context, saved *checkpoint) error {
	if !s.server.InRecovery || !s.streams() {
		return nil
	}
	slot, err := pgrepl.InspectSlot(ctx, s.conn.Conn, s.server, s.spec.Slot.Name)
	if err != nil {
		return err
	}
	err = s.server.CheckStandby(slot)
	if err == nil && saved != nil && slot == nil {
		_, err = pgrepl.Resume(pgrepl.SlotName{Name: s.spec.Slot.Name}, nil, s.system, nil, saved.at)
	}
	if err != nil && saved != nil {
		err = fmt.Errorf("%w; %w", err, errPromotion)
	}
	return err
}

// prepare finds the tables and sets identities and the publication up.
func (s *session) prepare(ctx context.Context) error {
	s.catalog = pgrepl.NewCatalog(ctx, pgrepl.Query(s.conn.Conn), s.spec.Tables.Read)
	var err error
	if s.tables, err = s.catalog.Find(s.spec.Tables.Read); err != nil {
		return err
	}
	if err := s.checkTables(); err != nil {
		return err
	}
	if err := s.setIdentities(ctx); err != nil {
		return err
	}
	oids := make([]uint32, len(s.tables))
	for i, t := range s.tables {
		oids[i] = t.OID
	}
	if err := s.catalog.Load(oids); err != nil {
		return fmt.Errorf("read the captured tables from the catalog: %w", err)
	}
	s.relations = make(map[uint32]*change.Relation, len(oids))
	for _, oid := range oids {
		if rel := s.catalog.Relation(oid); rel != nil {
			s.relations[oid] = rel
		}
	}
	if s.plugin, err = s.choosePlugin(ctx); err != nil {
		return err
	}
	if err := s.publish(ctx); err != nil {
		return err
	}
	if s.hidden, err = findHidden(ctx, s.conn.Conn, s.server, s.spec, s.plugin == spec.Pgoutput && s.streams(), s.tables); err != nil {
		return err
	}
	for _, t := range s.tables {
		if rel := s.relations[t.OID]; rel != nil && s.spec.Tables.Captured(t.Table) {
			for _, text := range s.hidden.of(rel) {
				what, remedy := splitRemedy(text)
				s.env.Logger.Warn("Something of a captured table does not arrive", "table", t.String(), "what", what, "remedy", remedy)
			}
		}
	}
	return nil
}

// publish sets the publication up, if the plugin reads one, or may have to be left for one that does.
func (s *session) publish(ctx context.Context) error {
	if !s.streams() {
		return nil
	}
	if s.plugin != spec.Pgoutput {
		s.publishAhead(ctx)
		return nil
	}
	p := s.spec.Publication
	p.Tables, p.OnStandby = s.tables, s.server.InRecovery
	if err := s.fillBack(ctx, p); err != nil {
		return err
	}
	notes, err := pgrepl.EnsurePublication(ctx, s.conn.Conn, p)
	for _, n := range notes {
		s.env.Logger.Info(n)
	}
	return err
}

// fillBack plans the reading of tables that a running connector is about to add to its publication: what they hold already
// never came through the stream. The plan is durable before the publication changes.
func (s *session) fillBack(ctx context.Context, p pgrepl.Publication) error {
	saved := s.producer.saved
	if p.Mode != pgrepl.PublishFiltered || p.OnStandby || saved.at.Commit == 0 || saved.snapshot != nil || s.spec.Snapshot.Name == spec.NoData {
		return nil
	}
	missing, err := p.Missing(ctx, s.conn.Conn)
	if err != nil {
		return err
	}
	plan := incrementalProgress{}
	if saved.incremental != nil {
		plan = *saved.incremental
	}
	plan.Collections = slices.Clone(plan.Collections)
	for _, t := range missing {
		switch {
		case !s.spec.Tables.Snapshotted(t.Table) || t.Kind == 'p':
		case !s.marks():
			s.env.Logger.Warn("A table joins the capture, but rows that it holds already cannot be read: that needs signal.data.collection, or logical messages (PostgreSQL 14)", "table", t.String())
		case !t.HasKey:
			s.env.Logger.Warn("A table that joins the capture has no primary key: rows that it holds already are not read", "table", t.String())
		default:
			s.env.Logger.Info("A table joins the capture: rows that it holds already are read while the stream goes on", "table", t.String())
			plan.Collections = append(plan.Collections, collection{Table: t.Table, Estimate: t.RowEstimate})
		}
	}
	if len(plan.Collections) == 0 {
		return nil
	}
	saved.incremental = &plan
	return s.save(ctx, saved)
}

// marks says whether watermarks can be written that the stream brings back.
func (s *session) marks() bool {
	return !s.server.InRecovery && (s.spec.Signals.Table != "" && !s.spec.Signals.ReadOnly || s.server.Major() >= 14 && s.plugin == spec.Pgoutput || s.plugin == spec.Wal2JSON)
}

func (s *session) streams() bool { return s.spec.Snapshot.Streams }

// checkTables names what is wrong with the captured tables.
func (s *session) checkTables() error {
	f := s.spec.Tables
	var missing, uncaptured []string
	for _, re := range f.Include {
		name := re.String()
		if strings.ContainsAny(strings.ReplaceAll(name, `\.`, ""), `\*+?[](){}|^$`) {
			continue // a pattern may match tables that do not exist yet
		}
		found := false
		for _, t := range s.tables {
			found = found || re.Matches(t.String())
		}
		if found {
			continue
		}
		others, err := s.catalog.FindUncaptured(func(t pgrepl.Table) bool { return re.Matches(t.String()) })
		if err != nil {
			return err
		}
		missing = append(missing, strings.ReplaceAll(name, `\.`, "."))
		if last := len(missing) - 1; f.Ignores(missing[last]) {
			s.env.Logger.Warn("table.include.list names a table that an extension made; it is left out (table.ignore.builtin)", "table", missing[last], "remedy", "Set table.ignore.builtin=false.")
			uncaptured, missing = append(uncaptured, missing[last]+" is left out by table.ignore.builtin"), missing[:last]
			continue
		}
		for _, o := range others {
			uncaptured = append(uncaptured, o.String())
			missing = slices.DeleteFunc(missing, func(m string) bool { return strings.EqualFold(m, o.Table.String()) })
			s.env.Logger.Warn("table.include.list names what cannot be captured: only tables have changes in the log", "name", o.Table.String(), "what", o.Sort, "remedy", o.Remedy())
		}
	}
	if len(uncaptured) > 0 && len(missing)+len(uncaptured) >= len(f.Include) && !slices.ContainsFunc(s.tables, func(t pgrepl.FoundTable) bool { return f.Captured(t.Table) }) {
		return &pgrepl.Error{Reason: pgrepl.ReasonNotATable, Op: "find the tables of table.include.list", Err: errors.New(strings.Join(uncaptured, ", ")),
			Remedy: "Only tables have changes in the log: name those that the rows are stored in. table.ignore.builtin=false captures tables that extensions made."}
	}
	if len(missing) > 0 && len(missing) == len(f.Include) {
		return &pgrepl.Error{Reason: pgrepl.ReasonTableMissing, Op: "find the tables of table.include.list", Err: fmt.Errorf("no table %s in database %q", strings.Join(missing, ", "), s.spec.Connection.Database),
			Remedy: "Create the table, or correct table.include.list: names are schema.table."}
	}
	for _, m := range missing {
		s.env.Logger.Warn("A table of table.include.list does not exist; it is captured once it is created", "table", m)
	}
	if n, most := len(s.tables), s.spec.MostTables; most > 0 && n > most {
		if s.spec.Guardrail == spec.FailOnTables {
			return retry.Permanent("the filters match %d tables, guardrail.collections.max is %d: narrow table.include.list or raise the limit", n, most)
		}
		s.env.Logger.Warn("The filters match more tables than guardrail.collections.max", "tables", n, "max", most)
	}
	for _, t := range s.tables {
		if !t.HasKey && !t.Unlogged && t.Kind == 'r' && (t.ReplicaIdentity == 'd' || t.ReplicaIdentity == 'n') {
			s.env.Logger.Warn("A captured table has neither a primary key nor a replica identity: PostgreSQL rejects its updates and deletes while it is published",
				"table", t.String(), "reason", pgrepl.ReasonIdentity, "remedy", fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL; or add a primary key", pgrepl.QuoteTable(t.Schema, t.Name)))
		}
	}
	return nil
}

func (s *session) setIdentities(ctx context.Context) error {
	for _, rule := range s.spec.Identities {
		for _, t := range s.tables {
			if !rule.Tables.Match(t.String()) {
				continue
			}
			sql := fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY %s", pgrepl.QuoteTable(t.Schema, t.Name), rule.Clause)
			if _, err := s.conn.Exec(ctx, sql); err != nil {
				return &pgrepl.Error{Reason: pgrepl.ReasonIdentity, Op: "set replica identities (replica.identity.autoset.values)", Err: err, Remedy: "Run it as the table's owner: " + sql + ";"}
			}
		}
	}
	return nil
}

// unidentified reports a change that the plugin left out what identifies the row of: no event can be made of it.
func (s *session) unidentified(t pgrepl.Table) {
	s.meters.decodeError(context.Background(), "unidentified")
	s.env.Logger.Error("A row was changed or deleted in a table without key and replica identity: the server does not say which, so there is no event of it", "table", t.String(),
		"reason", pgrepl.ReasonIdentity, "remedy", fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL; or add a primary key", pgrepl.QuoteTable(t.Schema, t.Name)))
}

// start compares checkpoint and slot, runs the snapshot if one is called for, and returns where streaming begins.
func (s *session) start(ctx context.Context, saved *checkpoint) (pgrepl.Position, error) {
	slot, err := pgrepl.InspectSlot(ctx, s.conn.Conn, s.server, s.spec.Slot.Name)
	if err != nil {
		return pgrepl.Position{}, err
	}
	if slot != nil {
		if err := slot.CheckFree(); err != nil {
			return pgrepl.Position{}, err
		}
	}
	want := pgrepl.SlotName{Name: s.spec.Slot.Name, Plugin: string(s.plugin), Database: s.spec.Connection.Database}
	if s.streams() && slot != nil && !slot.Failover && slot.CheckUsable(want) == nil {
		s.keepOnStandbys(ctx)
	}
	if saved != nil && s.streams() {
		at, err := s.reconcile(ctx, want, slot, saved.at)
		switch {
		case err == nil:
			saved.at = at
			if saved.at.SystemID == "" {
				saved.at.SystemID, saved.at.Timeline = s.system.ID, s.system.Timeline
			}
		case s.renew(err):
			s.readAgain(saved.at, err)
			if slot != nil {
				if err := s.dropLostSlot(ctx); err != nil {
					return pgrepl.Position{}, err
				}
			}
			saved, slot = nil, nil
		default:
			return pgrepl.Position{}, err
		}
	} else if slot != nil {
		if err := slot.CheckUsable(want); err != nil {
			return pgrepl.Position{}, err
		}
	}
	read := s.reads(saved)
	s.read = read
	if read && slot != nil || !s.streams() {
		s.closeReplication(ctx)
	}
	switch {
	case !s.streams():
		if !read {
			return pgrepl.Position{}, nil
		}
		return s.snapshotAlone(ctx, saved)
	case saved == nil && slot == nil:
		return s.snapshotWithNewSlot(ctx, read)
	case read:
		return s.snapshotWithOldSlot(ctx, slot, saved)
	case saved == nil:
		return s.first(pgrepl.Position{Commit: slot.ConfirmedFlush}), nil
	}
	return saved.at, nil
}

// deletesUntold is what a snapshot that takes the place of changes leaves out.
const deletesUntold = "Rows that were deleted meanwhile have no event, and stay where events are kept: calypsoctl verify names those that only Azure Data Explorer has."

// readAgain tells that changes after a position are lost and that a snapshot takes their place, which brings no deletes.
func (s *session) readAgain(after pgrepl.Position, lost error) {
	s.env.Logger.Warn("The slot's changes are lost: all tables are read again, as snapshot.mode says", "error", lost, "remedy", deletesUntold)
	s.again = fmt.Sprintf("all tables are read again, since the changes after %s are lost (%s)", after, pgrepl.ReasonOf(lost))
	s.env.Happened("ReadAgain", fmt.Sprintf("%s: %v. %s", s.again, lost, deletesUntold))
}

// passOver tells that the settings have a snapshot take the place of the changes between two positions.
func (s *session) passOver(after, to pgrepl.Position) {
	s.again = fmt.Sprintf("all tables are read at each start (snapshot.mode=%s), and changes from %s to %s come as the rows that they led to", s.spec.Snapshot.Name, after, to)
	s.env.Logger.Info("All tables are read again, as snapshot.mode says; what changed since the last position comes as rows only", "after", after.String(), "to", to.String(), "remedy", deletesUntold)
	s.env.Happened("ReadAgain", fmt.Sprintf("%s. %s", s.again, deletesUntold))
}

// reads says whether a snapshot is called for.
func (s *session) reads(saved *checkpoint) bool {
	switch s.spec.Snapshot.Reads {
	case spec.ReadAlways:
		return true
	case spec.ReadOnce:
		return saved == nil || saved.snapshot != nil
	}
	return false
}

// renew says whether a lost slot leads to a new snapshot instead of an error.
func (s *session) renew(err error) bool {
	r := pgrepl.ReasonOf(err)
	if r != pgrepl.ReasonSlotMissing && r != pgrepl.ReasonSlotLost {
		return false
	}
	return s.spec.Snapshot.Lost == spec.ReadAgainIfLost
}

// reconcile checks a position against slot and server, as offset.mismatch.strategy says.
func (s *session) reconcile(ctx context.Context, want pgrepl.SlotName, slot *pgrepl.SlotState, at pgrepl.Position) (pgrepl.Position, error) {
	var timelines pgrepl.Timelines
	if pgrepl.Promoted(s.system, at) {
		var err error
		if timelines, err = s.timelines(ctx); err != nil {
			return at, err
		}
	}
	next, err := pgrepl.Resume(want, slot, s.system, timelines, at)
	reason := pgrepl.ReasonOf(err)
	if trusted := s.spec.Slot.Mismatch == spec.TrustSlot || s.spec.Slot.Mismatch == spec.TrustGreater; err != nil && trusted && (reason == pgrepl.ReasonSlotAhead || reason == pgrepl.ReasonTimeline) {
		s.env.Logger.Warn("Slot and last position differ; going on as offset.mismatch.strategy says", "strategy", s.spec.Slot.Mismatch, "error", err)
		if reason == pgrepl.ReasonTimeline {
			// A position of another history says nothing about this one beyond where they part.
			var known bool
			if next, known = timelines.Common(at); !known {
				next = pgrepl.Position{}
			}
		}
		if s.spec.Slot.Mismatch == spec.TrustSlot || slot.ConfirmedFlush > next.Commit {
			next = pgrepl.Position{Commit: slot.ConfirmedFlush}
		}
		next.SystemID, next.Timeline, next.Delivered = s.system.ID, s.system.Timeline, 0
		s.env.Happened("GapAccepted", fmt.Sprintf("the stream goes on at %s (offset.mismatch.strategy=%s): %v", next, s.spec.Slot.Mismatch, err))
		return next, nil
	}
	if err != nil {
		return at, err
	}
	if s.spec.Slot.Mismatch == spec.TrustSlot && slot.ConfirmedFlush < next.Commit {
		return pgrepl.Position{SystemID: next.SystemID, Timeline: next.Timeline, Commit: slot.ConfirmedFlush}, nil
	}
	if pgrepl.Promoted(s.system, at) {
		what := fmt.Sprintf("a standby was promoted: the server is on timeline %d, before on %d; all that was delivered, up to %s, is part of its history, and the slot goes on from there", next.Timeline, at.Timeline, next)
		s.env.Logger.Warn("The connector goes on after a promotion", "what", what, "slot", slot.Name)
		s.env.Happened("Promoted", what)
	}
	return next, nil
}

// timelines asks for the server's history.
func (s *session) timelines(ctx context.Context) (pgrepl.Timelines, error) {
	repl, err := s.replicate(ctx)
	if err != nil {
		return nil, err
	}
	defer repl.Close(context.WithoutCancel(ctx))
	var all pgrepl.Timelines
	err = s.asking("tell its history", func() (err error) {
		all, err = repl.Timelines(ctx, s.system)
		return err
	})
	return all, err
}

// first makes at the position of a connector that has none yet.
func (s *session) first(at pgrepl.Position) pgrepl.Position {
	at.SystemID, at.Timeline, at.Delivered = s.system.ID, s.system.Timeline, at.Commit
	s.producer.saved = checkpoint{at: at}
	return at
}

// snapshotWithNewSlot creates the slot; its exported snapshot shows the database exactly where its stream begins.
func (s *session) snapshotWithNewSlot(ctx context.Context, read bool) (pgrepl.Position, error) {
	repl, created, err := s.createSlot(ctx, s.spec.Slot.Name, false)
	if err != nil {
		return pgrepl.Position{}, err
	}
	defer repl.Close(context.WithoutCancel(ctx))
	at := s.first(pgrepl.Position{Commit: created.Start})
	if !read {
		return at, s.save(ctx, s.producer.saved)
	}
	return at, s.snapshot(ctx, created.Snapshot, at, new(snapshotProgress), func() { repl.Close(context.WithoutCancel(ctx)) })
}

// snapshotWithOldSlot reads tables while a slot exists already: after a crash amid a snapshot, with a slot that somebody else made, or
// where the settings have it at each start. A temporary slot exports a snapshot, from which the stream goes on once the tables are
// read. What is left of a snapshot is read after the stream was delivered up to that point: no gap, and rows come in the order in
// which they were true. A whole new one takes the place of the stream up to there, as with Debezium.
func (s *session) snapshotWithOldSlot(ctx context.Context, slot *pgrepl.SlotState, saved *checkpoint) (pgrepl.Position, error) {
	const suffix = "_snapshot"
	name := s.spec.Slot.Name
	repl, created, err := s.createSlot(ctx, name[:min(len(name), 63-len(suffix))]+suffix, true)
	if err != nil {
		return pgrepl.Position{}, err
	}
	defer repl.Close(context.WithoutCancel(ctx))
	at := pgrepl.Position{SystemID: s.system.ID, Timeline: s.system.Timeline, Commit: created.Start, Delivered: created.Start}
	progress := new(snapshotProgress)
	switch {
	case saved == nil:
		at = s.first(at)
	case saved.snapshot != nil:
		progress = saved.snapshot
		if err := s.stream(ctx, saved.at, created.Start); err != nil || ctx.Err() != nil {
			return at, err
		}
		s.producer.saved.at = at
	default:
		s.passOver(saved.at, at)
		s.producer.saved.at = at
	}
	return at, s.snapshot(ctx, created.Snapshot, at, progress, func() { repl.Close(context.WithoutCancel(ctx)) })
}

// snapshotAlone reads the tables without a slot: nothing follows.
func (s *session) snapshotAlone(ctx context.Context, saved *checkpoint) (pgrepl.Position, error) {
	holder, err := s.dial(ctx, "export a snapshot")
	if err != nil {
		return pgrepl.Position{}, err
	}
	release := holder.hangUp
	defer release()
	var name, lsn string
	if _, err := holder.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return pgrepl.Position{}, fmt.Errorf("export a snapshot: %w", err)
	}
	if err := holder.QueryRow(ctx, "SELECT pg_export_snapshot(), CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text").Scan(&name, &lsn); err != nil {
		return pgrepl.Position{}, fmt.Errorf("export a snapshot: %w", err)
	}
	at, err := pgrepl.ParseLSN(lsn)
	if err != nil {
		return pgrepl.Position{}, fmt.Errorf("export a snapshot: %w", err)
	}
	p := s.first(pgrepl.Position{Commit: at})
	progress := new(snapshotProgress)
	if saved != nil && saved.snapshot != nil {
		progress = saved.snapshot
	}
	return p, s.snapshot(ctx, name, p, progress, release)
}

// createSlot creates a slot and says what holds it up where it takes too long.
func (s *session) createSlot(ctx context.Context, name string, temporary bool) (*pgrepl.Session, pgrepl.NewSlot, error) {
	repl, err := s.replication(ctx)
	if err != nil {
		return nil, pgrepl.NewSlot{}, err
	}
	create, cancel := context.WithTimeout(ctx, s.spec.Slot.CreateTimeout)
	defer cancel()
	slow := s.after(5*time.Second, func() {
		if s.server.InRecovery {
			s.env.Logger.Warn("The creation of the slot waits for the primary to write down which transactions run", "slot", name, "remedy", standbySnapshot)
			s.board.waits(fmt.Sprintf("The creation of slot %s waits for the primary to write down which transactions run. %s", name, standbySnapshot))
		}
		holders := s.holders()
		if len(holders) == 0 && !s.server.InRecovery {
			s.board.waits(fmt.Sprintf("The creation of slot %s waits for PostgreSQL at %s, which has not answered, nor named an open transaction that it waits for.", name, s.spec.Connection.Addresses()))
		}
		for _, h := range holders {
			s.env.Logger.Warn("The creation of the slot waits for a transaction that is still open", "slot", name, "transaction", h.What, "since", h.Since, "remedy", h.Remedy)
			s.board.waits(fmt.Sprintf("The creation of slot %s waits for the end of a %s. %s", name, h, h.Remedy))
		}
	})
	defer slow.Stop()
	created, err := repl.CreateSlot(create, name, pgrepl.SlotOptions{Plugin: string(s.plugin), Temporary: temporary})
	if err != nil {
		repl.Close(context.WithoutCancel(ctx))
		if unusable(err) && s.plugin != spec.Pgoutput {
			s.env.Logger.Warn("The server does not have the output plugin, or refuses it: pgoutput is used instead, with the same events. Set plugin.name=pgoutput to silence this.", "plugin", s.plugin, "reason", pgrepl.ReasonOf(err), "error", err)
			s.plugin = spec.Pgoutput
			if err := s.publish(ctx); err != nil {
				return nil, pgrepl.NewSlot{}, err
			}
			return s.createSlot(ctx, name, temporary)
		}
		if errors.Is(create.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			held := "the server has not answered, nor named an open transaction that it waited for"
			if s.server.InRecovery {
				held = "the primary wrote nothing that it could begin at. " + standbySnapshot
			}
			if all := s.holders(); len(all) > 0 {
				held = fmt.Sprintf("a %s, held it up. %s Nothing else helps but to raise internal.create.slot.command.timeout", all[0], all[0].Remedy)
			}
			err = fmt.Errorf("create replication slot %q within %s: %s: %w", name, s.spec.Slot.CreateTimeout, held, err)
		}
		return nil, pgrepl.NewSlot{}, err
	}
	if !temporary {
		s.keepOnStandbys(ctx)
	}
	return repl, created, nil
}

// keepOnStandbys lets standbys keep the slot, as slot.failover says. A server that refuses it is captured from all the same.
func (s *session) keepOnStandbys(ctx context.Context) {
	if !s.spec.Slot.Failover || !s.server.KeepsSlots() {
		return
	}
	repl, err := s.replicate(ctx)
	if err == nil {
		defer repl.Close(context.WithoutCancel(ctx))
		err = s.asking("have standbys keep slot "+s.spec.Slot.Name, func() error { return repl.KeepOnStandbys(ctx, s.spec.Slot.Name) })
	}
	if err != nil {
		s.env.Logger.Warn("The server does not let standbys keep the slot, so a promotion loses it. Set slot.failover=false to silence this.", "slot", s.spec.Slot.Name, "error", err)
	}
}

// standbySnapshot lets a standby begin to decode the log; a primary that is busy does so by itself, now and then.
const standbySnapshot = "Run on the primary: SELECT pg_log_standby_snapshot();"

// holders lists the transactions that hold up the creation of a slot; none if the server does not say.
func (s *session) holders() []pgrepl.Holder {
	ctx, cancel := context.WithTimeout(context.Background(), slotQuestion)
	defer cancel()
	conn, err := s.spec.Connection.Connect(ctx)
	if err != nil {
		return nil
	}
	defer pgrepl.Disconnect(conn)
	all, err := pgrepl.Holders(ctx, conn, 0)
	if err != nil {
		return nil
	}
	return all
}

// snapshot reads what progress leaves of the tables and makes its completion durable.
func (s *session) snapshot(ctx context.Context, name string, at pgrepl.Position, progress *snapshotProgress, release func()) error {
	if !retry.Sleep(ctx, s.spec.Snapshot.Delay) {
		return nil
	}
	source, xmin, err := s.snapshotFacts(ctx, name)
	if err != nil {
		return err
	}
	source.LSN, source.HasLSN = uint64(at.Commit), true
	progress = progress.orEmpty()
	if progress.Xmin == 0 {
		progress.Xmin = xmin
	}
	s.producer.saved.snapshot = progress
	tables := s.readable()
	oids := make([]uint32, len(tables))
	for i, t := range tables {
		oids[i] = t.OID
	}
	members, err := s.catalog.Members(oids)
	if err != nil {
		return err
	}
	n := &snapshot{session: s, name: name, start: at, queue: planSnapshot(s.spec, tables, members, progress), source: source, release: release}
	for _, t := range n.queue.tables {
		if t.begun && t.parts[0].whole {
			s.env.Logger.Warn("A table that a snapshot had begun to read is read again from its beginning, so that rows of it come twice: it has a SELECT of its own, or is read through a parent whose members cannot be read alone", "table", t.String())
		}
	}
	n.observeSnapshot()
	s.board.snapshotting(n.queue, s.again)
	if err := n.run(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	done := s.producer.saved
	done.at, done.snapshot = at, nil
	last, aux := new(batch), change.NewAuxiliary(&s.events)
	if err := s.notify(aux, last, change.InitialSnapshot, notifyCompleted, ""); err != nil {
		return err
	}
	if s.spec.Heartbeat.Interval > 0 {
		if err := aux.AppendHeartbeat(&last.Batch, time.Now().UnixNano()); err != nil {
			return fmt.Errorf("write the heartbeat that ends a snapshot: %w", err)
		}
	}
	if err := s.producer.deliver(ctx, last, done); err != nil {
		return err
	}
	s.board.snapshotted()
	s.env.Logger.Info("The snapshot is complete", "tables", len(n.queue.tables), "position", at.String())
	s.fail.Pass("between_snapshot_and_stream")
	return nil
}

// readable are the tables that have rows to read: one without columns has none that anybody could tell, and Debezium writes nothing
// of it either; one that was dropped since it was found is gone.
func (s *session) readable() (out []pgrepl.FoundTable) {
	for _, t := range s.tables {
		if rel := s.relations[t.OID]; rel != nil && len(rel.Columns) > 0 {
			out = append(out, t)
		} else {
			s.env.Logger.Info("A table is left out of the snapshot, since it has no columns or was dropped meanwhile", "table", t.String())
		}
	}
	return out
}

// snapshotFacts asks what all rows of the snapshot have in common.
func (s *session) snapshotFacts(ctx context.Context, name string) (change.Source, uint64, error) {
	conn, err := s.dial(ctx, "look at a snapshot")
	if err != nil {
		return change.Source{}, 0, err
	}
	defer conn.hangUp()
	if err := importSnapshot(ctx, conn.Conn, name); err != nil {
		return change.Source{}, 0, err
	}
	var now time.Time
	var xmin, xmax int64
	if err := conn.QueryRow(ctx, "SELECT now(), txid_snapshot_xmin(txid_current_snapshot()), txid_snapshot_xmax(txid_current_snapshot())").Scan(&now, &xmin, &xmax); err != nil {
		return change.Source{}, 0, fmt.Errorf("look at snapshot %s: %w", name, err)
	}
	return change.Source{CommitTime: now.UnixMicro(), TxID: uint64(uint32(xmax)), HasTx: true}, uint64(xmin), nil
}

// save makes a checkpoint durable on its own.
func (s *session) save(ctx context.Context, c checkpoint) error {
	return s.producer.deliver(ctx, new(batch), c)
}

// dropSlot keeps slot.drop.on.stop.
func (s *session) dropSlot() error {
	if !s.spec.Slot.DropOnStop {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for {
		err := s.dropLostSlot(ctx)
		// The server's process that sent the stream may take a moment to notice that its connection is closed.
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != objectInUse || !retry.Sleep(ctx, 50*time.Millisecond) {
			return err
		}
	}
}

// objectInUse is the SQLSTATE of what another process uses.
const objectInUse = "55006"

func (s *session) dropLostSlot(ctx context.Context) error {
	if _, err := s.conn.Exec(ctx, "SELECT pg_drop_replication_slot($1)", s.spec.Slot.Name); err != nil {
		return fmt.Errorf("drop replication slot %q: %w", s.spec.Slot.Name, err)
	}
	return nil
}
