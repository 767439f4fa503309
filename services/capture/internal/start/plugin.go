package start

import (
	"errors"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// PluginFacts are what the choice of the output plugin depends on.
type PluginFacts struct {
	// Configured is the plugin of the configuration, Database the connector's database.
	Configured spec.Plugin
	Database   string
	Streams    bool
	// Slot is the connector's; nil if there is none.
	Slot *pgrepl.SlotState
	// Positioned is true if the connector has a position, so that the slot is its own.
	Positioned bool
	// Trial is the server's answer when the slot was tried; nil if it can be read. Tried is false
	// until ChoosePlugin has asked for a trial.
	Trial error
	Tried bool
}

// PluginChoice is which plugin reads the slot.
type PluginChoice struct {
	Step PluginStep
	// Plugin is the one to use, with UsePlugin.
	Plugin spec.Plugin
	// Refusal is why the slot cannot be read with its own plugin, with MigrateToPgoutput.
	Refusal error
}

// PluginStep is what to do next about the plugin.
type PluginStep int

const (
	// UsePlugin uses PluginChoice.Plugin.
	UsePlugin PluginStep = iota
	// TrySlot asks the server whether it still reads the slot; then ChoosePlugin has to be called
	// again.
	TrySlot
	// MigrateToPgoutput creates a slot for pgoutput at the same position; if that is impossible, the
	// refusal stands.
	MigrateToPgoutput
)

// ChoosePlugin chooses the configured plugin, or pgoutput: because an earlier start fell back to
// it, or because from now on the slot can only be read with pgoutput.
func ChoosePlugin(f PluginFacts) PluginChoice {
	configured := PluginChoice{Plugin: f.Configured}
	if f.Slot == nil || !f.Streams {
		return configured
	}
	if f.Slot.Plugin == string(spec.Pgoutput) {
		return PluginChoice{Plugin: spec.Pgoutput} // an earlier start fell back
	}
	own := f.Slot.Plugin == string(f.Configured)
	present := pgrepl.SlotName{Name: f.Slot.Name, Plugin: f.Slot.Plugin, Database: f.Database}
	if f.Slot.Active || f.Slot.CheckUsable(present) != nil || !own && (f.Configured != spec.Pgoutput || !f.Positioned) {
		return configured // Decide reports what is wrong with it; the slot may be somebody else's
	}
	switch {
	case !own:
		wanted := pgrepl.SlotName{Name: f.Slot.Name, Plugin: string(f.Configured), Database: f.Slot.Database}
		return PluginChoice{Step: MigrateToPgoutput, Refusal: f.Slot.CheckUsable(wanted)}
	case !f.Tried:
		return PluginChoice{Step: TrySlot}
	case f.Trial != nil:
		return PluginChoice{Step: MigrateToPgoutput, Refusal: f.Trial}
	}
	return configured
}

// Migratable returns why a slot whose changes were delivered up to a position cannot be migrated
// to pgoutput; nil if the position allows it.
func Migratable(at pgrepl.Position) error {
	if at.Ordinal != 0 {
		return errors.New("the position is in the middle of a transaction, whose changes the plugins number differently")
	}
	return nil
}

// KeepsPlugin adds to a refusal why the slot was not migrated.
func KeepsPlugin(slot *pgrepl.SlotState, refusal, obstacle error) error {
	if e, ok := errors.AsType[*pgrepl.Error](refusal); ok {
		with := *e
		with.Err = fmt.Errorf("%w; slot %q cannot be migrated to pgoutput either: %w", e.Err, slot.Name, obstacle)
		return &with
	}
	return refusal
}

// FallsBack reports whether an error means that the server does not have the output plugin, or
// refuses it. pgoutput makes the same events.
func FallsBack(plugin spec.Plugin, err error) bool {
	r := pgrepl.ReasonOf(err)
	return plugin != spec.Pgoutput && (r == pgrepl.ReasonPluginMissing || r == pgrepl.ReasonPluginRefused)
}
