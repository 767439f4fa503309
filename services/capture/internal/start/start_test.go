package start

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// TestStartsFollowTheirScripts runs testdata. A command names the decision and the configuration;
// the lines below it are the facts:
//
//	server system=7 timeline=1 log=0/900 recovery version=16   (the first two are what it is without a line)
//	history 1=0/500 …                                (where the server's history left which timelines)
//	slot confirmed=0/100 plugin=… database=… failover lost active synced
//	saved at=0/100 ordinal=2 system=7 timeline=1 delivered=0/90 reading
func TestStartsFollowTheirScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return run(t, d)
		})
	})
}

func run(t *testing.T, d *datadriven.TestData) string {
	s := script{t: t, d: d}
	switch d.Cmd {
	case "decide":
		f, _ := s.facts()
		if f.Timelines != nil && !f.NeedsTimelines() {
			return showPlan(Decide(f)) + "(the history is not asked for)\n"
		}
		return showPlan(Decide(f))
	case "standby":
		f, server := s.facts()
		return showError(Standby(server, f))
	case "plugin":
		f, _ := s.facts()
		facts := PluginFacts{Configured: spec.Plugin(f.Want.Plugin), Database: f.Want.Database, Streams: f.Mode.Streams,
			Slot: f.Slot, Positioned: f.Saved != nil, Tried: d.HasArg("tried")}
		if d.HasArg("refused") {
			facts.Tried, facts.Trial = true, &pgrepl.Error{Reason: pgrepl.ReasonPluginRefused}
		}
		return showChoice(ChoosePlugin(facts))
	case "backfills":
		f, server := s.facts()
		p := pgrepl.Publication{Mode: pgrepl.PublishFiltered, OnStandby: server.InRecovery}
		if d.HasArg("all-tables") {
			p.Mode = pgrepl.PublishAll
		}
		return fmt.Sprintln(BackFills(f.Mode, f.Saved, p))
	case "join":
		table := pgrepl.FoundTable{Kind: 'r', HasKey: d.HasArg("key")}
		if d.HasArg("root") {
			table.Kind = 'p'
		}
		return [...]string{"empty", "unmarked", "unkeyed",
			"read"}[Join(table, d.HasArg("snapshotted"), d.HasArg("marks"))] + "\n"
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return ""
}

// script reads the facts of a command.
type script struct {
	t *testing.T
	d *datadriven.TestData
}

// spec is the configuration that the command's arguments ask for.
func (s script) spec() *spec.Spec {
	set := map[string]string{
		"name": "c", "connector.class": spec.Class, "database.hostname": "h", "database.user": "u", "database.password": "p",
		"database.dbname": "db", "topic.prefix": "x",
		"slot.name": "s",
	}
	for _, arg := range s.d.CmdArgs {
		switch arg.Key {
		case "mode":
			set["snapshot.mode"] = arg.Vals[0]
		case "strategy":
			set["offset.mismatch.strategy"] = arg.Vals[0]
		case "configured":
			set["plugin.name"] = arg.Vals[0]
		case "data":
			set["snapshot.mode.configuration.based.snapshot.data"] = "true"
		case "stream":
			set["snapshot.mode.configuration.based.start.stream"] = "true"
		case "on-data-error":
			set["snapshot.mode.configuration.based.snapshot.on.data.error"] = "true"
		}
	}
	keys, err := spec.Catalogue()
	if err != nil {
		s.t.Fatal(err)
	}
	values, _, problems := keys.Parse(set)
	if len(problems) > 0 {
		s.d.Fatalf(s.t, "%v", problems)
	}
	parsed, err := spec.Parse(values)
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return parsed
}

func (s script) facts() (Facts, pgrepl.Server) {
	c := s.spec()
	f := Facts{
		Mode: c.Snapshot.Mode, Mismatch: c.Slot.Mismatch,
		Want:   pgrepl.SlotName{Name: c.Slot.Name, Plugin: string(c.Output.Plugin), Database: c.Connection.Database},
		System: pgrepl.System{ID: "7", Timeline: 1},
	}
	server := pgrepl.Server{VersionNum: 170000}
	for line := range strings.Lines(s.d.Input) {
		fields := strings.Fields(line)
		for _, field := range fields[1:] {
			name, value, _ := strings.Cut(field, "=")
			switch fields[0] {
			case "server":
				s.server(&server, &f.System, name, value)
			case "history":
				f.Timelines = append(f.Timelines, pgrepl.Timeline{ID: int32(s.number(name)), End: s.lsn(value)})
			case "slot":
				if f.Slot == nil {
					f.Slot = &pgrepl.SlotState{Name: "s", Plugin: f.Want.Plugin, Database: "db"}
				}
				s.slot(f.Slot, name, value)
			case "saved":
				if f.Saved == nil {
					f.Saved = &Saved{At: pgrepl.Position{SystemID: "7", Timeline: 1}}
				}
				s.saved(f.Saved, name, value)
			default:
				s.d.Fatalf(s.t, "unknown fact %s", line)
			}
		}
	}
	return f, server
}

func (s script) server(server *pgrepl.Server, system *pgrepl.System, name, value string) {
	switch name {
	case "system":
		system.ID = value
	case "timeline":
		system.Timeline = int32(s.number(value))
	case "log":
		system.WAL = s.lsn(value)
	case "recovery":
		server.InRecovery, system.Timeline = true, 0
	case "version":
		server.VersionNum = s.number(value) * 10000
	default:
		s.d.Fatalf(s.t, "unknown fact %s of the server", name)
	}
}

func (s script) slot(slot *pgrepl.SlotState, name, value string) {
	switch name {
	case "confirmed":
		slot.ConfirmedFlush = s.lsn(value)
	case "plugin":
		slot.Plugin = value
	case "database":
		slot.Database = value
	case "failover":
		slot.Failover = true
	case "lost":
		slot.WALStatus = "lost"
	case "active":
		slot.Active = true
	case "synced":
		slot.Synced = true
	default:
		s.d.Fatalf(s.t, "unknown fact %s of the slot", name)
	}
}

func (s script) saved(saved *Saved, name, value string) {
	switch name {
	case "at":
		saved.At.Commit = s.lsn(value)
	case "ordinal":
		saved.At.Ordinal = uint64(s.number(value))
	case "system":
		saved.At.SystemID = value
	case "unlocated":
		saved.At.SystemID, saved.At.Timeline = "", 0
	case "timeline":
		saved.At.Timeline = int32(s.number(value))
	case "delivered":
		saved.At.Delivered = s.lsn(value)
	case "reading":
		saved.Reading = true
	default:
		s.d.Fatalf(s.t, "unknown fact %s of the checkpoint", name)
	}
}

func (s script) number(text string) (n int) {
	if _, err := fmt.Sscan(text, &n); err != nil {
		s.d.Fatalf(s.t, "%q: %v", text, err)
	}
	return n
}

func (s script) lsn(text string) pgrepl.LSN {
	lsn, err := pgrepl.ParseLSN(text)
	if err != nil {
		s.d.Fatalf(s.t, "%q: %v", text, err)
	}
	return lsn
}

func showPlan(p Plan) string {
	var b strings.Builder
	if p.KeepOnStandbys {
		b.WriteString("have standbys keep the slot\n")
	}
	if p.Refusal != nil {
		return b.String() + "refuse: " + showError(p.Refusal)
	}
	if p.Lost != nil {
		b.WriteString("changes are lost: " + showError(p.Lost))
	}
	if p.Gap != nil {
		b.WriteString("accept a gap: " + showError(p.Gap))
	}
	if p.Promotion {
		b.WriteString("follow a promotion\n")
	}
	if p.DropSlot {
		b.WriteString("drop the slot\n")
	}
	slot := [...]string{"no slot", "a new slot", "the old slot"}[p.Slot]
	read := [...]string{"nothing", "all tables", "the rest of the tables", "all tables in place of changes"}[p.Read]
	fmt.Fprintf(&b, "%s; read %s", slot, read)
	if p.Fresh {
		b.WriteString("; begin a position")
	}
	if at := p.At; at != (pgrepl.Position{}) {
		fmt.Fprintf(&b, "; stream at %s of system %s, timeline %d, delivered to %s", at, at.SystemID,
			at.Timeline, at.Delivered)
	}
	return b.String() + "\n"
}

func showError(err error) string {
	if err == nil {
		return "none\n"
	}
	text := string(pgrepl.ReasonOf(err))
	if _, passes := errors.AsType[retry.Passing](err); passes {
		text += ", which may pass"
	}
	return text + "\n"
}

func showChoice(c PluginChoice) string {
	switch c.Step {
	case TrySlot:
		return "try the slot\n"
	case MigrateToPgoutput:
		return "migrate it: " + showError(c.Refusal)
	}
	return "use " + string(c.Plugin) + "\n"
}

func TestARefusalSaysWhyTheSlotWasNotMigrated(t *testing.T) {
	obstacle := Migratable(pgrepl.Position{Commit: 5, Ordinal: 1})
	if obstacle == nil {
		t.Fatal("a slot is migrated in the middle of a transaction")
	}
	if err := Migratable(pgrepl.Position{Commit: 5}); err != nil {
		t.Errorf("between transactions a slot is not migrated: %v", err)
	}
	slot := &pgrepl.SlotState{Name: "s"}
	refusal := &pgrepl.Error{Reason: pgrepl.ReasonPluginRefused, Err: errors.New("the plugin is refused")}
	err := KeepsPlugin(slot, refusal, obstacle)
	if pgrepl.ReasonOf(err) != pgrepl.ReasonPluginRefused || !strings.Contains(err.Error(), "the plugin is refused") ||
		!strings.Contains(err.Error(), obstacle.Error()) {
		t.Errorf("%v", err)
	}
	if strings.Contains(refusal.Error(), obstacle.Error()) {
		t.Errorf("the refusal itself was changed: %v", refusal)
	}
	if other := errors.New("gone"); KeepsPlugin(slot, other, obstacle) != other {
		t.Error("an error without a reason was changed")
	}
}

func TestOnlyPluginsThatTheServerLacksOrRefusesFallBackToPgoutput(t *testing.T) {
	for _, c := range []struct {
		plugin spec.Plugin
		reason pgrepl.Reason
		want   bool
	}{
		{"wal2json", pgrepl.ReasonPluginMissing, true}, {"wal2json", pgrepl.ReasonPluginRefused, true},
		{"wal2json", pgrepl.ReasonSlotLost, false}, {"pgoutput", pgrepl.ReasonPluginRefused, false},
	} {
		if got := FallsBack(c.plugin, &pgrepl.Error{Reason: c.reason}); got != c.want {
			t.Errorf("%s with %s: %v", c.plugin, c.reason, got)
		}
	}
}

func TestAStartKnowsAPositionAndAnUnfinishedSnapshot(t *testing.T) {
	if saved := Begun(progress.Since(nil)); saved != nil {
		t.Errorf("without a checkpoint %+v", saved)
	}
	at := pgrepl.Position{Commit: 7}
	if saved := Begun(progress.Since(&progress.Checkpoint{At: at})); *saved != (Saved{At: at}) {
		t.Errorf("with one %+v", saved)
	}
	if saved := Begun(progress.Since(&progress.Checkpoint{At: at,
		Snapshot: new(progress.Snapshot)})); *saved != (Saved{At: at, Reading: true}) {
		t.Errorf("with one in the middle of a snapshot %+v", saved)
	}
}
