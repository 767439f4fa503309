package connector_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/runtime"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
)

func TestAReferenceIsRefusedWhereAValueNamesKeys(t *testing.T) {
	environment := func(c *runtime.Config) {
		c.Secrets.References = secret.References{Env: "PG_.*", LookupEnv: func(string) (string, bool) { return "canary", true }}
	}
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1", environment)
	for _, key := range []string{"transforms", "predicates", "topic.creation.groups"} {
		config := map[string]string{"connector.class": "test.BoardSourceConnector", key: "a,${env:PG_X}",
			"transforms.a.type": "x"}
		_, err := w.PlanConnectorConfig(t.Context(), &connectorv1.PlanConnectorConfigRequest{Name: "p", Config: config})
		assertError(t, key, err, codes.InvalidArgument, connector.ReasonConfigInvalid, "config."+key)
		if text := fmt.Sprint(err, status.Convert(err).Details()); strings.Contains(text, "canary") ||
			!strings.Contains(text, "names other keys") {
			t.Errorf("%s: %s", key, text)
		}
		config["name"] = "p"
		v, err := w.ValidateConfig(t.Context(), &connectorv1.ValidateConfigRequest{Plugin: "test.BoardSourceConnector",
			Config: config})
		if err != nil || strings.Contains(v.String(), "canary") || v.ErrorCount == 0 {
			t.Errorf("%s: %v %v", key, v, err)
		}
	}
}

// What a connector finds wrong may be about a key that a value names.
func TestWhatAReferenceStandsForIsNotInTheNameOfAFaultsField(t *testing.T) {
	keys, err := catalogue.New(catalogue.SourceFramework(), []catalogue.Key{{Name: "tables", Type: catalogue.List}})
	if err != nil {
		t.Fatal(err)
	}
	plugin := func(c *runtime.Config) {
		c.Secrets.References = secret.References{Env: "PG_.*", LookupEnv: func(string) (string, bool) { return "canary", true }}
		c.Plugins = []connector.Plugin{{Class: "test.NamingConnector", Type: connector.Source, Catalogue: keys,
			Tasks: func(v catalogue.Values) (int, error) {
				return 0, catalogue.Problem{Key: "override." + v.List("tables")[0],
					Message: "override." + v.List("tables")[0] + " is missing"}
			},
			NewTask: func(connector.TaskEnv, catalogue.Values) (connector.Task, error) { return nil, errors.New("no") }}}
	}
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1", plugin)
	_, err = w.PlanConnectorConfig(t.Context(), &connectorv1.PlanConnectorConfigRequest{Name: "p",
		Config: map[string]string{"connector.class": "test.NamingConnector", "tables": "${env:PG_X}"}})
	if text := fmt.Sprint(err, status.Convert(err).Details()); strings.Contains(text, "canary") ||
		!strings.Contains(text, "override.********") {
		t.Error(text)
	}
}

func TestSecretsWithinValuesAreHiddenInAnswersErrorsVersionsAndLogs(t *testing.T) {
	b := newBoard()
	var log lockedBuffer
	logged := func(c *runtime.Config) { c.Logger = slog.New(slog.NewJSONHandler(&log, nil)) }
	w := startReadyWorker(t, broker(t), b, connector.Source, "w1:1", logged)
	values := map[string]string{
		"jdbc":  "jdbc:postgresql://h/db?user=u&password=canary-jdbc&sslmode=require",
		"jaas":  `PlainLoginModule required username="u" password="canary-jaas";`,
		"hub":   "Endpoint=sb://n/;SharedAccessKeyName=k;SharedAccessKey=canary-hub=",
		"kusto": "Data Source=https://c;Application Key=canary-kusto;Authority Id=t",
		"blob":  "https://a/c?sv=1&sig=canary-blob",
	}
	b.failNext("a-0", errors.New("parse "+strings.Join([]string{values["jdbc"], values["jaas"], values["hub"],
		values["kusto"], values["blob"]}, ", ")))
	var pairs []string
	for key, value := range values {
		pairs = append(pairs, key, value)
	}
	create(t, w, "a", pairs...)
	awaitStates(t, w, "a", "RUNNING FAILED")
	shown := func(what string, answer fmt.Stringer, err error) {
		t.Helper()
		if err != nil || strings.Contains(answer.String(), "canary") || !strings.Contains(answer.String(), "********") {
			t.Errorf("%s: %v %v", what, answer, err)
		}
	}
	got, err := w.GetConnector(t.Context(), &connectorv1.GetConnectorRequest{Name: "a"})
	shown("configuration", got, err)
	s, err := w.GetConnectorStatus(t.Context(), &connectorv1.GetConnectorStatusRequest{Name: "a"})
	shown("status", s, err)
	versions, err := w.ListConfigVersions(t.Context(), &connectorv1.ListConfigVersionsRequest{Name: "a"})
	shown("versions", versions, err)
	_, err = w.PlanConnectorConfig(t.Context(), &connectorv1.PlanConnectorConfigRequest{Name: "p",
		Config: map[string]string{"connector.class": "test.BoardSourceConnector", "behaviour": values["jdbc"],
			"batch.size": "password=abc"}})
	shown("a fault", status.Convert(err).Proto(), nil)
	if strings.Contains(fmt.Sprint(err), "=abc") {
		t.Errorf("a short password is quoted: %v", err)
	}
	// What is read may be written back.
	if _, err := w.UpdateConnectorConfig(t.Context(),
		&connectorv1.UpdateConnectorConfigRequest{Name: "a", Config: got.Connector.Config}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task has the secrets", func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		for key, value := range values {
			if seen := b.seen["a-0"]; seen[key] != value {
				return fmt.Errorf("%s is %s", key, seen[key])
			}
		}
		return nil
	})
	if text := log.String(); strings.Contains(text, "canary") {
		t.Errorf("the log shows a secret: %s", text)
	}
}

func TestReferencesToProvidersThatAreNotThereAreNamedInAWarning(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p"), []byte("k=v"), 0o600); err != nil {
		t.Fatal(err)
	}
	references := func(c *runtime.Config) { c.Secrets.References = secret.References{Paths: []string{dir}} }
	w := startReadyWorker(t, broker(t), newBoard(), connector.Source, "w1:1", references)
	made, err := w.CreateConnector(t.Context(), &connectorv1.CreateConnectorRequest{Name: "a",
		Config: map[string]string{"connector.class": "test.BoardSourceConnector",
			"password": "${azkv:vault:name}", "topics": "${secrets:x}", "other": "$${a} ${routing} ${file:" + dir + "/p:k}",
			"topic": "${topic}-${timestamp}"}})
	if err != nil {
		t.Fatal(err)
	}
	warnings := strings.Join(made.Warnings, "\n")
	for _, want := range []string{"password: ${azkv:vault:name} is taken as it stands",
		"topics: ${secrets:x} is taken as it stands", "there are dir, env and file"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("no warning says %q: %s", want, warnings)
		}
	}
	if strings.Count(warnings, "as it stands") != 2 {
		t.Error(warnings)
	}
}

// lockedBuffer takes the log of several goroutines.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
