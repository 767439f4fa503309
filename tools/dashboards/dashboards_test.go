package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const committed = "../../deploy/observability/dashboards"

func rendered(t *testing.T, b board) []byte {
	t.Helper()
	text, err := render(b, defaultPage)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheFilesOfDashboardsAreWhatTheSourceGives(t *testing.T) {
	files := map[string]bool{}
	for _, b := range boards() {
		name := b.uid + ".json"
		files[name] = true
		if got, err := os.ReadFile(filepath.Join(committed, name)); err != nil || !bytes.Equal(got, rendered(t, b)) {
			t.Errorf("deploy/observability/dashboards/%s is not what the source gives (%v); run make dashboards and commit the result",
				name, err)
		}
	}
	entries, err := os.ReadDir(committed)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !files[e.Name()] {
			t.Errorf("deploy/observability/dashboards/%s has no source", e.Name())
		}
	}
}

func TestGrafanasOwnSchemaTakesEachDashboardWithoutAnUnknownField(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	for _, b := range boards() {
		var d dashboard.Dashboard
		// It gives an empty list where nothing is wrong.
		var wrong cog.BuildErrors
		if err := d.UnmarshalJSONStrict(rendered(t, b)); !errors.As(err, &wrong) || len(wrong) > 0 {
			t.Errorf("%s: %v", b.uid, err)
		}
		var unknown dashboard.Dashboard
		if err := unknown.UnmarshalJSONStrict([]byte(`{"panles": []}`)); !errors.As(err, &wrong) || len(wrong) == 0 {
			t.Error("a field that does not exist is taken")
		}
	}
}

// seen is what the tests look at of a panel or of a row.
type seen struct {
	ID          uint32
	Type, Title string
	Description string
	Collapsed   bool
	GridPos     struct{ X, Y, W, H uint32 }
	Datasource  struct{ UID string }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct {
		RefID, Expr string
		Datasource  struct{ UID string }
	}
	Options struct{ YAxis struct{ Unit string } }
	Panels  []seen
}

// panels are those of a dashboard with those of folded rows, and how many are seen at once.
func panels(t *testing.T, text []byte) (all []seen, open int) {
	t.Helper()
	var d struct{ Panels []seen }
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		all = append(all, p)
		all = append(all, p.Panels...)
		if p.Type != "row" {
			open++
		}
	}
	return all, open
}

func TestPanelsSayWhatTheyShowInWhichUnitAndDoNotLieOnEachOther(t *testing.T) {
	uids := map[string]bool{}
	for _, b := range boards() {
		if uids[b.uid] {
			t.Errorf("there are two dashboards %s", b.uid)
		}
		uids[b.uid] = true
		text := rendered(t, b)
		if strings.Contains(string(text), "__inputs") || strings.Contains(string(text), "${DS_") {
			t.Errorf("%s asks for inputs, which provisioning does not give", b.uid)
		}
		all, open := panels(t, text)
		if len(all) > 30 || open > 12 {
			t.Errorf("%s has %d panels, %d of them open: 30 and 12 at most", b.uid, len(all), open)
		}
		ids, cells := map[uint32]bool{}, map[[2]uint32]string{}
		for _, p := range all {
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s: %q has the id %d, which is none or another's", b.uid, p.Title, p.ID)
			}
			ids[p.ID] = true
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other, taken := cells[[2]uint32{x, y}]; taken {
						t.Fatalf("%s: %q lies on %q", b.uid, p.Title, other)
					}
					cells[[2]uint32{x, y}] = p.Title
				}
			}
			if p.GridPos.W == 0 || p.GridPos.X+p.GridPos.W > columns {
				t.Errorf("%s: %q is %d wide from %d", b.uid, p.Title, p.GridPos.W, p.GridPos.X)
			}
			if p.Type == "row" {
				continue
			}
			if p.Description == "" || p.FieldConfig.Defaults.Unit == "" && p.Options.YAxis.Unit == "" {
				t.Errorf("%s: %q lacks a description or a unit", b.uid, p.Title)
			}
			if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
				t.Errorf("%s: %q asks %q, %d times", b.uid, p.Title, p.Datasource.UID, len(p.Targets))
			}
			for _, q := range p.Targets {
				if q.Datasource.UID != "${datasource}" || q.Expr == "" || q.RefID == "" {
					t.Errorf("%s: %q has the query %+v", b.uid, p.Title, q)
				}
			}
		}
	}
}

func TestTheOverviewAsksPrometheusFewQueries(t *testing.T) {
	all, _ := panels(t, rendered(t, fleet()))
	n := 0
	for _, p := range all {
		n += len(p.Targets)
	}
	if n > 25 {
		t.Errorf("the overview asks %d queries; 25 at most", n)
	}
}

func TestAValueIsColouredFromTheBoundThatIsWorse(t *testing.T) {
	for _, tc := range []struct {
		warn, bad float64
		want      string
	}{
		{0, 0, "green"},
		{1, 1, "green 1:red"},
		{60, 300, "green 60:orange 300:red"},
		{86400, 14400, "red 14400:orange 86400:green"},
	} {
		built, err := thresholds(panel{warn: tc.warn, bad: tc.bad}).Build()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range built.Steps {
			if s.Value == nil {
				got = append(got, s.Color)
			} else {
				got = append(got, fmt.Sprintf("%g:%s", *s.Value, s.Color))
			}
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("from %g and %g: %v, want %s", tc.warn, tc.bad, got, tc.want)
		}
	}
}
