package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// hurry is how many times sooner than in production alerts are raised: a rule that waits for five
// minutes waits for fifteen seconds, and looks back over a time that is as much shorter.
const hurry = 20

// alarms are Prometheus, which scrapes the stack's services and evaluates the rules of
// deploy/observability, Alertmanager with the sample's routes and inhibitions, and the receiver
// of what Alertmanager sends.
type alarms struct {
	mu sync.Mutex
	// sent are the alerts that were sent and say what was sent last; they stay when they end.
	sent map[string]alert
	// prometheus is the address of its API.
	prometheus string
}

// alert is an alert as Alertmanager's webhook sends it.
type alert struct {
	Status      string            `json:"status"` // firing or resolved
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Fingerprint string            `json:"fingerprint"`
}

func (a alert) name() string { return a.Labels["alertname"] }

func (a alert) String() string {
	return fmt.Sprintf("%s (%s) %v: %s", a.name(), a.Status, a.Labels, a.Annotations["summary"])
}

// newAlarms starts all three for the services that serve metrics at the given addresses, by job. It
// is nil where the programs are missing; no alert is expected then.
func newAlarms(t *testing.T, metrics map[string]string) *alarms {
	t.Helper()
	for _, name := range []string{"prometheus", "prometheus-alertmanager"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Logf("%s is not here: no alerts are looked at; it comes with Debian's package of that name", name)
			return nil
		}
	}
	a := &alarms{sent: map[string]alert{}}
	receiver := httptest.NewServer(http.HandlerFunc(a.receive))
	t.Cleanup(receiver.Close)
	dir, ports := t.TempDir(), [3]int{}
	for i := range ports {
		var err error
		if ports[i], err = testenv.FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	alertmanager := fmt.Sprintf("localhost:%d", ports[0])

	routes := sample(t, "alertmanager.yaml")
	top := routes["route"].(map[string]any)
	top["group_wait"], top["group_interval"] = "1s", "1s"
	for _, r := range top["routes"].([]any) {
		delete(r.(map[string]any), "group_wait")
	}
	routes["receivers"] = []any{map[string]any{"name": "nobody",
		"webhook_configs": []any{map[string]any{"url": receiver.URL, "send_resolved": true}}}}
	run(t, dir, "prometheus-alertmanager", "--config.file="+write(t, dir, "alertmanager.yaml", routes),
		"--storage.path="+filepath.Join(dir, "alertmanager"), "--web.listen-address="+alertmanager,
		"--cluster.listen-address=")

	var jobs []any
	for _, job := range slices.Sorted(maps.Keys(metrics)) {
		jobs = append(jobs, map[string]any{"job_name": job,
			"static_configs": []any{map[string]any{"targets": []string{metrics[job]}}}})
	}
	rules, err := os.ReadFile(filepath.Join(observability(t), "prometheus-rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(hurried(string(rules))), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "prometheus", "--config.file="+write(t, dir, "prometheus.yaml", map[string]any{
		"global":     map[string]any{"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"},
		"rule_files": []string{"rules.yaml"},
		"alerting": map[string]any{"alertmanagers": []any{map[string]any{
			"static_configs": []any{map[string]any{"targets": []string{alertmanager}}}}}},
		"scrape_configs": jobs}),
		"--storage.tsdb.path="+filepath.Join(dir, "prometheus"), fmt.Sprintf("--web.listen-address=localhost:%d", ports[1]),
		"--rules.alert.resend-delay=1s")
	a.prometheus = fmt.Sprintf("http://localhost:%d", ports[1])
	return a
}

func observability(t *testing.T) string {
	t.Helper()
	root, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "deploy", "observability")
}

// sample reads a file of deploy/observability.
func sample(t *testing.T, name string) (content map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(observability(t), name))
	if err == nil {
		err = yaml.Unmarshal(text, &content)
	}
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, dir, name string, content map[string]any) string {
	t.Helper()
	text, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a program of Debian until the test ends.
func run(t *testing.T, dir, name string, arguments ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := testenv.StartProcess(testenv.Command{Path: path, Args: arguments, Dir: dir, Log: filepath.Join(dir, name+".log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s:\n%s", name, p.Tail(20))
		}
		if err := p.Stop(syscall.SIGTERM, 30*time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}

var (
	waits = regexp.MustCompile(`(?m)(^\s+for: |\[|offset )(\d+)([mh])`)
	late  = regexp.MustCompile(`(cdc_table_lag_seconds\) > )(\d+)`)
)

// hurried are rules that wait and look back for less time.
func hurried(rules string) string {
	rules = late.ReplaceAllStringFunc(rules, func(text string) string {
		m := late.FindStringSubmatch(text)
		n, _ := strconv.Atoi(m[2])
		return m[1] + strconv.Itoa(n/hurry)
	})
	return waits.ReplaceAllStringFunc(rules, func(text string) string {
		m := waits.FindStringSubmatch(text)
		n, _ := strconv.Atoi(m[2])
		if m[3] == "h" {
			n *= 60
		}
		return fmt.Sprintf("%s%ds", m[1], n*60/hurry)
	})
}

func (a *alarms) receive(w http.ResponseWriter, r *http.Request) {
	var message struct {
		Alerts []alert `json:"alerts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, alert := range message.Alerts {
		a.sent[alert.Fingerprint] = alert
	}
}

// firing are the alerts that were sent, and not resolved since, for a pipeline or for none: those are
// of the whole stack.
func (a *alarms) firing(pipeline string) (all []alert) {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, alert := range a.sent {
		of, ok := alert.Labels["pipeline"]
		if alert.Status == "firing" && (of == pipeline || !ok && !apart[alert.name()]) {
			all = append(all, alert)
		}
	}
	return all
}

// apart are alerts that belong to no pipeline and are no fault of the whole stack: the dead man's
// switch, and one whose metric does not say whom the cluster throttles.
var apart = map[string]bool{"CalypsoWatchdog": true, "CalypsoIngestionThrottled": true}

// fire says that other alerts than the named ones fire for a pipeline.
func (a *alarms) fire(pipeline string, want ...string) error {
	var names, texts []string
	for _, alert := range a.firing(pipeline) {
		names, texts = append(names, alert.name()), append(texts, alert.String())
	}
	slices.Sort(names)
	if a != nil && !slices.Equal(names, want) {
		return fmt.Errorf("other alerts fire than %v:\n%s", want, strings.Join(texts, "\n"))
	}
	return nil
}

// checkMetrics gives what each service serves in the end to promtool check metrics.
func (r *rig) checkMetrics(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("promtool is not here: it comes with Debian's package prometheus")
	}
	for job, address := range r.metrics {
		response, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		check := exec.Command("promtool", "check", "metrics")
		check.Stdin = response.Body
		out, err := check.CombinedOutput()
		response.Body.Close()
		if err != nil || len(out) > 0 {
			t.Errorf("promtool check metrics of %s: %v\n%s", job, err, out)
		}
	}
}
