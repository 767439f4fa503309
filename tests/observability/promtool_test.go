package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// rulesTest is what promtool test rules reads: for each part series, and the alerts that are to fire.
type rulesTest struct {
	Files    []string `yaml:"rule_files"`
	Interval string   `yaml:"evaluation_interval"`
	Tests    []part   `yaml:"tests"`
}

type part struct {
	Name     string     `yaml:"name"`
	Interval string     `yaml:"interval"`
	Input    []input    `yaml:"input_series,omitempty"`
	Alerts   []expected `yaml:"alert_rule_test"`
}

type input struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type expected struct {
	At     string  `yaml:"eval_time"`
	Name   string  `yaml:"alertname"`
	Firing []fired `yaml:"exp_alerts"`
}

type fired struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

// standing are alerts that fire where there is no metric: that is what they are for.
var standing = map[string]bool{"CalypsoAdminDown": true, "CalypsoWatchdog": true}

func TestEachAlertFiresAtItsFaultAndNotJustUnderItNorWithoutItsMetrics(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not here: it comes with Debian's package prometheus")
	}
	files, err := filepath.Abs(filepath.Join(directory, plainFile))
	if err != nil {
		t.Fatal(err)
	}
	test := rulesTest{Files: []string{files}, Interval: "1m"}
	given := map[string]example{}
	for _, e := range examples {
		given[e.alert] = e
	}
	for _, a := range everyAlert() {
		e, ok := given[a.name]
		delete(given, a.name)
		if !ok {
			t.Errorf("there is no example of %s", a.name)
			continue
		}
		at := max(e.at, a.hold)
		firing := []fired{e.firing(a)}
		test.Tests = append(test.Tests, e.part("fires", e.fires, at, firing))
		if at == a.hold && at > 0 {
			test.Tests = append(test.Tests, e.part("waits", e.fires, at-time.Minute, nil))
		}
		if e.under != nil {
			test.Tests = append(test.Tests, e.part("is just under", e.under, at, nil))
		}
		if !standing[a.name] {
			firing = nil
		}
		test.Tests = append(test.Tests, e.part("without its metrics", nil, at, firing))
	}
	for name := range given {
		t.Errorf("there is an example of %s, which is no alert", name)
	}
	text, err := yaml.Marshal(test)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool test rules: %v\n%s", err, out)
	}
}

func TestPromtoolAndAmtoolAcceptTheFiles(t *testing.T) {
	for tool, arguments := range map[string][][]string{
		"promtool": {{"check", "rules", plainFile}, {"check", "config", "prometheus.yaml"}},
		"amtool":   {{"check-config", "alertmanager.yaml"}},
	} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Logf("%s is not here: its files are not checked", tool)
			continue
		}
		for _, a := range arguments {
			command := exec.Command(path, a...)
			command.Dir = directory
			if out, err := command.CombinedOutput(); err != nil {
				t.Errorf("%s %v: %v\n%s", tool, a, err, out)
			}
		}
	}
}

func (e example) part(what string, from []series, at time.Duration, firing []fired) part {
	p := part{Name: e.alert + " " + what, Interval: "1m",
		Alerts: []expected{{At: at.String(), Name: e.alert, Firing: firing}}}
	for _, s := range from {
		p.Input = append(p.Input, input{s.name, s.values})
	}
	return p
}

// firing is the alert with its texts, in which labels stand for their templates.
func (e example) firing(a alert) fired {
	f := fired{map[string]string{"severity": string(a.severity)}, a.annotations(committed)}
	for name, value := range e.labels {
		f.Labels[name] = value
	}
	f.Annotations["summary"] = e.summary
	for name, text := range f.Annotations {
		f.Annotations[name] = labelTemplate.ReplaceAllStringFunc(text, func(template string) string {
			return e.labels[labelTemplate.FindStringSubmatch(template)[1]]
		})
	}
	return f
}

var labelTemplate = regexp.MustCompile(`\{\{ \$labels\.(\w+) \}\}`)
