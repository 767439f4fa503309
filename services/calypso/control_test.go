package calypso

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

// canary stands for every secret that can be given.
const canary = "canary5a7c0de"

func TestTheControlPlaneOfARunningSystem(t *testing.T) {
	traces := serveReceiver(t)
	secrets := t.TempDir()
	if err := os.WriteFile(filepath.Join(secrets, "source.properties"), []byte("password="+canary+"\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CANARY_PASSWORD", canary)
	s := upSettings(t, "--rate", "50", "--reference-paths", secrets, "--reference-env", "CANARY_.*")
	s.PostgresPassword = canary
	out, stop := up(t, s)
	flushQuickly(t, &s)
	t.Run("the README's commands work as they stand", func(t *testing.T) { readmeCommandsWork(t, &s) })
	t.Run("each check of a configuration has a name", func(t *testing.T) { checksAreNamed(t, &s) })
	t.Run("every documented metric exists and moves", func(t *testing.T) { documentedMetricsMove(t, &s) })
	t.Run("a secret that is referred to is used and stays a reference", func(t *testing.T) {
		referring(t, &s, "${env:CANARY_PASSWORD}")
		referring(t, &s, "${file:"+filepath.Join(secrets, "source.properties")+":password}")
	})
	t.Run("hostile values reach nothing and run nothing", func(t *testing.T) { hostileValuesDoNothing(t, &s) })
	t.Run("no answer holds a secret", func(t *testing.T) { answersHoldNoSecret(t, &s) })
	stop()
	traces.mu.Lock()
	if traces.leaks > 0 || len(traces.spans) == 0 {
		t.Errorf("%d exports of %d traces hold the secret", traces.leaks, len(traces.spans))
	}
	traces.mu.Unlock()
	logs, err := filepath.Glob(filepath.Join(s.Data, "logs", "*"))
	if err != nil || len(logs) < 5 {
		t.Fatalf("logs are %v, %v", logs, err)
	}
	for _, log := range logs {
		content, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		lacksCanary(t, filepath.Base(log), string(content))
	}
	lacksCanary(t, "the screen", out.String())
}

// lacksCanary fails the test if text holds the secret, in clear or as it is sent.
func lacksCanary(t *testing.T, what, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.Contains(line, canary) {
			at := strings.Index(line, canary)
			t.Errorf("%s holds the secret: %s", what, line[max(0, at-200):min(len(line), at+200)])
			return
		}
	}
}

// readmeCommandsWork runs the indented commands of the README's section Control, with the ports of this system.
func readmeCommandsWork(t *testing.T, s *Settings) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Control\n")
	section, _, _ = strings.Cut(section, "\n## ")
	ports := strings.NewReplacer(":7070", fmt.Sprintf(":%d", s.AdminPort), ":7071", fmt.Sprintf(":%d", s.CapturePort),
		":7072", fmt.Sprintf(":%d", s.SinkGRPCPort),
		":7073", fmt.Sprintf(":%d", s.OrdersPort), ":9090", fmt.Sprintf(":%d", s.SourcePort), ":8080",
		fmt.Sprintf(":%d", s.SinkPort))
	ran := 0
	for line := range strings.Lines(section) {
		command, isCode := strings.CutPrefix(strings.TrimRight(line, "\n"), "    ")
		if !isCode || command == "" || strings.HasPrefix(command, "#") {
			continue
		}
		ran++
		words := shellWords(ports.Replace(command))
		var output string
		var err error
		switch name := words[0]; name {
		case "bin/calypsoctl":
			var code int
			if output, code = calypsoctl(t, s, words[1:]...); code != ctl.ExitOK {
				err = fmt.Errorf("exit status %d", code)
			}
		case "curl":
			output, err = run(t, "curl", append([]string{"--fail-with-body", "--silent", "--show-error"}, words[1:]...)...)
		case "grpcurl":
			path, missing := exec.LookPath(name)
			if missing != nil {
				path, missing = exec.LookPath("../../.tools/bin/grpcurl")
			}
			if missing != nil {
				t.Logf("left out, since there is no grpcurl (make tools builds it): %s", command)
				continue
			}
			output, err = run(t, path, words[1:]...)
		default:
			err = errors.New("the test does not know this program")
		}
		if err != nil || strings.TrimSpace(output) == "" {
			t.Errorf("%s: %v\n%.2000s", command, err, output)
		}
	}
	if ran < 15 {
		t.Errorf("only %d commands were found in the README", ran)
	}
}

// shellWords splits a command line at blanks outside of single quotes, as a shell does.
func shellWords(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// checksAreNamed validates the use case's connectors over /v1 and calypsoctl, and one that cannot work.
func checksAreNamed(t *testing.T, s *Settings) {
	validate := func(class, like string, change map[string]string) map[string]finding {
		t.Helper()
		return validateLike(t, s, class, like, change)
	}
	source := validate("PostgresConnector", "pg-orders-source", nil)
	for _, name := range []string{"kafka", "topic creation", "kafka transactions", "connection", "server", "wal_level",
		"replication right", "replication connection", "tables", "replica identity", "slot", "max_replication_slots",
		"max_wal_senders"} {
		if c, ok := source[name]; !ok || !c.OK {
			t.Errorf("check %q of the source is %+v", name, c)
		}
	}
	sink := validate("KustoSinkConnector", "adx-orders-sink", nil)
	for _, name := range []string{"kafka", "table NetDefaultDB.Orders", "batching of NetDefaultDB.Orders"} {
		if c, ok := sink[name]; !ok || !c.OK {
			t.Errorf("check %q of the sink is %+v", name, c)
		}
	}
	wrong := validate("PostgresConnector", "pg-orders-source",
		map[string]string{"plugin.name": "pgoutput", "publication.autocreate.mode": "disabled", "publication.name": "none",
			"table.whitelist": "retail.none"})
	for _, name := range []string{"tables", "publication"} {
		if c := wrong[name]; c.OK || c.Remedy == "" {
			t.Errorf("check %q of a source that cannot work is %+v", name, c)
		}
	}
	file := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(file,
		[]byte("name: wrong\nconfig: {connector.class: PostgresConnector, database.hostname: 127.0.0.1, database.port: "+
			strconv.Itoa(s.PostgresPort)+
			", database.user: postgres, database.password: "+canary+", database.dbname: none, topic.prefix: wrong}\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	if said, code := calypsoctl(t, s, "apply", "-f", file); code != ctl.ExitInvalid ||
		!strings.Contains(said, "Nothing was created, since 1 of") || !strings.Contains(said, "\nconnection: ") ||
		strings.Contains(said, canary) {
		t.Errorf("applying what cannot work: %d %s", code, said)
	}
	if said, code := calypsoctl(t, s, "get", "connectors"); code != ctl.ExitOK || strings.Contains(said, "wrong") {
		t.Errorf("afterwards: %d %s", code, said)
	}
}

func run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var output bytes.Buffer
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr = &output, &output
	err := command.Run()
	return output.String(), err
}

// faultMetrics count what a healthy system does not do; the suites that break it look at them.
var faultMetrics = []string{
	"cdc_capture_decode_errors_total", "cdc_sink_refused_records_total", "cdc_sink_ingest_skips_total",
	"cdc_sink_doubled_batches_total", "cdc_sink_ingest_failures_total",
	// Kafka keeps up with the embedded server, which decodes these transactions in memory.
	"cdc_orders_errors_total", "cdc_capture_backpressure_seconds_total", "cdc_capture_spill_bytes_total",
	// The embedded server sets no max_slot_wal_keep_size.
	"cdc_pipeline_slot_full_seconds", "cdc_pipeline_slot_full_timestamp_seconds",
	// The snapshot may come before the first order.
	"cdc_capture_snapshot_rows_total",
	// The sink of the orders has no dead letter topic.
	"cdc_pipeline_open_dead_letters",
}

var documentedMetric = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\|")

func documentedMetricsMove(t *testing.T, s *Settings) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	// A session that ends makes capture connect again; a task that fails is counted too.
	if _, err := postgres(t, s).Exec(t.Context(),
		"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active"); err != nil {
		t.Fatal(err)
	}
	failing(t, s)
	before := scrape(t, s)
	generator(t, s, "burst", `{"orders": 500}`)
	documented := documentedMetric.FindAllStringSubmatch(string(page), -1)
	if len(documented) < 30 {
		t.Errorf("only %d metrics are documented", len(documented))
	}
	// Gauges may stand still; these follow what flows.
	moving := []string{"cdc_capture_received_lsn", "cdc_capture_confirmed_lsn"}
	testenv.Eventually(t, 2*time.Minute, "the metrics", func(context.Context) error {
		now := scrape(t, s)
		var missing []string
		for _, m := range documented {
			name, kind := m[1], m[2]
			if kind == "histogram" {
				name += "_count"
			}
			if slices.Contains(faultMetrics, m[1]) {
				continue
			}
			value, exists := now[name]
			switch {
			case !exists:
				missing = append(missing, name+" is not there")
			case kind == "counter" && value == 0:
				missing = append(missing, name+" is 0")
			case kind == "histogram" || slices.Contains(moving, name) || name == "cdc_capture_rows_total" ||
				name == "cdc_orders_changes_total" || name == "cdc_sink_records_total":
				if value <= before[name] {
					missing = append(missing, name+" stands still")
				}
			}
		}
		if len(missing) > 0 {
			return errors.New(strings.Join(missing, "; "))
		}
		return nil
	})
}

// failing makes a connector that fails: its password is wrong.
func failing(t *testing.T, s *Settings) {
	t.Helper()
	config := map[string]string{
		"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": "127.0.0.1",
		"database.port": strconv.Itoa(s.PostgresPort),
		"database.user": "postgres", "database.password": canary + "-wrong", "database.dbname": "postgres",
		"topic.prefix": "failing", "slot.name": "failing",
	}
	code, answer, err := call(t.Context(), http.MethodPut,
		"http://"+local(s.SourcePort)+"/connectors/failing/config", config)
	if err := outcome("making a connector that fails", http.StatusCreated, code, answer, err); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "the connector to fail", func(ctx context.Context) error {
		_, answer, err := call(ctx, http.MethodGet, "http://"+local(s.SourcePort)+"/connectors/failing/status", nil)
		if err != nil || !strings.Contains(string(answer), "FAILED") {
			return fmt.Errorf("status is %s: %w", answer, err)
		}
		return nil
	})
}

// finding is one named check of a configuration.
type finding struct {
	Name, Detail, Remedy string
	OK                   bool
}

// validateLike validates the configuration of a connector with some keys changed, and returns the checks by name.
func validateLike(t *testing.T, s *Settings, class, like string, change map[string]string) map[string]finding {
	t.Helper()
	base := "http://" + local(s.SourcePort)
	_, answer, err := call(t.Context(), http.MethodGet, base+"/connectors/"+like+"/config", nil)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]string
	if err := json.Unmarshal(answer, &config); err != nil {
		t.Fatal(err)
	}
	maps.Copy(config, change)
	code, answer, err := call(t.Context(), http.MethodPost, base+"/v1/plugins/"+class+":validate",
		map[string]any{"config": config})
	if err := outcome("validating", http.StatusOK, code, answer, err); err != nil {
		t.Fatal(err)
	}
	var found struct{ Checks []finding }
	if err := json.Unmarshal(answer, &found); err != nil {
		t.Fatal(err)
	}
	checks := map[string]finding{}
	for _, c := range found.Checks {
		checks[c.Name] = c
	}
	return checks
}

// hostileValuesDoNothing tries configurations that would have the workers ask a metadata service, or run statements.
func hostileValuesDoNothing(t *testing.T, s *Settings) {
	for _, host := range []string{"169.254.169.254", "fe80::1", "168.63.129.16"} {
		if c := validateLike(t, s, "PostgresConnector", "pg-orders-source",
			map[string]string{"database.hostname": host})["connection"]; c.OK ||
			!strings.Contains(c.Detail, "metadata service") {
			t.Errorf("database.hostname %s: %+v", host, c)
		}
	}
	const there = "http://169.254.169.254"
	refused := false
	for _, c := range validateLike(t, s, "KustoSinkConnector", "adx-orders-sink",
		map[string]string{"kusto.url": there, "kusto.query.url": there, "kusto.ingestion.url": there,
			"kusto.trusted.hosts": "169.254.169.254"}) {
		refused = refused || !c.OK && strings.Contains(c.Detail, "metadata service")
	}
	if !refused {
		t.Error("no check says that a cluster is a metadata service")
	}
	conn := postgres(t, s)
	if _, err := conn.Exec(t.Context(), "CREATE TABLE retail.injected (id int PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	const name = "hostile"
	base := "http://" + local(s.SourcePort) + "/connectors/" + name
	config := map[string]string{
		"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": "127.0.0.1",
		"database.port": strconv.Itoa(s.PostgresPort),
		"database.user": "postgres", "database.password": canary, "database.dbname": "postgres", "topic.prefix": name,
		"slot.name": name, "plugin.name": "pgoutput",
		"publication.name":       `p" FOR ALL TABLES; DROP TABLE retail.injected; --`,
		"table.include.list":     `retail.injected,retail.x'; DROP TABLE retail.injected; --`,
		"signal.data.collection": `retail.x"; DROP TABLE retail.injected; --`,
	}
	code, answer, err := call(t.Context(), http.MethodPut, base+"/config", config)
	if err != nil || code != http.StatusCreated && code != http.StatusBadRequest {
		t.Fatalf("%d %s %v", code, answer, err)
	}
	if code == http.StatusCreated {
		testenv.Eventually(t, 2*time.Minute, "the hostile connector to end its start", func(ctx context.Context) error {
			var slots int
			_, answer, err := call(ctx, http.MethodGet, base+"/status", nil)
			if err == nil {
				err = conn.QueryRow(ctx, "SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name = $1",
					name).Scan(&slots)
			}
			if err != nil || slots == 0 && !strings.Contains(string(answer), "FAILED") {
				return fmt.Errorf("status is %s: %w", answer, err)
			}
			return nil
		})
	}
	mapping := `[{'topic': 'x','db': 'NetDefaultDB', 'table': "Orders'] | take 0; .drop table Orders //",'format': 'json'}]`
	table := "table NetDefaultDB.Orders'] | take 0; .drop table Orders //"
	checks := validateLike(t, s, "KustoSinkConnector", "adx-orders-sink",
		map[string]string{"topics": "x", "kusto.tables.topics.mapping": mapping})
	if c := checks[table]; c.OK || !strings.Contains(c.Detail, "could not be found") {
		t.Errorf("a table with a command in its name is not looked for by that name: %+v", checks)
	}
	if _, err := conn.Exec(t.Context(), "SELECT * FROM retail.injected"); err != nil {
		t.Errorf("a statement of a configuration ran: %v", err)
	}
	if rows, err := ask(t.Context(), s, "Orders | take 1"); err != nil || len(rows) == 0 {
		t.Errorf("a command of a configuration ran: %v", err)
	}
}

// referring makes a connector whose password is a reference, and fails the test unless it captures
// with it, shows the reference as it is, and shows the secret nowhere, even after the password has
// become wrong.
func referring(t *testing.T, s *Settings, reference string) {
	t.Helper()
	name := "referring-" + reference[2:strings.IndexByte(reference, ':')]
	base := "http://" + local(s.SourcePort) + "/connectors/" + name
	config := map[string]string{
		"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": "127.0.0.1",
		"database.port": strconv.Itoa(s.PostgresPort),
		"database.user": "postgres", "database.password": reference, "database.dbname": "postgres", "topic.prefix": name,
		"slot.name": strings.ReplaceAll(name, "-", "_"), "publication.name": strings.ReplaceAll(name, "-", "_"),
		"snapshot.mode": "no_data",
	}
	awaitStatus := func(want string) {
		t.Helper()
		testenv.Eventually(t, 2*time.Minute, name+" to be "+want, func(ctx context.Context) error {
			_, answer, err := call(ctx, http.MethodGet, base+"/status", nil)
			lacksCanary(t, "the status", string(answer))
			if err != nil || !strings.Contains(string(answer), `"tasks":[{"id":0,"state":"`+want) {
				return fmt.Errorf("status is %s: %w", answer, err)
			}
			return nil
		})
	}
	code, answer, err := call(t.Context(), http.MethodPut, base+"/config", config)
	if err := outcome("making a connector that refers to a secret", http.StatusCreated, code, answer, err); err != nil {
		t.Fatal(err)
	}
	awaitStatus("RUNNING")
	conn := postgres(t, s)
	testenv.Eventually(t, 2*time.Minute, "a slot of "+name, func(ctx context.Context) error {
		var slots int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name = $1",
			config["slot.name"]).Scan(&slots); err != nil || slots != 1 {
			return fmt.Errorf("there are %d: %w", slots, err)
		}
		return nil
	})
	config["database.user"] = "nobody"
	code, answer, err = call(t.Context(), http.MethodPut, base+"/config", config)
	if err := outcome("changing the user", http.StatusOK, code, answer, err); err != nil {
		t.Fatal(err)
	}
	awaitStatus("FAILED")
	for _, path := range []string{"", "/config", "/tasks"} {
		_, answer, err := call(t.Context(), http.MethodGet, base+path, nil)
		if err != nil || path != "/tasks" && !strings.Contains(string(answer), reference) {
			t.Errorf("%s of %s does not show the reference: %s %v", path, name, answer, err)
		}
		lacksCanary(t, path, string(answer))
	}
	for _, command := range []string{"describe", "get"} {
		kind := map[string]string{"describe": name, "get": "connectors"}[command]
		said, _ := calypsoctl(t, s, command, kind)
		lacksCanary(t, "calypsoctl "+command, said)
	}
}

// scrape sums the metrics of all services by name, over their labels.
func scrape(t *testing.T, s *Settings) map[string]float64 {
	t.Helper()
	sums := map[string]float64{}
	for _, port := range []int{s.CaptureHTTP, s.SinkHTTP, s.SourcePort, s.OrdersHTTP} {
		_, text, err := call(t.Context(), http.MethodGet, "http://"+local(port)+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		lacksCanary(t, "/metrics", string(text))
		for line := range strings.Lines(string(text)) {
			series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
			if open := strings.IndexByte(line, '{'); open >= 0 {
				series, value, ok = strings.Cut(strings.TrimSpace(line), "} ")
				series = series[:strings.IndexByte(series, '{')]
			}
			value, _, _ = strings.Cut(value, " ")
			if n, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.HasPrefix(line, "#") {
				sums[series] += n
			}
		}
	}
	return sums
}

// answersHoldNoSecret gives the secret in every key that takes one, and then asks for everything that can be asked for.
func answersHoldNoSecret(t *testing.T, s *Settings) {
	base := "http://" + local(s.SourcePort)
	ask := func(method, path string, body any) string {
		t.Helper()
		_, answer, err := call(t.Context(), method, base+path, body)
		if err != nil {
			t.Fatal(err)
		}
		lacksCanary(t, method+" "+path, string(answer))
		return string(answer)
	}
	given := 0
	for class, more := range map[string]map[string]string{
		"io.debezium.connector.postgresql.PostgresConnector": {"database.hostname": "127.0.0.1",
			"database.port": strconv.Itoa(s.PostgresPort), "database.user": "postgres",
			"database.dbname": "postgres", "topic.prefix": "secret", "slot.name": "secret"},
		"com.microsoft.azure.kusto.kafka.connect.sink.KustoSinkConnector": {"topics": "secret.a",
			"kusto.url": fmt.Sprintf("http://localhost:%d", s.ADXPort), "aad.auth.authority": "tenant",
			"aad.auth.appid":              "app",
			"kusto.tables.topics.mapping": "[{'topic': 'secret.a','db': 'NetDefaultDB', 'table': 'Missing','format': 'json'}]"},
	} {
		short := class[strings.LastIndexByte(class, '.')+1:]
		var keys []struct{ Name, Type string }
		if err := json.Unmarshal([]byte(ask(http.MethodGet, "/connector-plugins/"+class+"/config", nil)), &keys); err != nil {
			t.Fatal(err)
		}
		config := map[string]string{"connector.class": class, "name": "secret-" + short}
		for _, key := range keys {
			if key.Type == "PASSWORD" {
				config[key.Name] = canary
				given++
			}
		}
		// Where people put secrets though the catalogue does not know the key.
		maps.Copy(config, map[string]string{
			"value.converter.basic.auth.user.info":    "user:" + canary,
			"value.converter.schema.registry.url":     "http://user:" + canary + "@127.0.0.1:1",
			"producer.override.sasl.jaas.config":      `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="` + canary + `";`,
			"misc.deadletterqueue.sasl.password":      canary,
			"my.own.token":                            canary,
			"my.own.bearer":                           canary,
			"my.own.pass":                             canary,
			"my.own.jaas.config":                      "x " + canary,
			"my.own.header":                           "X-Auth: Bearer " + canary,
			"my.own.url":                              "https://h/db?user=u&pass=" + canary,
			"my.own.function":                         "https://h/api?code=" + canary,
			"my.own.blob":                             "https://h/c?sv=1&sig=" + canary,
			"database.initial.statements.credentials": canary,
		})
		maps.Copy(config, more)
		if strings.HasPrefix(short, "Postgres") { // which has keys with a secret in their names
			config["column.mask.hash.SHA-256.with.salt."+canary] = "secret.a.b"
			config["column.mask.hash.MD9.with.salt."+canary] = "["
		}
		ask(http.MethodPut, "/connector-plugins/"+short+"/config/validate", config)
		ask(http.MethodPut, "/connectors/secret-"+short+"/config", config)
		delete(config, "column.mask.hash.MD9.with.salt."+canary)
		ask(http.MethodPut, "/connectors/secret-"+short+"/config", config)
		patched := ask(http.MethodPatch, "/connectors/secret-"+short+"/config",
			map[string]string{"column.mask.hash.SHA-256.with.salt.********": "secret.a.c"})
		if strings.HasPrefix(short, "Postgres") && !strings.Contains(patched, "secret.a.c") {
			t.Errorf("a key with a mask in its name is not the one that was shown: %s", patched)
		}
		ask(http.MethodPost, "/v1/connectors/secret-"+short+":plan", map[string]any{"config": config})
		ask(http.MethodGet, "/v1/connectors/secret-"+short+"/config-versions", nil)
		// Where what a reference stands for would be seen by everybody.
		for _, key := range []string{"topic.prefix", "topics", "transforms", "kusto.tables.topics.mapping",
			"heartbeat.topics.prefix", "errors.deadletterqueue.topic.name", "consumer.override.group.id"} {
			referring := maps.Clone(config)
			referring[key] = "${env:CANARY_PASSWORD}"
			ask(http.MethodPut, "/connector-plugins/"+short+"/config/validate", referring)
			ask(http.MethodPut, "/connectors/secret-name/config", referring)
		}
		// Where it is not: these are hidden.
		for _, key := range []string{"database.dbname", "slot.name", "publication.name", "table.include.list", "kusto.url"} {
			referring := maps.Clone(config)
			referring[key] = "${env:CANARY_PASSWORD}"
			referring["topic.prefix"] = "referring"
			ask(http.MethodPut, "/connectors/secret-behind-"+short+"/config", referring)
		}
		ask(http.MethodPost, "/v1/plugins/"+short+":validate", map[string]any{"config": config})
		for _, key := range []string{"database.hostname", "kusto.url", "topics", "slot.name"} { // a URL where none belongs
			wrong := maps.Clone(config)
			wrong[key] = "postgres://user:" + canary + "@127.0.0.1/db"
			ask(http.MethodPut, "/connector-plugins/"+short+"/config/validate", wrong)
			ask(http.MethodPut, "/connectors/secret-url/config", wrong)
		}
		ask(http.MethodPut, "/connectors/secret-"+short+"/config",
			map[string]string{"connector.class": class, "database.password": canary, "aad.auth.appkey": canary})
	}
	if given < 3 {
		t.Errorf("only %d keys of type PASSWORD were found", given)
	}
	time.Sleep(2 * time.Second) // tasks start, fail and say why
	paths := []string{"/connectors?expand=info&expand=status", "/connectors/failing/status", "/connectors/failing/config",
		"/v1/connectors", "/v1/pipelines", "/v1/events",
		"/v1/health", "/v1/captures", "/v1/sinks", "/admin/loggers", "/metrics"}
	for _, name := range []string{"secret-PostgresConnector", "secret-KustoSinkConnector", "failing", "pg-orders-source",
		"adx-orders-sink"} {
		for _, path := range []string{"", "/config", "/status", "/tasks", "/topics", "/offsets", "/tasks/0/status"} {
			paths = append(paths, "/connectors/"+name+path)
		}
		paths = append(paths, "/v1/connectors/"+name, "/v1/pipelines/"+name)
		for _, format := range []string{"table", "json"} {
			said, _ := calypsoctl(t, s, "describe", name, "-o", format)
			lacksCanary(t, "calypsoctl describe "+name, said)
		}
	}
	for _, path := range paths {
		ask(http.MethodGet, path, nil)
	}
	said, _ := calypsoctl(t, s, "export")
	lacksCanary(t, "calypsoctl export", said)
	for _, port := range []int{s.CaptureHTTP, s.SinkHTTP, s.OrdersHTTP} {
		for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
			answer, err := http.Get("http://" + local(port) + path)
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			lacksCanary(t, path, string(content))
		}
	}
	if strings.Contains(ask(http.MethodGet, "/connectors/failing/config", nil), "wrong") {
		t.Error("a part of a password is shown")
	}
	topicsHoldNoSecret(t, s)
}

// topicsHoldNoSecret reads every topic but that of the configurations, which is where secrets are kept.
func topicsHoldNoSecret(t *testing.T, s *Settings) {
	brokers := kgo.SeedBrokers(local(s.KafkaPort))
	admin, err := kgo.NewClient(brokers)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	topics, err := kadm.NewClient(admin).ListTopics(t.Context())
	if err != nil || len(topics) < 4 {
		t.Fatalf("there are %d topics, %v", len(topics), err)
	}
	for _, topic := range topics.Names() {
		if topic == "calypso-configs" {
			continue
		}
		err := testenv.ReadTopic(t.Context(), func(options ...kgo.Opt) (*kgo.Client, error) {
			return kgo.NewClient(append(options, brokers)...)
		}, topic, func(r *kgo.Record) {
			lacksCanary(t, "topic "+topic, string(r.Key)+string(r.Value))
			for _, h := range r.Headers {
				lacksCanary(t, "a header in topic "+topic, string(h.Value))
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}
