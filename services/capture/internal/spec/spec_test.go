package spec

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue/keycheck"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// parse reads a configuration as the runtime does.
func parse(t *testing.T, set map[string]string) (*Spec, error) {
	t.Helper()
	values, err := checked(t, set)
	if err != nil {
		return nil, err
	}
	return Parse(values)
}

var whole = map[string]string{
	"name": "c", "connector.class": Class, "database.hostname": "h", "database.user": "u@server",
	"database.password": "p", "database.dbname": "d", "topic.prefix": "x",
}

// checked is a configuration that only needs what is set to be whole, as the catalogue reads it.
func checked(t *testing.T, set map[string]string) (catalogue.Values, error) {
	t.Helper()
	keys, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	config := maps.Clone(whole)
	maps.Copy(config, set)
	values, _, problems := keys.Parse(config)
	if len(problems) > 0 {
		return values, fmt.Errorf("%v", problems)
	}
	return values, nil
}

func TestConfigurationsOfOldAndNewNamesMeanTheSame(t *testing.T) {
	old, err := parse(t, map[string]string{"topic.prefix": "", "database.server.name": "x",
		"table.whitelist": "retail.orders_info", "plugin.name": "wal2json", "snapshot.mode": "never"})
	if err == nil {
		t.Log("an empty topic.prefix counts as absent")
	}
	now, err := parse(t, map[string]string{"table.include.list": "retail.orders_info", "plugin.name": "wal2json",
		"snapshot.mode": "no_data"})
	if err != nil {
		t.Fatal(err)
	}
	if old != nil && (old.Prefix != now.Prefix || old.Snapshot.Mode != now.Snapshot.Mode) {
		t.Errorf("%+v differs from %+v", old, now)
	}
	if now.Output.Plugin != Wal2JSON || now.Snapshot.Name != NoData ||
		!now.Tables.Captured(pgrepl.Table{Schema: "retail", Name: "orders_info"}) ||
		now.Tables.Captured(pgrepl.Table{Schema: "retail", Name: "orders"}) {
		t.Errorf("read as %+v", now)
	}
	if now.Delivery.BatchEvents != deliver.DefaultBatchEvents || now.Delivery.BatchBytes != deliver.DefaultBatchBytes {
		t.Errorf("batch of %d events and %d bytes", now.Delivery.BatchEvents, now.Delivery.BatchBytes)
	}
}

func TestTheDefaultPluginIsPgoutputWhateverDebeziumsIs(t *testing.T) {
	s, err := parse(t, nil)
	if err != nil || s.Output.Plugin != Pgoutput {
		t.Errorf("plugin %q, %v", s.Output.Plugin, err)
	}
}

func TestWrongSettingsAreErrorsThatNameTheirKey(t *testing.T) {
	for key, value := range map[string]string{
		"slot.name": "Upper Case", "topic.prefix": "a b", "database.port": "99999", "table.include.list": "a(",
		"slot.stream.params":                  "novalue",
		"snapshot.select.statement.overrides": "public.a", "replica.identity.autoset.values": "public.a:SOMETIMES",
		"replication.protocol":              "5",
		"topic.creation.default.partitions": "0", "producer.override.compression.type": "zip",
		"signal.enabled.channels": "file", "snapshot.mode": "sometimes",
	} {
		if _, err := parse(t, map[string]string{key: value}); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: error %v does not name the key", key, value, err)
		}
	}
	if _, err := parse(t, map[string]string{"table.include.list": "a.b", "table.exclude.list": "a.c"}); err == nil {
		t.Error("both lists were accepted")
	}
}

func TestAPublicationLeavesOutWhatSkippedOperationsNames(t *testing.T) {
	for _, c := range []struct{ skipped, signals, published string }{
		{"", "", ""},
		{"none", "", "insert, update, delete, truncate"},
		{"t", "", "insert, update, delete"},
		{"u, d", "", "insert, truncate"},
		{"c", "", "update, delete, truncate"},
		{"c", "public.signals", "insert, update, delete, truncate"},
	} {
		set := map[string]string{"signal.data.collection": c.signals}
		if c.skipped != "" {
			set["skipped.operations"] = c.skipped
		}
		s, err := parse(t, set)
		if err != nil {
			t.Fatal(err)
		}
		if s.Publication.Operations != c.published {
			t.Errorf("skipped.operations=%s: the publication has %q, want %q", c.skipped, s.Publication.Operations, c.published)
		}
	}
}

func TestAModeOfSnapshotsSaysWhenTablesAreReadAndWhatFollows(t *testing.T) {
	const based = "snapshot.mode.configuration.based."
	for _, c := range []struct {
		mode string
		set  map[string]string
		want Mode
	}{
		{"initial", nil, Mode{Initial, ReadOnce, StopIfLost, true}},
		{"exported", nil, Mode{Initial, ReadOnce, StopIfLost, true}},
		{"initial_only", nil, Mode{InitialOnly, ReadOnce, StopIfLost, false}},
		{"Always", nil, Mode{Always, ReadAlways, StopIfLost, true}},
		{"no_data", nil, Mode{NoData, ReadNever, StopIfLost, true}},
		{"never", nil, Mode{NoData, ReadNever, StopIfLost, true}},
		{"when_needed", nil, Mode{WhenNeeded, ReadOnce, ReadAgainIfLost, true}},
		{"configuration_based", nil, Mode{ConfigurationBased, ReadNever, StopIfLost, false}},
		{"configuration_based", map[string]string{based + "start.stream": "true"},
			Mode{ConfigurationBased, ReadNever, StopIfLost, true}},
		{"configuration_based", map[string]string{based + "snapshot.data": "true"},
			Mode{ConfigurationBased, ReadAlways, StopIfLost, false}},
		{"configuration_based", map[string]string{based + "snapshot.on.data.error": "true"},
			Mode{ConfigurationBased, ReadNever, ReadAgainIfLost, false}},
		{"initial", map[string]string{based + "snapshot.data": "true", based + "snapshot.on.data.error": "true"},
			Mode{Initial, ReadOnce, StopIfLost, true}},
	} {
		set := map[string]string{"snapshot.mode": c.mode}
		for k, v := range c.set {
			set[k] = v
		}
		s, err := parse(t, set)
		if err != nil {
			t.Fatal(err)
		}
		if s.Snapshot.Mode != c.want {
			t.Errorf("snapshot.mode=%s with %v is %+v, want %+v", c.mode, c.set, s.Snapshot.Mode, c.want)
		}
	}
}

func TestEveryKeyFillsAFieldOrSaysThatItHasNoEffect(t *testing.T) {
	keys, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	r := newReading()
	for _, key := range r.declared {
		if key.Unsupported == "" && !key.Into.Bound() {
			t.Errorf("%s is declared, and nothing reads it", key.Name)
		}
	}
	for _, key := range r.Events.Keys() {
		if declared, ok := keys.Lookup(key.Name); !ok || declared.Name != key.Name {
			t.Errorf("%s shapes events and has no place among the keys of a capture", key.Name)
		}
	}
}

func TestEachKeyIsDocumentedAndMakesADifferenceAndItsDefaultNone(t *testing.T) {
	keycheck.Check(t, keycheck.Keys{
		Of: "a capture", Declared: newReading().declared, Whole: whole,
		Read: func(settings map[string]string) (any, error) { return parse(t, settings) },
		Values: map[string][]string{
			"skipped.operations": {"c"}, "signal.enabled.channels": {"source,kafka"}, "notification.enabled.channels": {"log"},
			"snapshot.select.statement.overrides": {"public.b"}, "replica.identity.autoset.values": {"public.b:FULL"},
			"slot.stream.params": {"a=b"}, "replication.protocol": {"2"},
		},
		With: map[string]map[string]string{
			"notification.sink.topic.name": {"notification.enabled.channels": "sink"},
			"signal.kafka.topic":           {"signal.enabled.channels": "kafka"},
			"snapshot.select.statement.overrides": {
				"snapshot.select.statement.overrides.public.b": "SELECT * FROM public.b WHERE a = 1"},
			"snapshot.mode.configuration.based.snapshot.data":          {"snapshot.mode": "configuration_based"},
			"snapshot.mode.configuration.based.start.stream":           {"snapshot.mode": "configuration_based"},
			"snapshot.mode.configuration.based.snapshot.on.data.error": {"snapshot.mode": "configuration_based"},
		},
		Shown: map[string]string{
			"skipped.operations": "a publication that Calypso makes leaves out only what is asked to be skipped",
			"plugin.name":        "Debezium's default, which needs an extension, is shown; pgoutput is taken",
			"slot.failover":      "where it is left out, a slot follows to a standby if the server can do that",
		},
	})
}

// The real Debezium 3.6 refuses each of them.
func TestListsThatContradictThemselvesOrNameNothingAreRefused(t *testing.T) {
	for _, c := range []struct{ key, value, says string }{
		{"skipped.operations", "c,none", "'none' cannot be specified with other skipped operation types"},
		{"message.key.columns", ":", "expected table:column,column"},
		{"message.key.columns", "public.t:", "expected table:column,column"},
		{"message.key.columns", "public.t:a,,b", "expected table:column,column"},
		{"message.key.columns", ":a", "expected table:column,column"},
		{"message.key.columns", "public.t:a:b", "expected table:column,column"},
	} {
		if _, err := parse(t, map[string]string{c.key: c.value}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s=%s: %v, want %q", c.key, c.value, err, c.says)
		}
	}
}

func TestRightsAreAskedForTheTopicsThatASourceNames(t *testing.T) {
	values, err := checked(t, map[string]string{"signal.enabled.channels": "source,kafka", "signal.kafka.topic": "signals",
		"heartbeat.interval.ms": "1000", "provide.transaction.metadata": "true", "notification.enabled.channels": "sink",
		"notification.sink.topic.name": "told", "oversized.records.mode": "dead.letter"})
	if err != nil {
		t.Fatal(err)
	}
	used := Topics(values)
	want := "x. [signals] [__debezium-heartbeat.x x.transaction told x-oversized]"
	if got := fmt.Sprint(used.Prefix, " ", used.Reads, " ", used.Writes); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if values, err = checked(t, nil); err != nil {
		t.Fatal(err)
	}
	if used := Topics(values); used.Prefix != "x." || len(used.Reads)+len(used.Writes) > 0 {
		t.Errorf("of a configuration that names none: %+v", used)
	}
}
