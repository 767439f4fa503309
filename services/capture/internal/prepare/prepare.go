package prepare

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
	"github.com/calypso-cdc/calypso/services/capture/internal/visibility"
)

// Deps are what a preparation works with.
type Deps struct {
	Spec     *spec.Spec
	Server   pgrepl.Server
	Conn     *pgx.Conn
	Progress *progress.Progress
	// Save makes a checkpoint durable.
	Save func(context.Context, progress.Checkpoint) error
	// Status is told whether the publication that is not needed yet could be made.
	Status status.Observer
	Log    *slog.Logger
}

// Preparation is what a session found and set up before it starts.
type Preparation struct {
	d       Deps
	catalog *pgrepl.Catalog
	tables  []pgrepl.FoundTable
	// relations are the captured tables as the catalog has them; they do not change once snapshots read them.
	relations map[uint32]*pgmodel.Relation
	visible   *visibility.Limits
	plugin    spec.Plugin
}

// Prepare finds the tables, and sets up replica identities and the publication.
func Prepare(ctx context.Context, d Deps) (_ *Preparation, err error) {
	s := &Preparation{d: d, catalog: pgrepl.NewCatalog(ctx, pgrepl.Query(d.Conn), d.Spec.Tables.Read)}
	if s.tables, err = s.catalog.Find(d.Spec.Tables.Read); err != nil {
		return nil, err
	}
	if err := s.checkTables(); err != nil {
		return nil, err
	}
	if err := s.setIdentities(ctx); err != nil {
		return nil, err
	}
	if err := s.loadRelations(); err != nil {
		return nil, err
	}
	if s.plugin, err = s.choosePlugin(ctx); err != nil {
		return nil, err
	}
	if err := s.publish(ctx); err != nil {
		return nil, err
	}
	return s, s.findLimits(ctx)
}

// loadRelations reads what the captured tables look like.
func (s *Preparation) loadRelations() error {
	oids := make([]uint32, len(s.tables))
	for i, t := range s.tables {
		oids[i] = t.OID
	}
	if err := s.catalog.Load(oids); err != nil {
		return fmt.Errorf("read the captured tables from the catalog: %w", err)
	}
	s.relations = make(map[uint32]*pgmodel.Relation, len(oids))
	for _, oid := range oids {
		if rel := s.catalog.Relation(oid); rel != nil {
			s.relations[oid] = rel
		}
	}
	return nil
}

// findLimits finds what does not arrive, and logs it.
func (s *Preparation) findLimits(ctx context.Context) (err error) {
	find := visibility.Find
	if s.plugin == spec.Pgoutput && s.streams() {
		find = visibility.FindPublished
	}
	if s.visible, err = find(ctx, s.d.Conn, s.d.Server, s.d.Spec, s.tables); err != nil {
		return err
	}
	for _, t := range s.tables {
		if rel := s.relations[t.OID]; rel != nil && s.d.Spec.Tables.Captured(t.Table) {
			for _, text := range s.visible.Of(rel) {
				what, remedy := visibility.SplitRemedy(text)
				s.d.Log.Warn("something of a captured table does not arrive", "table", t.String(), "what", what, "remedy", remedy)
			}
		}
	}
	return nil
}

func (s *Preparation) streams() bool { return s.d.Spec.Snapshot.Streams }

// Catalog is the source's catalog, read over the session's connection.
func (s *Preparation) Catalog() *pgrepl.Catalog { return s.catalog }

// Relations are the captured tables as the catalog has them, by oid.
func (s *Preparation) Relations() map[uint32]*pgmodel.Relation { return s.relations }

// Visibility is what the server keeps back of the tables.
func (s *Preparation) Visibility() *visibility.Limits { return s.visible }

// Plugin is the output plugin to use.
func (s *Preparation) Plugin() spec.Plugin { return s.plugin }

// FallBack uses pgoutput in place of a plugin that the server does not have, or refuses.
func (s *Preparation) FallBack(ctx context.Context, cause error) error {
	s.d.Log.Warn(
		"the server does not have the output plugin, or refuses it: pgoutput is used instead, with the same events. Set plugin.name=pgoutput to silence this.", "plugin", s.plugin, "reason", pgrepl.ReasonOf(cause), "err", cause)
	s.plugin = spec.Pgoutput
	return s.publish(ctx)
}

// Readable are the tables whose rows a snapshot reads. It leaves out tables that were dropped since
// they were found, and tables without columns, for whose rows Debezium writes no events either.
func (s *Preparation) Readable() (out []pgrepl.FoundTable) {
	for _, t := range s.tables {
		if rel := s.relations[t.OID]; rel != nil && len(rel.Columns) > 0 {
			out = append(out, t)
		} else {
			s.d.Log.Info("a table is left out of the snapshot, since it has no columns or was dropped meanwhile",
				"table", t.String())
		}
	}
	return out
}
