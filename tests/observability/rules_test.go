package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root      = "../.."
	directory = root + "/deploy/observability"
)

func everyAlert() (all []alert) {
	for _, g := range groups() {
		all = append(all, g.alerts...)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheFilesOfRulesAreWhatTheSourceGives(t *testing.T) {
	files, err := outputs(committed)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(directory, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("deploy/observability/%s is not what rules.go gives (%v); run make alerts and commit the result", name, err)
		}
	}
}

// Of a PromQL expression: texts, selectors' labels, labels of grouping and matching, ranges, and words.
var (
	quoted    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	selector  = regexp.MustCompile(`\{[^}]*\}`)
	grouping  = regexp.MustCompile(`\b(by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	timeRange = regexp.MustCompile(`\[[^]]*\]|\boffset\s+\w+`)
	word      = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*(\s*\()?`)
)

// named are the metrics and the labels that an expression names.
func named(expr string) (metrics, labels []string) {
	// label_replace names labels as texts.
	for _, m := range regexp.MustCompile(`, "(\w+)", "[^"]*", "(\w+)", "`).FindAllStringSubmatch(expr, -1) {
		labels = append(labels, m[2])
	}
	expr = timeRange.ReplaceAllString(quoted.ReplaceAllString(expr, ""), "")
	for _, s := range selector.FindAllString(expr, -1) {
		labels = append(labels, word.FindAllString(s, -1)...)
	}
	expr = selector.ReplaceAllString(expr, "")
	for _, s := range grouping.FindAllStringSubmatch(expr, -1) {
		labels = append(labels, word.FindAllString(s[2], -1)...)
	}
	for _, w := range word.FindAllString(grouping.ReplaceAllString(expr, ""), -1) {
		if !strings.HasSuffix(w, "(") && !slices.Contains([]string{"by", "and", "or", "unless", "max", "min", "sum"}, w) {
			metrics = append(metrics, w)
		}
	}
	return metrics, labels
}

// Labels that Prometheus gives to what it scrapes, or to buckets.
var fromPrometheus = []string{"cluster", "namespace", "job", "instance", "le"}

func TestEveryMetricAndLabelOfAnAlertExists(t *testing.T) {
	documented := read(t, "docs/metrics.md")
	labelsOf := labelsInCode(t)
	for _, a := range everyAlert() {
		metrics, labels := named(a.expr)
		// A label must be one that any of the expression's metrics has.
		known := slices.Clone(fromPrometheus)
		for _, m := range metrics {
			if m == "up" {
				continue
			}
			base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(m, "")
			if !strings.Contains(documented, "| `"+m+"` |") && !strings.Contains(documented, "| `"+base+"` | histogram |") {
				t.Errorf("%s names %s, which is not in docs/metrics.md", a.name, m)
			}
			known = append(known, labelsOf(base)...)
		}
		for _, l := range labels {
			if !slices.Contains(known, l) {
				t.Errorf("%s names the label %s, which none of %v has", a.name, l, metrics)
			}
		}
		for _, text := range a.annotations(committed) {
			for _, l := range labelTemplate.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(labels, l[1]) || !strings.Contains(a.expr, " "+l[1]+")") &&
					!strings.Contains(a.expr, " "+l[1]+",") {
					t.Errorf("a text of %s names the label %s, by which its expression does not group", a.name, l[1])
				}
			}
		}
	}
}

// labelsInCode gives the labels that a metric may have: those that the package attaches in which
// the metric is declared. Which of its metrics has which label is not told apart.
func labelsInCode(t *testing.T) func(metric string) []string {
	t.Helper()
	declared, attached := map[string][]string{}, map[string]map[string]bool{}
	read := func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		if attached[dir] == nil {
			attached[dir] = map[string]bool{}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && metricName.MatchString(text) {
					name := strings.ReplaceAll(text, ".", "_")
					declared[name] = append(declared[name], dir)
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) == 2 {
					if of, ok := f.X.(*ast.Ident); ok && of.Name == "attribute" {
						if key, ok := n.Args[0].(*ast.BasicLit); ok {
							label, _ := strconv.Unquote(key.Value)
							attached[dir][strings.ReplaceAll(label, ".", "_")] = true
						}
					}
				}
			}
			return true
		})
		return nil
	}
	for _, dir := range []string{"services/admin", "services/capture", "services/sink", "libs/connector/runtime"} {
		if err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
			if e != nil && e.IsDir() && e.Name() == "node_modules" {
				return fs.SkipDir
			}
			return read(path, e, err)
		}); err != nil {
			t.Fatal(err)
		}
	}
	return func(metric string) (labels []string) {
		// The exporter adds units and _total.
		for _, suffix := range []string{"", "_total", "_seconds", "_bytes", "_seconds_total", "_bytes_total",
			"_bytes_per_second"} {
			name, ok := strings.CutSuffix(metric, suffix)
			for _, dir := range declared[name] {
				if ok {
					labels = append(labels, slices.Collect(maps.Keys(attached[dir]))...)
				}
			}
		}
		return labels
	}
}

var metricName = regexp.MustCompile(`^(cdc_|calypso\.connector\.)[a-z0-9_.]+$`)

func TestAnExpressionIsTakenApartIntoMetricsAndLabels(t *testing.T) {
	metrics, labels := named(`max by (a, b) (label_replace(rate(m_total{c=~"x y",d="{e}"}[5m]), "f", "$1", "g", "(.*)")) > 2^10
		unless on (a) n offset 10m or vector(1)`)
	if !slices.Equal(metrics, []string{"m_total", "n"}) {
		t.Errorf("metrics are %v", metrics)
	}
	if !slices.Equal(labels, []string{"g", "c", "d", "a", "b", "a"}) {
		t.Errorf("labels are %v", labels)
	}
}

func TestEveryAlertLeadsToItsSectionAndToAPageThatExists(t *testing.T) {
	sections := map[string]bool{}
	for _, line := range strings.Split(read(t, "docs/alerts.md"), "\n") {
		if title, ok := strings.CutPrefix(line, "## Calypso"); ok {
			sections["Calypso"+title] = true
		}
	}
	pages := read(t, "services/admin/web/src/main.tsx")
	for _, a := range everyAlert() {
		if !sections[a.name] {
			t.Errorf("docs/alerts.md has no section %s", a.name)
		}
		delete(sections, a.name)
		if _, anchor, _ := strings.Cut(a.annotations(committed)["runbook_url"], "#"); anchor != strings.ToLower(a.name) {
			t.Errorf("the anchor of %s is %s", a.name, anchor)
		}
		view := strings.FieldsFunc(strings.TrimPrefix(a.view, "/ui/"), func(r rune) bool { return r == '/' || r == '?' })
		if len(view) > 0 && !strings.Contains(pages, strconv.Quote(view[0])) {
			t.Errorf("%s leads to %s, which is no page of admin", a.name, a.view)
		}
	}
	for name := range sections {
		t.Errorf("docs/alerts.md has a section %s, which is no alert", name)
	}
}

func TestAnAlertSaysWhatIsAtFaultHowSoonToLookAndWhatToDo(t *testing.T) {
	names := map[string]bool{}
	for _, g := range groups() {
		if len(g.alerts) > 20 {
			t.Errorf("group %s has %d rules; Azure takes 20", g.name, len(g.alerts))
		}
		for _, a := range g.alerts {
			if names[a.name] {
				t.Errorf("there are two alerts %s", a.name)
			}
			names[a.name] = true
			if azureSeverity[a.severity] == 0 {
				t.Errorf("%s has the severity %q, which is none", a.name, a.severity)
			}
			if a.summary == "" || a.description == "" || !strings.HasPrefix(a.view, "/ui/") {
				t.Errorf("%s lacks a summary, a description or a page", a.name)
			}
		}
	}
}

// azureProperties are those of API version 2023-03-01.
var azureProperties = []string{"alert", "expression", "for", "severity", "enabled", "labels", "annotations", "actions",
	"resolveConfiguration"}

func TestTheTemplateForAzureHasNothingThatAzureTakesForAnExpression(t *testing.T) {
	var template struct {
		Resources []struct {
			Properties struct{ Rules []map[string]any }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/observability/"+azureFile)), &template); err != nil {
		t.Fatal(err)
	}
	rules := 0
	for _, r := range template.Resources {
		for _, rule := range r.Properties.Rules {
			rules++
			for property, value := range rule {
				text, _ := value.(string)
				if !slices.Contains(azureProperties, property) || property != "actions" && strings.HasPrefix(text, "[") {
					t.Errorf("%s has %s: %v", rule["alert"], property, value)
				}
			}
		}
	}
	if want := len(everyAlert()); rules != want {
		t.Errorf("the template has %d rules, not %d", rules, want)
	}
}
