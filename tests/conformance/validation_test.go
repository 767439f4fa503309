package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/connect"
	"github.com/calypso-cdc/calypso/tests/internal/debezium"
)

// Each file holds judgements by key, by the keys with faults (separated by |), by value; and
// those of several keys at once. services/capture compares its own with them.
const (
	faultsFile       = "../../services/capture/testdata/debezium-faults.json"
	combinationsFile = "../../services/capture/testdata/debezium-combinations.json"
)

// broken stands for a server error in place of a judgement.
const broken = "(500)"

// combination is a configuration of several keys, beside the base, and the keys with faults.
type combination struct {
	Set    map[string]string `json:"set"`
	Faults string            `json:"faults"`
}

// declaredKey is what /connector-plugins/…/config says of a key.
type declaredKey struct {
	Name, Type string
	Default    *string `json:"default_value"`
}

// TestFaultsOfValuesAreRecorded records which keys a real Kafka Connect with Debezium finds faults
// in, for every key with many values, and for combinations of keys.
func TestFaultsOfValuesAreRecorded(t *testing.T) {
	if !*record {
		t.Skip("it runs with -record only (make conformance-record)")
	}
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true})
	worker := debezium.Run(t, kafka.Bootstrap)
	var keys []declaredKey
	if err := worker.Call(t.Context(), http.MethodGet, "/connector-plugins/PostgresConnector/config", nil,
		&keys); err != nil {
		t.Fatal(err)
	}
	keys = slices.DeleteFunc(keys, func(k declaredKey) bool { return strings.ContainsAny(k.Name, "([") || k.Name == "connector.class" })
	for _, name := range undeclaredKeys {
		keys = append(keys, declaredKey{Name: name, Type: "STRING"})
	}
	var configs []map[string]string
	for _, key := range keys {
		for _, value := range valuesOf(key) {
			configs = append(configs, map[string]string{key.Name: value})
		}
	}
	single := len(configs)
	configs = append(configs, combinations(keys)...)
	faults := make([]string, len(configs))
	var judging sync.WaitGroup
	next := make(chan int)
	for range 3 {
		judging.Go(func() {
			for i := range next {
				faults[i] = judge(t, worker, configs[i])
			}
		})
	}
	for i := range configs {
		next <- i
	}
	close(next)
	judging.Wait()
	byKey := map[string]map[string][]string{}
	for i, config := range configs[:single] {
		for key, value := range config {
			if byKey[key] == nil {
				byKey[key] = map[string][]string{}
			}
			byKey[key][faults[i]] = append(byKey[key][faults[i]], value)
		}
	}
	together := make([]combination, 0, len(configs)-single)
	for i, config := range configs[single:] {
		together = append(together, combination{Set: config, Faults: faults[single+i]})
	}
	writeLines(t, faultsFile, byKey)
	writeLines(t, combinationsFile, together)
}

// judge gives the keys with faults; that nothing listens at the base's address does not count.
func judge(t *testing.T, worker connect.Client, set map[string]string) string {
	config := map[string]string{"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "name": "c",
		"database.hostname": "127.0.0.1", "database.port": "1",
		"database.user": "u", "database.password": "p", "database.dbname": "d", "topic.prefix": "p",
		"plugin.name": "pgoutput"}
	maps.Copy(config, set)
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
		return broken // it looks for classes at once, and not all of its parsers' exceptions are caught
	}
	var faulty []string
	for _, c := range answer.Configs {
		errors := slices.DeleteFunc(c.Value.Errors, func(e string) bool {
			return strings.Contains(e, "Unable to connect") || strings.Contains(e, "Error while validating connector config")
		})
		if len(errors) > 0 {
			faulty = append(faulty, c.Value.Name)
		}
	}
	slices.Sort(faulty)
	return strings.Join(slices.Compact(faulty), "|")
}

// writeLines writes JSON with one line for each member of the outermost value.
func writeLines(t *testing.T, file string, of any) {
	text, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	switch text[0] {
	case '[':
		var items []json.RawMessage
		if err := json.Unmarshal(text, &items); err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			lines = append(lines, " "+string(item))
		}
		text = []byte("[\n" + strings.Join(lines, ",\n") + "\n]\n")
	default:
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			lines = append(lines, fmt.Sprintf(" %q: %s", name, members[name]))
		}
		text = []byte("{\n" + strings.Join(lines, ",\n") + "\n}\n")
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// undeclaredKeys are names that the list of keys does not have: of families, and of channels.
var undeclaredKeys = []string{
	"column.mask.with.0.chars", "column.mask.with.5.chars", "column.mask.with.-1.chars", "column.mask.with.x.chars",
	"column.mask.with.99999999999.chars", "column.truncate.to.0.chars", "column.truncate.to.5.chars",
	"column.truncate.to.x.chars", "column.mask.hash.SHA-256.with.salt.s", "column.mask.hash.v2.SHA-256.with.salt.s",
	"column.mask.hash.NOPE.with.salt.s", "column.mask.hash.SHA-256.with.salt.", "snapshot.select.statement.overrides.public.t",
	"signal.kafka.topic", "signal.kafka.bootstrap.servers", "signal.kafka.groupId", "signal.kafka.poll.timeout.ms",
	"notification.sink.topic.name", "driver.loginTimeout", "producer.override.linger.ms", "producer.override.acks",
	"topic.creation.default.replication.factor", "topic.creation.default.partitions", "errors.deadletterqueue.topic.name",
	"errors.retry.timeout", "errors.tolerance",
	"database.server.name", "table.whitelist", "schema.whitelist", "column.blacklist", "sanitize.field.names",
	"toasted.value.placeholder", "snapshot.custom.class", "snapshot.mode.custom.name", "slot.max.retries",
	"max.retries", "xmin.fetch.interval.ms",
}

// numberForms are forms of numbers, within limits and beyond, that Java's Integer.parseInt takes or not.
var numberForms = []string{"-1", "0", "1", "2", "+5", "-0", "010", "0x10", "1_000", "1e3", "5.0", "5.", "1L", " 5 ", "\t5", "5\u00a0",
	"2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807",
	"9223372036854775808", "-9223372036854775808", "65535", "65536", "--1", "+", "-", "1,000", "NaN", "Infinity", "1 0"}

// textForms are values of texts and lists.
var textForms = []string{"nonsense", "", " ", ",", "a,", ",a", "a,,b", "a, b", "(", "[", "*", "a{", "(?<n>", "\\", "a\\", "public.t", "public.t:a",
	"public.t:a,", "public.t:,a", "public.t:a,,b", "public.t:a;", ";public.t:a", "public.t:a;public.u:b",
	"public.t:a;;public.u:b", "public.t:", ":a", ":", ";", "public.t:a b", "public.t : a", "a:b:c", "public.(t:a", "(.*).t:a", "a=b",
	"a:b,c:d", "none", "NONE", "null", "c", "C", "c,u", "c, u", "c,c", "none,c", "c,none", "r", "m", "t,", "insert", "A_b-c.1", "a b", "a/b",
	"\u00e9", "a:b", strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 300), "0a", "_", "-", ".",
	"..", "a.", "Capital", "a\"b", "a'b", "source", "SOURCE", "kafka", "source,kafka", "jmx", "file", "log", "sink", "log,sink", "http",
	"$", "true", "hex:00", "hex:0", "hex:zz"}

// truthForms are values of flags.
var truthForms = []string{"true", "TRUE", "tRuE", " true ", "yes", "no", "on", "1", "0", "t", "maybe", "", " ", "truefalse",
	"FALSE ", "null"}

func valuesOf(key declaredKey) []string {
	values := []string{"nonsense", "", " "}
	switch key.Type {
	case "INT", "LONG", "SHORT", "DOUBLE":
		values = append(values, numberForms...)
	case "BOOLEAN":
		values = append(values, truthForms...)
	default:
		values = append(append(append(values, textForms...), "-1", "0", "5"), choices[key.Name]...)
	}
	if key.Default != nil && *key.Default != "" {
		values = append(values, spellings(*key.Default)...)
	}
	for _, choice := range choices[key.Name] {
		values = append(values, spellings(choice)...)
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// spellings are ways to write a word that a reader may or may not take for it.
func spellings(word string) []string {
	all := []string{word, strings.ToUpper(word), " " + word + " ", word + ",", word + "x",
		strings.ReplaceAll(word, "_", "-"), strings.ReplaceAll(word, "-", "_"), strings.ReplaceAll(word, "_", "")}
	if word != "" {
		all = append(all, strings.ToUpper(word[:1])+word[1:], word[:len(word)-1])
	}
	return all
}

// choices are the words that keys take, of this version of Debezium and of others.
var choices = map[string][]string{
	"snapshot.mode": {"always", "initial", "initial_only", "no_data", "never", "when_needed", "configuration_based", "custom",
		"exported", "schema_only", "recovery", "schema_only_recovery"},
	"snapshot.isolation.mode":                {"serializable", "repeatable_read", "read_committed", "read_uncommitted"},
	"snapshot.locking.mode":                  {"none", "shared", "custom", "extended", "exclusive"},
	"snapshot.query.mode":                    {"select_all", "custom"},
	"plugin.name":                            {"pgoutput", "decoderbufs", "wal2json", "wal2json_rds", "wal2json_streaming"},
	"publication.autocreate.mode":            {"all_tables", "disabled", "filtered", "no_tables"},
	"decimal.handling.mode":                  {"precise", "double", "string"},
	"time.precision.mode":                    {"adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"},
	"interval.handling.mode":                 {"numeric", "string"},
	"hstore.handling.mode":                   {"json", "map"},
	"binary.handling.mode":                   {"bytes", "base64", "base64-url-safe", "hex"},
	"schema.name.adjustment.mode":            {"none", "avro", "avro_unicode"},
	"field.name.adjustment.mode":             {"none", "avro", "avro_unicode"},
	"event.processing.failure.handling.mode": {"fail", "warn", "skip", "ignore"},
	"event.converting.failure.handling.mode": {"fail", "warn", "skip", "ignore"},
	"database.sslmode":                       {"disable", "allow", "prefer", "require", "verify-ca", "verify-full", "required", "verify_ca"},
	"lsn.flush.mode":                         {"connector", "manual", "connector_and_driver"},
	"offset.mismatch.strategy":               {"no_validation", "trust_offset", "trust_slot", "trust_greater_lsn"},
	"replica.identity.autoset.values": {"public.t:FULL", "public.t:full", "public.t:DEFAULT", "public.t:NOTHING",
		"public.t:INDEX i", "public.t:INDEX", "public.t:INDEX i j", "public.t:NOPE", "a:FULL,b:DEFAULT", "a:FULL,", "FULL"},
	"snapshot.tables.order.by.row.count":         {"disabled", "ascending", "descending"},
	"incremental.snapshot.watermarking.strategy": {"INSERT_INSERT", "insert_delete", "INSERT_DELETE"},
	"schema.refresh.mode":                        {"columns_diff", "columns_diff_exclude_unchanged_toast"},
	"guardrail.collections.limit.action":         {"warn", "fail"},
	"queue.provider.type":                        {"memory", "chronicle"},
	"transaction.boundary":                       {"poll", "connector", "interval"},
	"exactly.once.support":                       {"requested", "required"},
	"config.action.reload":                       {"none", "restart"},
	"errors.tolerance":                           {"none", "all"},
	"source.struct.version":                      {"v1", "v2"},
	"slot.stream.params":                         {"a=b", "a=b;c=d", "a", "a=", "=b", "a=b;", "proto_version=1", "include-xids=true"},
	"database.initial.statements":                {"select 1", "select 1; select 2", ";;"},
	"signal.data.collection":                     {"public.signals", "public.a,public.b", "d.public.signals", "signals"},
	"topic.prefix":                               {"p", "p.q", "p-q", "p_q", "1", "p q", "p/q", "p\u00e9"},
	"slot.name":                                  {"debezium", "Slot", "slot-1", "slot.1", "1", "_"},
	"publication.name":                           {"dbz_publication", "Pub", "pub-1", "1", "a b"},
	"tasks.max":                                  {"1", "2"},
	"database.connection.factory.class":          {"entra", "io.debezium.connector.postgresql.connection.PostgresConnectionFactory"},
	"replication.protocol":                       {"1", "2"},
	"topic.naming.strategy": {"io.debezium.schema.SchemaTopicNamingStrategy", "io.debezium.schema.DefaultTopicNamingStrategy",
		"io.debezium.schema.SchemaUnicodeTopicNamingStrategy"},
}

// combinations are settings that exclude or require each other, and random ones.
func combinations(keys []declaredKey) []map[string]string {
	var all []map[string]string
	pairs := func(a string, as []string, b string, bs []string) {
		for _, x := range as {
			for _, y := range bs {
				all = append(all, map[string]string{a: x, b: y})
			}
		}
	}
	sizes := []string{"-1", "0", "1", "2", "2047", "2048", "2049", "8192", "x"}
	pairs("max.queue.size", sizes, "max.batch.size", sizes)
	pairs("max.queue.size.in.bytes", []string{"-1", "0", "1", "x"}, "max.batch.size", []string{"0", "1", "10000"})
	lists := []string{"", " ", ",", "a", "a.b", "("}
	for _, of := range []string{"table", "schema", "column", "message.prefix", "database"} {
		pairs(of+".include.list", lists, of+".exclude.list", lists)
	}
	pairs("table.include.list", lists, "table.whitelist", lists)
	pairs("snapshot.mode", choices["snapshot.mode"], "snapshot.mode.custom.name", []string{"", " ", "x"})
	pairs("snapshot.mode", []string{"custom", "initial", "CUSTOM"}, "snapshot.custom.class", []string{"", "x"})
	pairs("snapshot.query.mode", choices["snapshot.query.mode"], "snapshot.query.mode.custom.name", []string{"", " ", "x"})
	pairs("snapshot.locking.mode", choices["snapshot.locking.mode"], "snapshot.locking.mode.custom.name",
		[]string{"", " ", "x"})
	flags := []string{"true", "false"}
	for _, part := range []string{"snapshot.data", "snapshot.schema", "start.stream", "snapshot.on.schema.error",
		"snapshot.on.data.error"} {
		pairs("snapshot.mode", []string{"configuration_based", "initial"}, "snapshot.mode.configuration.based."+part,
			append(flags, "x", ""))
	}
	channels := []string{"", "source", "kafka", "source,kafka", "file", "jmx", "log", "sink", "log,sink", "sink,x"}
	pairs("signal.enabled.channels", channels, "signal.data.collection", []string{"", "public.s", "a,b", "s"})
	pairs("signal.enabled.channels", channels, "signal.kafka.topic", []string{"", "t", "t t"})
	pairs("signal.enabled.channels", channels, "signal.kafka.bootstrap.servers", []string{"", "127.0.0.1:1", "x"})
	pairs("notification.enabled.channels", channels, "notification.sink.topic.name", []string{"", " ", "t", "t t"})
	pairs("notification.enabled.channels", []string{"http", "log,http"}, "notification.http.url", []string{"", "x", "http://a"})
	pairs("read.only", flags, "signal.data.collection", []string{"", "public.s"})
	pairs("read.only", flags, "signal.enabled.channels", channels)
	pairs("lsn.flush.mode", append(choices["lsn.flush.mode"], "x", ""), "flush.lsn.source", append(flags, "x"))
	pairs("heartbeat.interval.ms", []string{"-1", "0", "1"}, "heartbeat.action.query", []string{"", "select 1"})
	pairs("heartbeat.interval.ms", []string{"0", "1"}, "heartbeat.topics.prefix", []string{"", " ", "a b", "h"})
	pairs("publication.autocreate.mode", choices["publication.autocreate.mode"], "publication.name", []string{"", " ", "P q", "p"})
	pairs("plugin.name", choices["plugin.name"], "slot.stream.params", choices["slot.stream.params"])
	pairs("snapshot.select.statement.overrides", []string{"", "public.t", "public.t,", "public.t,public.u"},
		"snapshot.select.statement.overrides.public.t", []string{"", " ", "select 1"})
	pairs("slot.failover", flags, "slot.drop.on.stop", append(flags, "x"))
	pairs("offset.mismatch.strategy", choices["offset.mismatch.strategy"], "internal.slot.seek.to.known.offset.on.start", flags)
	pairs("snapshot.max.threads", []string{"-1", "0", "1", "2", "1000000"}, "snapshot.max.threads.multiplier", []string{"-1", "0", "1"})
	pairs("status.update.interval.ms", []string{"-1", "0", "1", "10000"}, "database.tcpKeepAlive", flags)
	pairs("replica.identity.autoset.values", choices["replica.identity.autoset.values"], "table.include.list", []string{"public.t"})
	pairs("database.sslmode", choices["database.sslmode"], "database.sslrootcert", []string{"", "/nowhere"})
	pairs("provide.transaction.metadata", flags, "topic.transaction", []string{"", " ", "a b", "t"})
	pairs("queue.provider.type", []string{"memory", "chronicle", "x"}, "chronicle.queue.dir", []string{"", "/tmp"})
	pairs("topic.delimiter", []string{"", " ", ".", "-", "_", "/", ",", "::"}, "topic.prefix", []string{"p", "p.q"})
	random := rand.New(rand.NewPCG(3, 6))
	for range 1500 {
		set := map[string]string{}
		for range 2 + random.IntN(4) {
			key := keys[random.IntN(len(keys))]
			values := valuesOf(key)
			set[key.Name] = values[random.IntN(len(values))]
		}
		all = append(all, set)
	}
	return all
}
