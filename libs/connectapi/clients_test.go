package connectapi_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	connect "github.com/cloudhut/connect-client"

	"github.com/calypso-cdc/calypso/libs/connector/runtime"
)

const jsonType = "application/json"

// want sends a request and demands a code.
func (c *cluster) want(t testing.TB, code int, method, path, body string) string {
	t.Helper()
	contentType := ""
	if body != "" {
		contentType = jsonType
	}
	response, answer := c.send(t, method, path, contentType, body)
	if response.StatusCode != code {
		t.Fatalf("%s %s: code %d, want %d\n%s", method, path, response.StatusCode, code, answer)
	}
	return answer
}

func decode[T any](t testing.TB, body string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return value
}

type statusAnswer struct {
	Connector struct {
		State string `json:"state"`
	} `json:"connector"`
	Tasks []struct {
		State string `json:"state"`
		Trace string `json:"trace"`
	} `json:"tasks"`
}

func (c *cluster) awaitState(t testing.TB, name, connectorState string, tasks ...string) statusAnswer {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		status := decode[statusAnswer](t, c.want(t, http.StatusOK, "GET", "/connectors/"+name+"/status", ""))
		var states []string
		for _, task := range status.Tasks {
			states = append(states, task.State)
		}
		if status.Connector.State == connectorState && slices.Equal(states, tasks) {
			return status
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is %s %v, want %s %v", name, status.Connector.State, states, connectorState, tasks)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

const sinkClass = "org.apache.kafka.connect.file.FileStreamSinkConnector"

func sinkBody(name string) string {
	return `{"name":"` + name + `","config":{"connector.class":"` + sinkClass +
		`","topics":"t1","file":"/data/out.txt","tasks.max":1}}`
}

// The library is the one that Redpanda Console is built on.
func TestRedpandaConsoleDrivesConnectors(t *testing.T) {
	c := startCluster(t)
	ctx := t.Context()
	client := connect.NewClient(connect.WithHost(c.url), connect.WithUserAgent("Redpanda Console"))
	if root, err := client.GetRoot(ctx); err != nil || root.Version != "4.3.1" || root.KafkaClusterID == "" ||
		!strings.HasPrefix(root.Commit, "calypso-") {
		t.Fatalf("root: %+v, %v", root, err)
	}
	plugins, err := client.GetConnectorPlugins(ctx)
	if err != nil || len(plugins) != 2 || plugins[0].Class != sinkClass {
		t.Fatalf("plugins: %+v, %v", plugins, err)
	}
	validation, err := client.PutValidateConnectorConfig(ctx, sinkClass,
		connect.ValidateConnectorConfigOptions{Config: map[string]any{"connector.class": sinkClass, "name": "q"}})
	if err != nil || validation.ErrorCount != 0 || len(validation.Configs) < 20 ||
		!slices.Contains(validation.Groups, "Common") {
		t.Fatalf("validation: %+v, %v", validation, err)
	}
	for _, config := range validation.Configs {
		for _, field := range []string{"name", "type", "required", "default_value", "importance", "documentation", "group",
			"order", "order_in_group", "width", "display_name", "dependents"} {
			if _, there := config.Definition[field]; !there {
				t.Errorf("definition of %v has no %s", config.Definition["name"], field)
			}
		}
		for _, field := range []string{"name", "value", "recommended_values", "errors", "visible"} {
			if _, there := config.Value[field]; !there {
				t.Errorf("value of %v has no %s", config.Definition["name"], field)
			}
		}
	}
	config := map[string]any{"connector.class": "FileStreamSink", "file": "/data/rp1.txt", "tasks.max": 1, "topics": "t1"}
	if info, err := client.CreateConnector(ctx, connect.CreateConnectorRequest{Name: "rp1", Config: config}); err != nil ||
		info.Type != "sink" || info.Config["tasks.max"] != "1" {
		t.Fatalf("create: %+v, %v", info, err)
	}
	var refused connect.ApiError
	if _, err := client.CreateConnector(ctx, connect.CreateConnectorRequest{Name: "rp1", Config: config}); !errors.As(err,
		&refused) || refused.ErrorCode != http.StatusConflict {
		t.Errorf("second create: %v", err)
	}
	c.awaitState(t, "rp1", "RUNNING", "RUNNING")
	if info, err := client.PutConnectorConfig(ctx, "rp1", connect.PutConnectorConfigOptions{Config: config}); err != nil ||
		info.Name != "rp1" {
		t.Errorf("put: %+v, %v", info, err)
	}
	for i, call := range []func() error{
		func() error {
			return client.RestartConnector(ctx, "rp1", connect.RestartConnectorOptions{IncludeTasks: true, OnlyFailed: true})
		},
		func() error { return client.RestartConnectorTask(ctx, "rp1", 0) },
		func() error { return client.PauseConnector(ctx, "rp1") },
		func() error { return client.ResumeConnector(ctx, "rp1") },
		func() error { return client.StopConnector(ctx, "rp1") },
		func() error { return client.ResetConnectorTopics(ctx, "rp1") },
		func() error { _, err := client.GetConnectorTopics(ctx, "rp1"); return err },
		func() error { _, err := client.GetConnectorConfig(ctx, "rp1"); return err },
		func() error { _, err := client.ListConnectors(ctx); return err },
		func() error { _, err := client.ListConnectorsExpanded(ctx); return err },
	} {
		if err := call(); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if err := client.DeleteConnector(ctx, "rp1"); err != nil {
		t.Error(err)
	}
	if _, err := client.GetConnectorStatus(ctx, "rp1"); !errors.As(err, &refused) ||
		refused.ErrorCode != http.StatusNotFound {
		t.Errorf("status after delete: %v", err)
	}
}

func TestTheConsoleShowsWhatIsWrongAtTheTargetInItsForm(t *testing.T) {
	c := startCluster(t)
	answer := c.want(t, http.StatusOK, "PUT", "/connector-plugins/FileStreamSink/config/validate",
		`{"connector.class":"FileStreamSink","name":"q","file":"/nonexistent/x","file.name":"y","topics":"t1"}`)
	for _, want := range []string{`"error_count":1`, `"Checks"`, "the directory is missing. Make it.", `"Compatibility"`,
		"file.name is not a known configuration key"} {
		if !strings.Contains(answer, want) {
			t.Errorf("%s is missing in %s", want, answer)
		}
	}
}

func TestKcctlAppliesPatchesAndDescribes(t *testing.T) {
	c := startCluster(t)
	// kcctl reads the version as numbers and asks for less when it is small.
	root := decode[map[string]string](t, c.want(t, http.StatusOK, "GET", "/", ""))
	if !strings.HasPrefix(root["version"], "4.3.") {
		t.Errorf("version %s", root["version"])
	}
	// apply: GET and POST with a slash at the end; PUT without the name.
	c.want(t, http.StatusOK, "GET", "/connectors/", "")
	c.want(t, http.StatusCreated, "POST", "/connectors/", sinkBody("k1"))
	c.want(t, http.StatusOK, "PUT", "/connectors/k1/config",
		`{"connector.class":"`+sinkClass+`","topics":"t1","file":"/data/out.txt","sasl.password":"canary"}`)
	// patch: GET config, merge, PUT the whole back. The mask that stands for the secret must not become the secret.
	config := decode[map[string]string](t, c.want(t, http.StatusOK, "GET", "/connectors/k1/config", ""))
	if config["sasl.password"] != "********" {
		t.Fatalf("the secret is shown: %v", config)
	}
	config["tasks.max"] = "2"
	merged, _ := json.Marshal(config)
	c.want(t, http.StatusOK, "PUT", "/connectors/k1/config", string(merged))
	if after := decode[map[string]string](t, c.want(t, http.StatusOK, "GET", "/connectors/k1/config",
		"")); after["tasks.max"] != "2" || after["sasl.password"] != "********" {
		t.Errorf("after the patch: %v", after)
	}
	// A mask with no secret behind it is refused instead of stored.
	if answer := c.want(t, http.StatusBadRequest, "PUT", "/connectors/k2/config",
		string(merged)); strings.Contains(answer, "canary") {
		t.Errorf("the secret is shown: %s", answer)
	}
	// describe
	for _, path := range []string{"/connectors/k1", "/connectors/k1/status", "/connectors/k1/config",
		"/connectors/k1/topics", "/connectors/k1/tasks", "/connectors?expand=status",
		"/connector-plugins?connectorsOnly=false", "/admin/loggers"} {
		c.want(t, http.StatusOK, "GET", path, "")
	}
	// Without error_code kcctl ends in a NullPointerException.
	for _, wrong := range [][2]string{{"GET", "/connectors/none"}, {"GET", "/no/such/path"}, {"DELETE", "/connectors"},
		{"PUT", "/connectors/k1/config"}, {"POST", "/connectors/none/restart"}, {"GET", "/connector-plugins/none/config"},
		{"PUT", "/admin/loggers/x"}} {
		response, body := c.send(t, wrong[0], wrong[1], "text/plain", "x")
		if problem := errorProblem(response.StatusCode, body); problem != "" ||
			response.Header.Get("Content-Type") != jsonType {
			t.Errorf("%v: %s", wrong, problem)
		}
	}
	// The last line is cut off by its text.
	answer := decode[map[string]any](t, c.want(t, http.StatusBadRequest, "POST", "/connectors",
		`{"name":"x","config":{"connector.class":"FileStreamSource"}}`))
	if message := answer["message"].(string); !strings.HasSuffix(message,
		"\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`") {
		t.Errorf("message: %s", message)
	}
}

func TestKafkaUIListsEditsAndRestarts(t *testing.T) {
	c := startCluster(t)
	before := decode[map[string]any](t, c.want(t, http.StatusOK, "GET", "/connectors?expand=info&expand=status", ""))
	if len(before) != 0 {
		t.Fatalf("%v", before)
	}
	c.want(t, http.StatusCreated, "POST", "/connectors", sinkBody("ui"))
	c.awaitState(t, "ui", "RUNNING", "RUNNING")
	// its enums have no other cases
	known := []string{"RUNNING", "PAUSED", "FAILED", "UNASSIGNED", "RESTARTING", "STOPPED"}
	all := decode[map[string]struct {
		Status statusAnswer `json:"status"`
	}](t, c.want(t, http.StatusOK, "GET", "/connectors?expand=info&expand=status", ""))
	for name, entry := range all {
		if !slices.Contains(known, entry.Status.Connector.State) || !slices.Contains(known, entry.Status.Tasks[0].State) {
			t.Errorf("%s: %+v", name, entry)
		}
	}
	for _, path := range []string{"/connectors/ui/topics", "/connectors/ui/tasks", "/connectors/ui/tasks/0/status",
		"/connector-plugins"} {
		c.want(t, http.StatusOK, "GET", path, "")
	}
	c.want(t, http.StatusNoContent, "POST", "/connectors/ui/restart?includeTasks=false&onlyFailed=false", "")
	c.want(t, http.StatusNoContent, "POST", "/connectors/ui/tasks/0/restart", "")
	c.want(t, http.StatusAccepted, "PUT", "/connectors/ui/pause", "")
	c.awaitState(t, "ui", "PAUSED", "PAUSED")
	c.want(t, http.StatusAccepted, "PUT", "/connectors/ui/resume", "")
	c.want(t, http.StatusNoContent, "PUT", "/connectors/ui/stop", "")
	c.awaitState(t, "ui", "STOPPED")
	c.want(t, http.StatusOK, "DELETE", "/connectors/ui/offsets", "")
	c.want(t, http.StatusNoContent, "DELETE", "/connectors/ui", "")
}

func TestStrimziFindsWhatItWroteAndExactCodes(t *testing.T) {
	c := startCluster(t)
	// It reconfigures for ever if a value that is read differs from the one that was written.
	wanted := map[string]string{"connector.class": sinkClass, "topics": " t1 ", "file": "/Data/Out.txt", "tasks.max": "01",
		"database.password": "${env:PG_PASSWORD}", "errors.tolerance": " all ", "empty": "",
		"unicode": "größer <&> \"quoted\""}
	body, _ := json.Marshal(map[string]any{"name": "st", "config": wanted, "initial_state": "stopped"})
	answer := c.want(t, http.StatusBadRequest, "POST", "/connectors", string(body)) // the variable is not allowed
	if !strings.Contains(answer, "${env:PG_PASSWORD}") {
		t.Errorf("the reference is not named: %s", answer)
	}
	delete(wanted, "database.password")
	body, _ = json.Marshal(map[string]any{"name": "st", "config": wanted, "initial_state": "stopped"})
	c.want(t, http.StatusCreated, "POST", "/connectors", string(body))
	wanted["name"] = "st"
	if got := decode[map[string]string](t, c.want(t, http.StatusOK, "GET", "/connectors/st/config", "")); !maps.Equal(got,
		wanted) {
		t.Errorf("read    %q\nwritten %q", got, wanted)
	}
	c.awaitState(t, "st", "STOPPED")
	c.want(t, http.StatusAccepted, "PUT", "/connectors/st/resume", "")
	c.awaitState(t, "st", "RUNNING", "RUNNING")
	c.want(t, http.StatusAccepted, "PUT", "/connectors/st/pause", "")
	c.want(t, http.StatusAccepted, "POST", "/connectors/st/restart?includeTasks=true&onlyFailed=true", "")
	c.want(t, http.StatusNoContent, "PUT", "/connectors/st/stop", "")
	c.awaitState(t, "st", "STOPPED")
	c.want(t, http.StatusOK, "PATCH", "/connectors/st/offsets",
		`{"offsets":[{"partition":{"kafka_topic":"t1","kafka_partition":0},"offset":{"kafka_offset":7}}]}`)
	offsets := c.want(t, http.StatusOK, "GET", "/connectors/st/offsets", "")
	if offsets != `{"offsets":[{"partition":{"kafka_partition":0,"kafka_topic":"t1"},"offset":{"kafka_offset":7}}]}` {
		t.Errorf("offsets: %s", offsets)
	}
	c.want(t, http.StatusNoContent, "PUT", "/admin/loggers/io.example?scope=cluster", `{"level":"DEBUG"}`)
	c.want(t, http.StatusOK, "GET", "/admin/loggers/", "")
	c.want(t, http.StatusNoContent, "DELETE", "/connectors/st", "")
	c.want(t, http.StatusNotFound, "GET", "/connectors/st/status", "") // polled until 404
}

func TestTerraformSeesNoDriftAndTheEndOfADelete(t *testing.T) {
	c := startCluster(t)
	config := map[string]string{"connector.class": "FileStreamSink", "file": "/data/tf1.txt", "name": "tf1",
		"tasks.max": "1", "topics": "t1"}
	body, _ := json.Marshal(map[string]any{"name": "tf1", "config": config})
	if response, answer := c.send(t, "POST", "/connectors", "application/json; charset=utf-8",
		string(body)); response.StatusCode != http.StatusCreated {
		t.Fatalf("create: %d %s", response.StatusCode, answer)
	}
	c.want(t, http.StatusOK, "GET", "/connectors/tf1", "")
	put, _ := json.Marshal(config)
	if response, answer := c.send(t, "PUT", "/connectors/tf1/config", "application/json; charset=utf-8",
		string(put)); response.StatusCode != http.StatusOK {
		t.Fatalf("put: %d %s", response.StatusCode, answer)
	}
	if got := decode[map[string]string](t, c.want(t, http.StatusOK, "GET", "/connectors/tf1/config",
		"")); !reflect.DeepEqual(got, config) {
		t.Errorf("drift: %v", got)
	}
	c.want(t, http.StatusNoContent, "DELETE", "/connectors/tf1", "")
	c.want(t, http.StatusNotFound, "GET", "/connectors/tf1", "")
}

// The provider writes a configuration, and then reads it until it is what was sent (connectors.go
// of its client, IsUpToDate), for two minutes; what the write answered is its state.
func TestTerraformReadsTheSecretsItWroteWhereWorkersAllowIt(t *testing.T) {
	config := map[string]string{"connector.class": "FileStreamSink", "file": "/data/tf1.txt", "name": "tf1",
		"tasks.max": "1", "topics": "t1", "my.password": "s3cret", "url": "jdbc:postgresql://h/d?password=s3cret"}
	for _, reveals := range []bool{true, false} {
		c := startCluster(t, func(w *runtime.Config) { w.Secrets.RevealSecrets = reveals })
		seen := func(body string) bool {
			t.Helper()
			got := decode[struct{ Config map[string]string }](t, body).Config
			if got == nil {
				got = decode[map[string]string](t, body)
			}
			if reveals && !reflect.DeepEqual(got, config) {
				t.Errorf("reads %v, wrote %v", got, config)
			}
			if !reveals && strings.Contains(body, "s3cret") {
				t.Errorf("a secret is shown: %s", body)
			}
			return true
		}
		body, _ := json.Marshal(map[string]any{"name": "tf1", "config": config})
		response, answer := c.send(t, "POST", "/connectors", "application/json", string(body))
		if seen(answer); response.StatusCode != http.StatusCreated || len(response.Header.Values("Warning")) == 0 {
			t.Errorf("%d %v", response.StatusCode, response.Header)
		}
		config["my.password"] = "s3cret-2"
		put, _ := json.Marshal(config)
		seen(c.want(t, http.StatusOK, "PUT", "/connectors/tf1/config", string(put)))
		seen(c.want(t, http.StatusOK, "GET", "/connectors/tf1", ""))
		seen(c.want(t, http.StatusOK, "GET", "/connectors/tf1/config", ""))
	}
}

// The calls are those of the provider's resources for a connector and its state, in the types that
// its client decodes them to: there every value about the connector in a status is a text, and an
// absent connector a code.
func TestTerraformMakesPausesRestartsAndImportsConnectors(t *testing.T) {
	c := startCluster(t)
	type connectorAnswer struct {
		Name   string            `json:"name"`
		Config map[string]string `json:"config"`
		Tasks  []struct {
			Connector string `json:"connector"`
			TaskID    int    `json:"task"`
		} `json:"tasks"`
		ErrorCode int `json:"error_code"`
	}
	type statusAnswer struct {
		Name      string            `json:"name"`
		Connector map[string]string `json:"connector"`
		Tasks     []struct {
			ID                     int
			State, Trace, WorkerID string
		} `json:"tasks"`
	}
	config := map[string]string{"name": "tf2", "connector.class": "FileStreamSink", "file": "/data/tf2.txt",
		"tasks.max": "1", "topics": "t1"}
	body, _ := json.Marshal(map[string]any{"name": "tf2", "config": config})
	if made := decode[connectorAnswer](t, c.want(t, http.StatusCreated, "POST", "/connectors",
		string(body))); !maps.Equal(made.Config, config) {
		t.Errorf("made with %v", made.Config)
	}
	state := func(want string) {
		t.Helper()
		deadline := time.Now().Add(patience)
		for {
			status := decode[statusAnswer](t, c.want(t, http.StatusOK, "GET", "/connectors/tf2/status", ""))
			if status.Connector["state"] == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the connector is %v, want %s", status.Connector, want)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	state("RUNNING")
	c.want(t, http.StatusAccepted, "PUT", "/connectors/tf2/pause", "")
	state("PAUSED")
	c.want(t, http.StatusAccepted, "PUT", "/connectors/tf2/resume", "")
	state("RUNNING")
	c.want(t, http.StatusNoContent, "POST", "/connectors/tf2/restart", "")
	state("RUNNING")
	// An import reads what was made; an update that takes a key away is read back without it.
	if read := decode[connectorAnswer](t, c.want(t, http.StatusOK, "GET", "/connectors/tf2", "")); read.Name != "tf2" ||
		!maps.Equal(read.Config, config) || len(read.Tasks) != 1 {
		t.Errorf("imported as %+v", read)
	}
	delete(config, "tasks.max")
	put, _ := json.Marshal(config)
	c.want(t, http.StatusOK, "PUT", "/connectors/tf2/config", string(put))
	if read := decode[map[string]string](t, c.want(t, http.StatusOK, "GET", "/connectors/tf2/config",
		"")); !maps.Equal(read, config) {
		t.Errorf("updated to %v", read)
	}
	c.want(t, http.StatusNoContent, "DELETE", "/connectors/tf2", "")
	if gone := decode[connectorAnswer](t, c.want(t, http.StatusNotFound, "GET", "/connectors/tf2",
		"")); gone.ErrorCode != http.StatusNotFound {
		t.Errorf("gone: %+v", gone)
	}
}

func TestAKeyThatResemblesAKnownOneIsNamedInTheAnswerOfPOST(t *testing.T) {
	c := startCluster(t)
	response, answer := c.send(t, "POST", "/connectors", "application/json",
		`{"name":"w","config":{"connector.class":"FileStreamSink","file":"/d","topics":"t1","topcs.regex":"a\u00e9","task.max":"1"}}`)
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", response.StatusCode, answer)
	}
	said := strings.Join(response.Header.Values("Warning"), "\n")
	for _, want := range []string{`299 calypso "topcs.regex is not a known configuration key and has no effect; did you mean topics.regex?"`, "did you mean tasks.max?"} {
		if !strings.Contains(said, want) {
			t.Errorf("no header says %s: %s", want, said)
		}
	}
}

// What Kafka Connect 4.3.1 answers to keys that are null.
func TestAKeyThatIsNullIsRefusedAsByKafkaConnect(t *testing.T) {
	c := startCluster(t)
	const null, valid = "Null value can not be supplied as the configuration value.",
		`"connector.class":"FileStreamSink","file":"/d","topics":"t1"`
	for body, said := range map[string]string{
		valid + `,"a":null`:                  "1 error(s):\n" + null + "\n",
		valid + `,"a":null,"tasks.max":null`: "2 error(s):\n" + null + "\n" + null + "\n",
		valid + `,"a":null,"tasks.max":"many"`: "2 error(s):\n" + null +
			"\nInvalid value many for configuration tasks.max: Not a number of type INT\n",
		`"connector.class":"None","a":null`: "Failed to find any class that implements Connector and which name matches None",
		`"connector.class":null,"a":null`:   "contains no connector type",
	} {
		for _, call := range [][3]string{{"POST", "/connectors", `{"name":"n","config":{` + body + `}}`},
			{"PUT", "/connectors/n/config", `{` + body + `}`}} {
			response, answer := c.send(t, call[0], call[1], jsonType, call[2])
			if message := decode[struct{ Message string }](t, answer).Message; response.StatusCode != http.StatusBadRequest ||
				!strings.Contains(message, said) {
				t.Errorf("%s of %s: %d %q, want %q", call[0], body, response.StatusCode, message, said)
			}
		}
	}
	response, _ := c.send(t, "PUT", "/connectors/n/config", jsonType, `{`+valid+`,"a":null}`)
	if said := strings.Join(response.Header.Values("Warning"), "\n"); !strings.Contains(said, "a is null") {
		t.Errorf("which key is null is not said: %s", said)
	}
	var infos struct {
		Count   int `json:"error_count"`
		Configs []struct {
			Value struct {
				Name   string
				Errors []string
			}
		}
	}
	answer := c.want(t, http.StatusOK, "PUT", "/connector-plugins/FileStreamSink/config/validate",
		`{"name":"n",`+valid+`,"foo":null,"tasks.max":null}`)
	if err := json.Unmarshal([]byte(answer), &infos); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, config := range infos.Configs {
		if slices.Contains(config.Value.Errors, null) {
			found++
		}
	}
	if infos.Count != 2 || found != 2 {
		t.Errorf("a validation counts %d errors and shows %d of null: %s", infos.Count, found, answer)
	}
	c.want(t, http.StatusCreated, "POST", "/connectors", `{"name":"n","config":{"name":null,`+valid+`}}`)
}

func TestTheSlipThatExplainsWhatIsMissingIsNamedInTheRefusal(t *testing.T) {
	c := startCluster(t)
	response, answer := c.send(t, "POST", "/connectors", jsonType,
		`{"name":"w","config":{"connector.class":"FileStreamSource","file":"/d","topc":"t1"}}`)
	if said := strings.Join(response.Header.Values("Warning"), "\n"); response.StatusCode != http.StatusBadRequest ||
		!strings.Contains(said, "did you mean topic?") {
		t.Errorf("%d %s, and headers say: %s", response.StatusCode, answer, said)
	}
}

func TestABodyThatTheServerCutIsTooLarge(t *testing.T) {
	c := startCluster(t)
	body := `{"name":"` + strings.Repeat("x", 2<<20) + `"}`
	if answer := ask(http.MaxBytesHandler(c.api, 1<<20), "POST", "/connectors",
		body); answer.Code != http.StatusRequestEntityTooLarge ||
		!strings.Contains(answer.Body.String(), "more than the 1048576 bytes") {
		t.Errorf("%d %.300s", answer.Code, answer.Body)
	}
}

func TestAnEncodedNameIsReadBack(t *testing.T) {
	c := startCluster(t)
	c.want(t, http.StatusCreated, "POST", "/connectors", sinkBody("orders %26 more+ü?#"))
	response, answer := c.send(t, "GET", "/connectors/orders%20%2526%20more+%C3%BC%3F%23/status", "", "")
	if response.StatusCode != http.StatusOK || !strings.Contains(answer, "orders %26 more+ü?#") {
		t.Errorf("%d %s", response.StatusCode, answer)
	}
	if response, _ = c.send(t, "GET", "/connectors/a%2Fb", "", ""); response.StatusCode != http.StatusBadRequest {
		t.Errorf("a name with a slash: %d", response.StatusCode)
	}
}
