package prepare

import (
	"context"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/start"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// publish sets up the publication if the plugin reads one, or if the plugin may one day have to be
// replaced by one that does.
func (s *Preparation) publish(ctx context.Context) error {
	if !s.streams() {
		return nil
	}
	if s.plugin != spec.Pgoutput {
		s.publishAhead(ctx)
		return nil
	}
	p := s.d.Spec.Publication
	p.Tables, p.OnStandby = s.tables, s.d.Server.InRecovery
	if err := s.fillBack(ctx, p); err != nil {
		return err
	}
	notes, err := pgrepl.EnsurePublication(ctx, s.d.Conn, p)
	for _, n := range notes {
		s.d.Log.Info(n)
	}
	return err
}

// fillBack plans the reading of tables that a running connector is about to add to its publication:
// the rows that they already have never came through the stream. The plan is durable before the
// publication changes.
func (s *Preparation) fillBack(ctx context.Context, p pgrepl.Publication) error {
	if !start.BackFills(s.d.Spec.Snapshot.Mode, start.Begun(s.d.Progress), p) {
		return nil
	}
	missing, err := p.Missing(ctx, s.d.Conn)
	if err != nil {
		return err
	}
	var joining []progress.Collection
	marks := incremental.CanMark(s.d.Spec, s.d.Server, s.plugin)
	for _, t := range missing {
		switch start.Join(t, s.d.Spec.Tables.Snapshotted(t.Table), marks) {
		case start.JoinsUnmarked:
			s.d.Log.Warn(
				"a table joins the capture, but the rows that it already has cannot be read: that needs signal.data.collection, or logical messages (PostgreSQL 14)", "table", t.String())
		case start.JoinsUnkeyed:
			s.d.Log.Warn("a table that joins the capture has no primary key: the rows that it already has are not read",
				"table", t.String())
		case start.JoinsRead:
			s.d.Log.Info("a table joins the capture: the rows that it already has are read while the stream goes on",
				"table", t.String())
			joining = append(joining, progress.Collection{Table: t.Table, Estimate: t.RowEstimate})
		}
	}
	saved := s.d.Progress.Checkpoint()
	var plan progress.Incremental
	if saved.Incremental != nil {
		plan = *saved.Incremental
	}
	if plan = plan.Ask(plan.Signal, joining); plan.Idle() {
		return nil
	}
	return s.d.Save(ctx, s.d.Progress.Take(progress.Step{At: saved.At, Incremental: &plan}))
}

// publishAhead creates, although this plugin reads none, the publication with which the slot can be
// migrated once the server refuses the plugin. It does so if publication.autocreate.mode is
// filtered. Tables without identity are left out, since PostgreSQL would refuse their updates from
// then on.
func (s *Preparation) publishAhead(ctx context.Context) {
	p := s.d.Spec.Publication
	if pgrepl.BuiltIn(string(s.plugin)) || p.Mode != pgrepl.PublishFiltered {
		return
	}
	for _, t := range s.tables {
		if t.ReplicaIdentity != 'n' && (t.ReplicaIdentity != 'd' || t.HasKey) {
			p.Tables = append(p.Tables, t)
		}
	}
	notes, err := pgrepl.EnsurePublication(ctx, s.d.Conn, p)
	for _, n := range notes {
		s.d.Log.Info(n)
	}
	s.d.Status.Observe(status.Worked{Work: status.StandbyPublication, Err: err,
		Remedy: "Let the connector's role make it, or set publication.autocreate.mode=disabled."})
	if err != nil {
		s.d.Log.Warn("the publication that would be needed if the server refused the output plugin could not be created", "plugin",
			s.plugin, "err", err)
	}
}
