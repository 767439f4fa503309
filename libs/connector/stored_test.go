package connector_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
)

// The configurations were accepted by earlier versions, or by Kafka Connect from whose topic they were taken.
func TestAConnectorThatWasStoredGoesOnAndNewOnesLikeItAreRefused(t *testing.T) {
	const apache = "org.apache.kafka.connect.transforms."
	kafka, b := broker(t), newBoard()
	startReadyWorker(t, kafka, b, connector.Source, "w0:1").stop() // which makes the topics
	for name, c := range map[string]struct {
		config map[string]string
		// tasks is what the record says, 0 as Kafka Connect writes it.
		tasks int
		// key is what a new configuration is refused for, read what the task reads there; empty for nothing.
		key, read string
		states    string
	}{
		"no-boolean": {map[string]string{"value.converter": "JsonConverter", "value.converter.schemas.enable": "no"}, 2,
			"value.converter.schemas.enable", "", "RUNNING RUNNING RUNNING"},
		"many-tasks":   {map[string]string{"tasks.max": "5000"}, 1, "tasks.max", "1000", "RUNNING RUNNING"},
		"blank-number": {map[string]string{"tasks.max": " "}, 0, "tasks.max", "", "RUNNING RUNNING"},
		"short-class": {map[string]string{"transforms": "u", "transforms.u.type": "Cast$Value",
			"transforms.u.spec": "a:int8"}, 1, "transforms.u.type",
			apache + "Cast$Value", "RUNNING RUNNING"},
		"capitals": {map[string]string{"errors.tolerance": "ALL"}, 1, "errors.tolerance", "all", "RUNNING RUNNING"},
		"twice": {map[string]string{"transforms": "u, ,u", "transforms.u.type": apache + "Filter"}, 1, "transforms",
			"u", "RUNNING RUNNING"},
		"blank-class": {map[string]string{"key.converter": ""}, 1, "key.converter", "", "RUNNING RUNNING"},
		"negated": {map[string]string{"transforms": "u", "transforms.u.type": apache + "Filter",
			"transforms.u.negate": "true"}, 1, "transforms.u.negate", "", "RUNNING RUNNING"},
		"cache-size": {map[string]string{"value.converter": "JsonConverter", "value.converter.schemas.cache.size": ""}, 1,
			"value.converter.schemas.cache.size", "", "RUNNING RUNNING"},
		"seen-by-all": {map[string]string{"transforms": "r", "transforms.r.type": apache + "RegexRouter",
			"transforms.r.regex": ".*", "transforms.r.replacement": "${env:PG_X}", "value.converter": "JsonConverter",
			"value.converter.schemas.enable": "${env:PG_X}"}, 1, "transforms.r.replacement", "true", "RUNNING RUNNING"},
		"not-a-number": {map[string]string{"tasks.max": "many"}, 1, "tasks.max", "", "RUNNING FAILED"},
		"other-bytes": {map[string]string{"value.converter": "StringConverter",
			"value.converter.converter.encoding": "ISO-8859-1"}, 1, "value.converter.converter.encoding",
			"", "RUNNING FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			config := maps.Clone(c.config)
			config["connector.class"] = "test.BoardSourceConnector"
			record := map[string]any{"properties": config}
			if c.tasks > 0 {
				record["tasks"] = c.tasks
			}
			value, err := json.Marshal(record)
			if err != nil {
				t.Fatal(err)
			}
			writer, err := kgo.NewClient(kafka...)
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			if err := writer.ProduceSync(t.Context(), &kgo.Record{Topic: "calypso-configs", Key: []byte("connector-" + name),
				Value: value}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			w := startReadyWorker(t, kafka, b, connector.Source, "w-"+name+":1", func(c *runtime.Config) {
				c.Secrets.References = secret.References{Env: "PG_X", LookupEnv: func(string) (string, bool) { return "true", true }}
			})
			defer w.stop()
			awaitStates(t, w, name, c.states)
			status, err := w.GetConnectorStatus(t.Context(), &connectorv1.GetConnectorStatusRequest{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(c.states, "FAILED") {
				if trace := status.GetStatus().GetTasks()[0].GetTrace(); !strings.Contains(trace, c.key) {
					t.Errorf("fails with %q, which does not name %s", trace, c.key)
				}
			} else {
				eventually(t, c.key+" is read", func() error { // which is said to run a little before
					if config := b.readBy(name + "-0"); config == nil || config[c.key] != c.read {
						return fmt.Errorf("the task reads %q of %v, want %q", config[c.key], config, c.read)
					}
					return nil
				})
			}
			got, err := w.GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			if warnings := strings.Join(got.GetConnector().GetWarnings(), "\n"); !strings.HasSuffix(c.states, "FAILED") &&
				(!strings.Contains(warnings, c.key) || !strings.Contains(warnings, "new")) {
				t.Errorf("warnings %q do not say that new ones with %s are refused", warnings, c.key)
			} else if strings.Contains(warnings, "schemas.enable") && c.key != "value.converter.schemas.enable" {
				t.Errorf("warnings %q are about a reference whose value is right", warnings)
			}
			if strings.HasSuffix(c.states, "RUNNING") && name != "many-tasks" { // which its class refuses
				assertUnchangedIsTaken(t, w, name, config, c.key)
			}
			_, err = w.CreateConnector(t.Context(), &connectorv1.CreateConnectorRequest{Name: name + "-new", Config: config})
			if connector.ReasonOf(err) != connector.ReasonConfigInvalid || !strings.Contains(fmt.Sprint(err), c.key) {
				t.Error(errors.Join(errors.New("a new one is accepted, or refused for something else"), err))
			}
		})
	}
}

// assertUnchangedIsTaken changes a stored connector in all ways that leave the value of key as it is, which is refused
// of new ones.
func assertUnchangedIsTaken(t *testing.T, w *worker, name string, stored map[string]string, key string) {
	t.Helper()
	warned := func(how string, err error, warnings []string) {
		t.Helper()
		if said := strings.Join(warnings, "\n"); err != nil || !strings.Contains(said, key) ||
			!strings.Contains(said, "refused: ") {
			t.Errorf("%s: %v, warns %q", how, err, said)
		}
	}
	patched, err := w.PatchConnectorConfig(t.Context(), &connectorv1.PatchConnectorConfigRequest{Name: name,
		Config: map[string]string{"batch.size": "7"}})
	warned("patch of another key", err, patched.GetWarnings())
	shown, err := w.GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	config := shown.GetConnector().GetConfig()
	put, err := w.UpdateConnectorConfig(t.Context(), &connectorv1.UpdateConnectorConfigRequest{Name: name, Config: config})
	warned("what was read", err, put.GetWarnings())
	planned, err := w.PlanConnectorConfig(t.Context(), &connectorv1.PlanConnectorConfigRequest{Name: name, Config: config})
	warned("plan", err, planned.GetWarnings())
	checked, err := w.ValidateConfig(t.Context(), &connectorv1.ValidateConfigRequest{Plugin: config["connector.class"],
		Config: config, Offline: true})
	var warnings []string
	for _, v := range checked.GetValues() {
		warnings = append(warnings, v.GetWarnings()...)
	}
	if warned("validate", err, warnings); checked.GetErrorCount() != 0 {
		t.Errorf("validate: %v", checked)
	}
	if _, err := w.PatchConnectorConfig(t.Context(), &connectorv1.PatchConnectorConfigRequest{Name: name,
		Remove: []string{key}}); err != nil {
		t.Logf("%s is needed: %v", key, err) // then there is nothing to go back from
		return
	}
	back, err := w.RollbackConnectorConfig(t.Context(), &connectorv1.RollbackConnectorConfigRequest{Name: name, Version: 2})
	warned("rollback", err, back.GetWarnings())
	changed := stored[key] + "x"
	if _, err := w.PatchConnectorConfig(t.Context(), &connectorv1.PatchConnectorConfigRequest{Name: name,
		Config: map[string]string{key: changed}}); connector.ReasonOf(err) != connector.ReasonConfigInvalid {
		t.Errorf("another value %q of %s is taken: %v", changed, key, err)
	}
}

// Kafka Connect's workers write their configurations in transactions where exactly.once.source.support is enabled.
func TestAWorkerReadsTopicsThatEndInTheMarkerOfATransaction(t *testing.T) {
	kafka := broker(t)
	startReadyWorker(t, kafka, newBoard(), connector.Source, "w0:1").stop() // which makes the topics
	writer, err := kgo.NewClient(append(append([]kgo.Opt{}, kafka...), kgo.TransactionalID("connect"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for _, how := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		err := writer.BeginTransaction()
		for _, topic := range []string{"calypso-configs", "calypso-status"} {
			err = errors.Join(err, writer.ProduceSync(t.Context(),
				&kgo.Record{Topic: topic, Key: []byte("session-key"), Value: []byte(`{}`)}).FirstErr())
		}
		if err = errors.Join(err, writer.EndTransaction(t.Context(), how)); err != nil {
			t.Fatal(err)
		}
	}
	w := startReadyWorker(t, kafka, newBoard(), connector.Source, "w1:1")
	create(t, w, "one")
}
