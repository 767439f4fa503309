package conformance

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/debezium"
)

// faultsFile is what services/capture compares its own faults with.
const faultsFile = "../../services/capture/testdata/debezium-faults.json"

// TestFaultsOfValuesAreRecorded records what a real Kafka Connect with Debezium says of values of
// each key that are nonsense, empty or in capitals.
func TestFaultsOfValuesAreRecorded(t *testing.T) {
	if !*record {
		t.Skip("it runs with -record only (make conformance-record)")
	}
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	worker := debezium.Run(t, kafka.Bootstrap)
	var keys []struct {
		Name    string
		Default *string `json:"default_value"`
	}
	if err := worker.Call(t.Context(), http.MethodGet, "/connector-plugins/PostgresConnector/config", nil,
		&keys); err != nil {
		t.Fatal(err)
	}
	base := map[string]string{"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "name": "c",
		"database.hostname": "127.0.0.1", "database.port": "1",
		"database.user": "u", "database.password": "p", "database.dbname": "d", "topic.prefix": "p",
		"plugin.name": "pgoutput"}
	faults := map[string]map[string][]string{}
	for _, key := range keys {
		if strings.ContainsAny(key.Name, "([") || key.Name == "connector.class" {
			continue
		}
		values := []string{"nonsense", ""}
		if key.Default != nil && *key.Default != "" {
			values = append(values, strings.ToUpper(*key.Default))
		}
		switch key.Name {
		case "transaction.boundary":
			values = append(values, "connector", "interval")
		case "exactly.once.support":
			values = append(values, "required")
		}
		faults[key.Name] = map[string][]string{}
		for _, value := range values {
			config := maps.Clone(base)
			config[key.Name] = value
			var answer struct {
				Configs []struct {
					Value struct {
						Name   string
						Errors []string
					}
				}
			}
			if err := worker.Call(t.Context(), http.MethodPut, "/connector-plugins/PostgresConnector/config/validate", config,
				&answer); err != nil {
				faults[key.Name][value] = []string{err.Error()} // classes are looked for at once
				continue
			}
			faults[key.Name][value] = []string{}
			for _, c := range answer.Configs {
				if c.Value.Name == key.Name {
					faults[key.Name][value] = c.Value.Errors
				}
			}
		}
	}
	text, err := json.MarshalIndent(faults, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(faultsFile, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
