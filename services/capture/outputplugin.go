package capture

import (
	"context"
	"errors"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// unusable says whether an error means that the server does not have the output plugin, or refuses it. pgoutput makes the same events.
func unusable(err error) bool {
	r := pgrepl.ReasonOf(err)
	return r == pgrepl.ReasonPluginMissing || r == pgrepl.ReasonPluginRefused
}

// choosePlugin takes the configured plugin, or pgoutput: because an earlier start fell back to it, or because the slot can be read with
// pgoutput only from now on.
func (s *session) choosePlugin(ctx context.Context) (spec.Plugin, error) {
	if err := pgrepl.ResumeCarrying(ctx, s.conn.Conn, s.spec.Slot.Name); err != nil {
		return "", err
	}
	slot, err := pgrepl.InspectSlot(ctx, s.conn.Conn, s.server, s.spec.Slot.Name)
	if err != nil || slot == nil || !s.streams() {
		return s.spec.Output.Plugin, err
	}
	if slot.Plugin == "pgoutput" {
		return spec.Pgoutput, nil // an earlier start fell back
	}
	own := slot.Plugin == string(s.spec.Output.Plugin)
	if slot.Active || slot.CheckUsable(pgrepl.SlotName{Name: slot.Name, Plugin: slot.Plugin, Database: s.spec.Connection.Database}) != nil ||
		!own && (s.spec.Output.Plugin != spec.Pgoutput || s.producer.saved.at.Commit == 0) {
		return s.spec.Output.Plugin, nil // start says what is wrong with it; it may be somebody else's
	}
	refusal := slot.CheckUsable(pgrepl.SlotName{Name: slot.Name, Plugin: string(s.spec.Output.Plugin), Database: slot.Database})
	if own {
		refusal = pgrepl.TrySlot(ctx, s.conn.Conn, slot, s.spec.Connection.User)
	}
	if refusal == nil {
		return s.spec.Output.Plugin, nil
	}
	if obstacle := s.carry(ctx, slot); obstacle != nil {
		return "", keepsPlugin(slot, refusal, obstacle)
	}
	s.env.Logger.Warn("The slot was carried over to pgoutput, at the same position and with the same events", "slot", slot.Name, "plugin", slot.Plugin, "cause", refusal)
	return spec.Pgoutput, nil
}

// carry carries the slot over to pgoutput, or returns why a change could be lost or come twice by it.
func (s *session) carry(ctx context.Context, slot *pgrepl.SlotState) error {
	if s.producer.saved.at.Ordinal != 0 {
		return errors.New("the position is amid a transaction, whose changes the plugins number differently")
	}
	p := s.spec.Publication
	p.Tables = s.tables
	if err := p.Carriable(ctx, s.conn.Conn, s.server, slot); err != nil {
		return err
	}
	return pgrepl.CarrySlot(ctx, s.conn.Conn, slot.Name)
}

// publishAhead makes the publication that the slot can be carried over with once the server refuses its plugin, where
// publication.autocreate.mode=filtered is set although this plugin reads none. Tables without identity are left out, since PostgreSQL
// would refuse their updates from then on.
func (s *session) publishAhead(ctx context.Context) {
	p := s.spec.Publication
	if pgrepl.BuiltIn(string(s.plugin)) || p.Mode != pgrepl.PublishFiltered {
		return
	}
	for _, t := range s.tables {
		if t.ReplicaIdentity != 'n' && (t.ReplicaIdentity != 'd' || t.HasKey) {
			p.Tables = append(p.Tables, t)
		}
	}
	notes, err := pgrepl.EnsurePublication(ctx, s.conn.Conn, p)
	for _, n := range notes {
		s.env.Logger.Info(n)
	}
	if err != nil {
		s.env.Logger.Warn("The publication for the day when the server refuses the output plugin could not be made", "plugin", s.plugin, "error", err)
	}
}

// keepsPlugin adds to a refusal why the slot was not carried over.
func keepsPlugin(slot *pgrepl.SlotState, refusal, obstacle error) error {
	if e, ok := errors.AsType[*pgrepl.Error](refusal); ok {
		with := *e
		with.Err = fmt.Errorf("%w; slot %q cannot be carried over to pgoutput either: %w", e.Err, slot.Name, obstacle)
		return &with
	}
	return refusal
}
