package capture

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// otherwise are keys some values of which are judged differently on purpose.
var otherwise = map[string]string{
	"connector.plugin.version":             "there is one version of each plugin",
	"converters":                           "Java classes are refused, which Debezium finds missing only at the start",
	"custom.metric.tags":                   "without effect, of any form",
	"database.hostname":                    "validation without the server does not look for it",
	"exactly.once.support":                 "workers have it, where Kafka Connect's must be told so",
	"internal.legacy.snapshot.max.threads": "an older spelling, checked as the present one",
	"memory.management.schemas.class":      "without effect",
	"memory.management.tables.class":       "without effect",
	"notification.enabled.channels":        "a channel that there is not is refused, where Debezium leaves it out silently",
	"openlineage.integration.job.owners":   "without effect, of any form",
	"openlineage.integration.job.tags":     "without effect, of any form",
	"post.processors":                      "Java classes are refused",
	"signal.enabled.channels":              "a channel that there is not is refused, where Debezium leaves it out silently",
	"slot.stream.params":                   "what is no parameter is refused, where Debezium fails at the start",
	"snapshot.mode.custom.name":            "Java classes are refused",
	"snapshot.query.mode.custom.name":      "Java classes are refused",
	"snapshot.select.statement.overrides":  "a table without its statement is refused, where Debezium ignores it",
	"topic.creation.groups":                "a group without topics is refused, where Kafka Connect says so at other keys",
	"topic.naming.strategy":                "Java classes are refused",
}

// The file is what Kafka Connect 4.3.1 with Debezium 3.6.3 says of values of each key that are
// nonsense, empty or in capitals (tests/conformance/validation_test.go).
func TestAValueIsRefusedWhereDebeziumRefusesIt(t *testing.T) {
	content, err := os.ReadFile("testdata/debezium-faults.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded map[string]map[string][]string
	if err := json.Unmarshal(content, &recorded); err != nil {
		t.Fatal(err)
	}
	worker := workerWithoutBroker(t)
	base := map[string]string{"connector.class": Class, "name": "c", "database.hostname": "127.0.0.1",
		"database.port": "1",
		"database.user": "u", "database.password": "p", "database.dbname": "d", "topic.prefix": "p",
		"plugin.name": "pgoutput"}
	for _, key := range slices.Sorted(maps.Keys(recorded)) {
		for _, value := range slices.Sorted(maps.Keys(recorded[key])) {
			config := maps.Clone(base)
			config[key] = value
			answer, err := worker.ValidateConfig(t.Context(),
				&connectorv1.ValidateConfigRequest{Plugin: "PostgresConnector", Config: config, Offline: true})
			if err != nil {
				t.Errorf("%s = %q: %v", key, value, err)
				continue
			}
			var got []string
			for _, k := range answer.GetValues() {
				if k.GetKey().GetName() == key {
					got = k.GetErrors()
				}
			}
			_, differs := otherwise[key]
			if want := recorded[key][value]; (len(got) > 0) != (len(want) > 0) && !differs {
				t.Errorf("%s = %q: %q, Debezium says %q", key, value, got, want)
			}
		}
	}
}
