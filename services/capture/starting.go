package capture

import (
	"context"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	starting "github.com/calypso-cdc/calypso/services/capture/internal/start"
)

// start collects the facts, has package start decide, and acts on the plan; it returns where
// streaming begins.
func (s *session) start(ctx context.Context) (pgrepl.Position, error) {
	facts, err := factsOf(ctx, s.task.spec, s.upstream, s.progress, string(s.prepared.Plugin()))
	if err != nil {
		return pgrepl.Position{}, err
	}
	plan := starting.Decide(facts)
	if plan.KeepOnStandbys {
		s.upstream.slot.KeepOnStandbys(ctx)
	}
	if plan.Refusal != nil {
		return pgrepl.Position{}, plan.Refusal
	}
	s.again = tellPlan(s.task, s.progress.Checkpoint().At, plan)
	if plan.DropSlot {
		if err := s.upstream.slot.Drop(ctx, s.upstream.conn.Conn); err != nil {
			return pgrepl.Position{}, err
		}
	}
	s.read = plan.Read != starting.Nothing
	if s.read && plan.Slot == starting.OldSlot || plan.Slot == starting.NoSlot {
		s.upstream.slot.Release(ctx)
	}
	switch plan.Slot {
	case starting.NewSlot:
		return s.snapshotWithNewSlot(ctx, plan)
	case starting.OldSlot:
		if s.read {
			return s.snapshotWithOldSlot(ctx, plan)
		}
		if plan.Fresh {
			s.progress.Begin(plan.At)
		} else {
			s.progress.Resume(plan.At)
		}
		return plan.At, nil
	}
	if s.read {
		return s.snapshotAlone(ctx, plan)
	}
	return pgrepl.Position{}, nil
}

// factsOf collects what a start depends on. plugin is the output plugin that the slot is to have; empty
// before it is chosen.
func factsOf(ctx context.Context, s *spec.Spec, from *upstream, reached *progress.Progress,
	plugin string) (f starting.Facts, err error) {
	f = starting.Facts{Mode: s.Snapshot.Mode, Mismatch: s.Slot.Mismatch, System: from.slot.System(),
		Saved: starting.Begun(reached), Want: pgrepl.SlotName{Name: s.Slot.Name, Plugin: plugin,
			Database: s.Connection.Database}}
	if f.Slot, err = pgrepl.InspectSlot(ctx, from.conn.Conn, from.server, s.Slot.Name); err == nil && f.NeedsTimelines() {
		f.Timelines, err = from.slot.Timelines(ctx)
	}
	if err == nil && f.NeedsLog() {
		f.System.WAL, err = pgrepl.EndOfLog(ctx, from.conn.Conn)
	}
	return f, err
}

// first makes a point of the log the position of a connector that has none yet.
func (s *session) first(at pgrepl.LSN) pgrepl.Position {
	first := starting.Beginning(s.upstream.slot.System(), at)
	s.progress.Begin(first)
	return first
}

// snapshotWithNewSlot creates the slot; its exported snapshot shows the database exactly where its stream begins.
func (s *session) snapshotWithNewSlot(ctx context.Context, plan starting.Plan) (pgrepl.Position, error) {
	repl, created, err := s.createSlot(ctx, s.task.spec.Slot.Name, pgrepl.SlotOptions{})
	if err != nil {
		return pgrepl.Position{}, err
	}
	defer repl.Close(context.WithoutCancel(ctx))
	s.upstream.slot.KeepOnStandbys(ctx)
	at := s.first(created.Start)
	if plan.Read == starting.Nothing {
		return at, s.save(ctx, s.progress.Checkpoint())
	}
	return at, s.snapshot(ctx, created.Snapshot, at, nil, func() { repl.Close(context.WithoutCancel(ctx)) })
}

// snapshotWithOldSlot reads tables while a slot exists already: after a crash during a snapshot,
// with a slot that somebody else made, or because the configuration asks for it at each start. A
// temporary slot exports a snapshot, from which the stream goes on once the tables are read. The
// rest of an unfinished snapshot is read after the stream was delivered up to that point, so that
// there is no gap and a row never comes before an older state of it. A whole new snapshot takes the
// place of the stream up to that point, as in Debezium.
func (s *session) snapshotWithOldSlot(ctx context.Context, plan starting.Plan) (pgrepl.Position, error) {
	const suffix = "_snapshot"
	name := s.task.spec.Slot.Name
	repl, created, err := s.createSlot(ctx, name[:min(len(name), 63-len(suffix))]+suffix,
		pgrepl.SlotOptions{Temporary: true})
	if err != nil {
		return pgrepl.Position{}, err
	}
	defer repl.Close(context.WithoutCancel(ctx))
	at := starting.Beginning(s.upstream.slot.System(), created.Start)
	var unfinished *progress.Snapshot
	switch plan.Read {
	case starting.All:
		at = s.first(created.Start)
	case starting.Rest:
		unfinished = s.progress.Checkpoint().Snapshot
		s.progress.Resume(plan.At)
		if err := s.stream(ctx, plan.At, created.Start); err != nil || ctx.Err() != nil {
			return at, err
		}
		s.progress.Resume(at)
	case starting.Instead:
		s.again = tellPassedOver(s.task, plan.At, at)
		s.progress.Resume(at)
	}
	return at, s.snapshot(ctx, created.Snapshot, at, unfinished, func() { repl.Close(context.WithoutCancel(ctx)) })
}

// snapshotAlone reads the tables without a slot: nothing follows.
func (s *session) snapshotAlone(ctx context.Context, plan starting.Plan) (pgrepl.Position, error) {
	holder, err := s.upstream.connections.Dial(ctx, "export a snapshot")
	if err != nil {
		return pgrepl.Position{}, err
	}
	release := holder.Disconnect
	defer release()
	var name, lsn string
	if _, err := holder.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return pgrepl.Position{}, fmt.Errorf("export a snapshot: %w", err)
	}
	if err := holder.QueryRow(ctx,
		"SELECT pg_export_snapshot(), CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text").Scan(&name, &lsn); err != nil {
		return pgrepl.Position{}, fmt.Errorf("export a snapshot: %w", err)
	}
	at, err := pgrepl.ParseLSN(lsn)
	if err != nil {
		return pgrepl.Position{}, fmt.Errorf("export a snapshot: %w", err)
	}
	var unfinished *progress.Snapshot
	if plan.Read == starting.Rest {
		unfinished = s.progress.Checkpoint().Snapshot
	}
	p := s.first(at)
	return p, s.snapshot(ctx, name, p, unfinished, release)
}
