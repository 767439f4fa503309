package capture

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// stricter are keys that values are refused of which Debezium takes, on purpose; a name that ends in
// * stands for all that begin so.
var stricter = map[string]string{
	"column.mask.*":                        "what cannot be parsed is refused, where Debezium fails at the start",
	"column.truncate.*":                    "what cannot be parsed is refused, where Debezium fails at the start",
	"converters":                           "Java classes are refused, which Debezium finds missing only at the start",
	"database.port":                        "what is no port is refused, where Debezium fails at the start",
	"incremental.snapshot.chunk.size":      "a chunk has a row at least, where Debezium asks for 0 rows for ever",
	"internal.legacy.snapshot.max.threads": "checked by itself",
	"snapshot.locking.mode.custom.name":    "spaces around custom are none",
	"max.queue.size":                       "beside a max.batch.size that is refused it is compared with the default",
	"name":                                 "a slash is refused, which no path of Kafka Connect's REST could name",
	"notification.enabled.channels":        "a channel that there is not is refused, where Debezium leaves it out silently",
	"notification.sink.topic.name":         "the channel needs it, and Debezium fails at the start",
	"post.processors":                      "Java classes are refused",
	"producer.override.*":                  "what Kafka's client refuses is refused, where Kafka Connect fails at the start",
	"sanitize.field.names":                 "an older spelling, which Debezium no longer reads",
	"signal.enabled.channels":              "a channel that there is not is refused, where Debezium leaves it out silently",
	"signal.kafka.poll.timeout.ms":         "numbers are checked, where Debezium fails at the start",
	"slot.stream.params":                   "what is no parameter is refused, where Debezium fails at the start",
	"snapshot.custom.class":                "Java classes are refused",
	"snapshot.mode.custom.name":            "Java classes are refused",
	"snapshot.query.mode":                  "Java classes are refused",
	"snapshot.query.mode.custom.name":      "Java classes are refused",
	"snapshot.select.statement.overrides":  "a table without its statement is refused, where Debezium ignores it",
	"sourceinfo.struct.maker":              "Java classes are refused",
	"tasks.max":                            "more tasks than a fleet could ever run are refused",
	"topic.creation.*":                     "it is checked before the start",
	"topic.naming.strategy":                "Java classes are refused",
	"transaction.metadata.factory":         "Java classes are refused",
	"unavailable.value.placeholder":        "what is no hexadecimal number is refused, where Debezium fails at the start",
	"xmin.fetch.interval.ms":               "there is none, which would change the events",
	"column.exclude.list":                  "older spellings are read and checked", // column.blacklist
	"table.include.list":                   "older spellings are read and checked",
	"schema.include.list":                  "older spellings are read and checked",
}

// lenient are keys that values are taken of which Debezium refuses, on purpose.
var lenient = map[string]string{
	"connector.class":                    "there is one version of each plugin",
	"connector.plugin.version":           "there is one version of each plugin",
	"custom.metric.tags":                 "without effect, of any form",
	"database.hostname":                  "validation without the server does not look for it",
	"exactly.once.support":               "workers have it, where Kafka Connect's must be told so",
	"header.converter.plugin.version":    "there is one version of each plugin",
	"key.converter.plugin.version":       "there is one version of each plugin",
	"value.converter.plugin.version":     "there is one version of each plugin",
	"max.queue.size":                     "it has no effect, and unset it is not compared with max.batch.size",
	"column.exclude.list":                "an empty list is none, beside another",
	"message.prefix.exclude.list":        "an empty list is none, beside another",
	"schema.exclude.list":                "an empty list is none, beside another",
	"table.exclude.list":                 "an empty list is none, beside another",
	"legacy.snapshot.max.threads":        "its internal spelling is checked by itself",
	"memory.management.schemas.class":    "without effect",
	"memory.management.tables.class":     "without effect",
	"openlineage.integration.job.owners": "without effect, of any form",
	"openlineage.integration.job.tags":   "without effect, of any form",
	"plugin.name":                        "wal2json is there, which Debezium has given up",
	"skipped.operations":                 "m leaves logical messages out",
	"snapshot.mode":                      "older words are read",
	"snapshot.query.mode.custom.name":    "the mode is refused",
	"sourceinfo.struct.maker":            "spaces around the class are no fault",
	"transaction.metadata.factory":       "spaces around the class are no fault",
	"topic.naming.strategy":              "spaces around the class are no fault",
}

// onPurpose reports whether one of the entries, which may end in *, matches the key.
func onPurpose(of map[string]string, key string) bool {
	for name := range of {
		if prefix, family := strings.CutSuffix(name, "*"); name == key || family && strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// judge is which keys the worker finds faults in, of the base with what is set.
func judge(t *testing.T, worker connectorv1.ConnectorServiceServer, set map[string]string) []string {
	t.Helper()
	config := map[string]string{"connector.class": Class, "name": "c", "database.hostname": "127.0.0.1",
		"database.port": "1",
		"database.user": "u", "database.password": "p", "database.dbname": "d", "topic.prefix": "p",
		"plugin.name": "pgoutput"}
	maps.Copy(config, set)
	answer, err := worker.ValidateConfig(t.Context(),
		&connectorv1.ValidateConfigRequest{Plugin: "PostgresConnector", Config: config, Offline: true})
	if err != nil {
		return []string{"(" + err.Error() + ")"}
	}
	var faulty []string
	for _, k := range answer.GetValues() {
		if len(k.GetErrors()) > 0 {
			faulty = append(faulty, k.GetKey().GetName())
		}
	}
	slices.Sort(faulty)
	return faulty
}

// differences are the keys that one side finds faults in and the other not, without those that are
// judged otherwise on purpose.
func differences(ours, theirs []string) (all []string) {
	for _, key := range ours {
		if !slices.Contains(theirs, key) && !onPurpose(stricter, key) {
			all = append(all, key)
		}
	}
	for _, key := range theirs {
		if !slices.Contains(ours, key) && !onPurpose(lenient, key) {
			all = append(all, key)
		}
	}
	return all
}

func recordedJudgements(t *testing.T, file string, out any) {
	t.Helper()
	content, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, out); err != nil {
		t.Fatal(err)
	}
}

// broken is a server error of Kafka Connect in place of a judgement.
const broken = "(500)"

func faultsOf(joined string) []string {
	return slices.DeleteFunc(strings.Split(joined, "|"), func(key string) bool { return key == "" })
}

// The files are which keys Kafka Connect 4.3.1 with Debezium 3.6.3 finds faults in, for many values
// of each key and for many combinations (tests/conformance/validation_test.go).
func TestAValueIsRefusedWhereDebeziumRefusesIt(t *testing.T) {
	t.Parallel()
	var recorded map[string]map[string][]string
	recordedJudgements(t, "debezium-faults.json", &recorded)
	worker := workerWithoutBroker(t)
	for _, key := range slices.Sorted(maps.Keys(recorded)) {
		for faults, values := range recorded[key] {
			if faults == broken {
				continue
			}
			for _, value := range values {
				ours, theirs := judge(t, worker, map[string]string{key: value}), faultsOf(faults)
				if different := differences(ours, theirs); len(different) > 0 {
					t.Errorf("%s = %q: faults in %q, Debezium's are in %q", key, value, ours, theirs)
				}
			}
		}
	}
}

func TestACombinationIsRefusedWhereDebeziumRefusesIt(t *testing.T) {
	t.Parallel()
	var recorded []struct {
		Set    map[string]string
		Faults string
	}
	recordedJudgements(t, "debezium-combinations.json", &recorded)
	worker := workerWithoutBroker(t)
	for _, c := range recorded {
		if c.Faults == broken {
			continue
		}
		ours, theirs := judge(t, worker, c.Set), faultsOf(c.Faults)
		if different := differences(ours, theirs); len(different) > 0 {
			t.Errorf("%q: faults in %q, Debezium's are in %q", c.Set, ours, theirs)
		}
	}
}
