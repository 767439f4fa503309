package nemesis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/tests/internal/nemesis"
)

// history is what a machine draws, as text.
func history(seed uint64, steps int) string {
	m := nemesis.New(seed)
	var b strings.Builder
	for range steps {
		fmt.Fprintln(&b, m.Next())
	}
	return b.String()
}

func TestTheSameSeedGivesTheSameHistoryAndAnotherSeedAnother(t *testing.T) {
	const steps = 300
	if first, again := history(7, steps), history(7, steps); first != again {
		t.Errorf("seed 7 gives\n%s\nand\n%s", first, again)
	}
	if history(7, steps) == history(8, steps) {
		t.Error("seeds 7 and 8 give the same history")
	}
}

func TestEveryActionIsReachedOnEverythingThatItCanBeDoneTo(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(20) {
		m := nemesis.New(seed)
		for range 200 {
			step := m.Next()
			of := step.Of
			switch step.Action {
			case nemesis.AddColumn, nemesis.DropColumn, nemesis.RenameColumn, nemesis.NewTable:
				of = ""
			case nemesis.Break:
				of += " " + step.To
			case nemesis.Insert, nemesis.Update, nemesis.Delete, nemesis.Truncate, nemesis.Snapshot, nemesis.Fingerprint:
				of = fmt.Sprint(of == nemesis.FirstTable)
			}
			seen[string(step.Action)+" "+of] = true
		}
	}
	want := func(action nemesis.Action, all ...string) {
		for _, of := range all {
			if name := string(action) + " " + of; !seen[name] {
				t.Errorf("%q was never drawn", name)
			}
		}
	}
	for _, a := range []nemesis.Action{nemesis.Insert, nemesis.Update, nemesis.Delete, nemesis.Truncate, nemesis.Snapshot,
		nemesis.Fingerprint} {
		want(a, "true", "false")
	}
	for _, a := range []nemesis.Action{nemesis.AddColumn, nemesis.DropColumn, nemesis.RenameColumn, nemesis.NewTable} {
		want(a, "")
	}
	for _, a := range []nemesis.Action{nemesis.Pause, nemesis.Stop, nemesis.Resume, nemesis.Restart, nemesis.Configure} {
		want(a, nemesis.Connectors...)
	}
	want(nemesis.Kill, nemesis.Servers...)
	for _, network := range nemesis.Networks {
		for _, way := range nemesis.Ways {
			want(nemesis.Break, network+" "+way)
		}
	}
}

// pipeline follows steps by itself, and fails on one that cannot be done.
type pipeline struct {
	tables, columns, idle map[string]bool
	snapshots             int
}

func (p *pipeline) do(s nemesis.Step) error {
	needs := func(is bool, what string) error {
		if !is {
			return fmt.Errorf("%v, of %+v: %s", s, *p, what)
		}
		return nil
	}
	switch s.Action {
	case nemesis.Insert, nemesis.Update, nemesis.Delete:
		return needs(p.tables[s.Of] && s.Rows > 0, "there is no such table, or no row to change")
	case nemesis.Truncate, nemesis.Fingerprint:
		return needs(p.tables[s.Of], "there is no such table")
	case nemesis.AddColumn:
		_, used := p.columns[s.Of]
		p.columns[s.Of] = true
		return needs(!used, "the column was there")
	case nemesis.DropColumn:
		was := p.columns[s.Of]
		p.columns[s.Of] = false
		return needs(was, "there is no such column")
	case nemesis.RenameColumn:
		was := p.columns[s.Of]
		_, used := p.columns[s.To]
		p.columns[s.Of], p.columns[s.To] = false, true
		return needs(was && !used, "there is no such column, or the other was there")
	case nemesis.NewTable:
		was := p.tables[s.Of]
		p.tables[s.Of] = true
		return needs(!was && s.Rows > 0 && !p.idle[nemesis.Source], "the table was there, is empty or cannot be read")
	case nemesis.Pause, nemesis.Stop, nemesis.Restart:
		was := p.idle[s.Of]
		p.idle[s.Of] = s.Action != nemesis.Restart
		return needs(!was, "the connector does not run")
	case nemesis.Resume:
		was := p.idle[s.Of]
		p.idle[s.Of] = false
		return needs(was, "the connector runs")
	case nemesis.Snapshot:
		p.snapshots++
		return needs(p.tables[s.Of] && p.snapshots <= 8, "there is no such table, or too much was read")
	case nemesis.Configure:
		return needs(s.To != "" && s.Value != "", "there is nothing to set")
	case nemesis.Kill:
		return needs(slices.Contains(nemesis.Servers, s.Of), "there is no such server")
	case nemesis.Break:
		return needs(slices.Contains(nemesis.Networks, s.Of) && slices.Contains(nemesis.Ways, s.To), "it cannot be broken")
	}
	return needs(false, "nobody knows this action")
}

func TestEveryStepCanBeDoneAndAllRunsWhenItIsSettled(t *testing.T) {
	for seed := range uint64(50) {
		p := &pipeline{map[string]bool{nemesis.FirstTable: true}, map[string]bool{}, map[string]bool{}, 0}
		m := nemesis.New(seed)
		for range 200 {
			if err := p.do(m.Next()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		for _, step := range m.Settle() {
			if err := p.do(step); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		for connector, idle := range p.idle {
			if idle {
				t.Errorf("seed %d: %s does not run when all is settled", seed, connector)
			}
		}
		if got := m.State(); len(got.Idle) != 0 || len(got.Tables) != len(p.tables) {
			t.Errorf("seed %d: the machine's state is %+v, and the pipeline's %+v", seed, got, p)
		}
	}
}
