package prepare

import (
	"context"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/start"
)

// choosePlugin decides which output plugin the slot is read with, and migrates the slot to pgoutput
// if that is the only one left.
func (s *Preparation) choosePlugin(ctx context.Context) (spec.Plugin, error) {
	if err := pgrepl.ResumeMigration(ctx, s.d.Conn, s.d.Spec.Slot.Name); err != nil {
		return "", err
	}
	slot, err := pgrepl.InspectSlot(ctx, s.d.Conn, s.d.Server, s.d.Spec.Slot.Name)
	if err != nil {
		return "", err
	}
	facts := start.PluginFacts{Configured: s.d.Spec.Output.Plugin, Database: s.d.Spec.Connection.Database,
		Streams: s.streams(), Slot: slot, Positioned: s.d.Progress.Checkpoint().At.Commit != 0}
	choice := start.ChoosePlugin(facts)
	if choice.Step == start.TrySlot {
		facts.Tried, facts.Trial = true, pgrepl.TrySlot(ctx, s.d.Conn, slot, s.d.Spec.Connection.User)
		choice = start.ChoosePlugin(facts)
	}
	if choice.Step != start.MigrateToPgoutput {
		return choice.Plugin, nil
	}
	if obstacle := s.migrate(ctx, slot); obstacle != nil {
		return "", start.KeepsPlugin(slot, choice.Refusal, obstacle)
	}
	s.d.Log.Warn("the slot was migrated to pgoutput, at the same position and with the same events", "slot", slot.Name,
		"plugin", slot.Plugin, "cause", choice.Refusal)
	return spec.Pgoutput, nil
}

// migrate migrates the slot to pgoutput. If a change could be lost or come twice by it, it changes
// nothing and returns why.
func (s *Preparation) migrate(ctx context.Context, slot *pgrepl.SlotState) error {
	if err := start.Migratable(s.d.Progress.Checkpoint().At); err != nil {
		return err
	}
	p := s.d.Spec.Publication
	p.Tables = s.tables
	if err := p.Migratable(ctx, s.d.Conn, s.d.Server, slot); err != nil {
		return err
	}
	return pgrepl.MigrateSlot(ctx, s.d.Conn, slot.Name)
}
