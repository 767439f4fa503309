package capture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// parse reads a configuration as the runtime does.
func parse(t *testing.T, set map[string]string) (*settings, error) {
	t.Helper()
	values, err := checked(t, set)
	if err != nil {
		return nil, err
	}
	return parseSettings(values)
}

// checked is a configuration that only needs what is set to be whole, as the catalogue reads it.
func checked(t *testing.T, set map[string]string) (catalogue.Values, error) {
	t.Helper()
	keys, err := newCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	config := map[string]string{"name": "c", "connector.class": Class, "database.hostname": "h", "database.user": "u@server", "database.password": "p", "database.dbname": "d", "topic.prefix": "x"}
	for k, v := range set {
		config[k] = v
	}
	values, _, problems := keys.Parse(config)
	if len(problems) > 0 {
		return values, fmt.Errorf("%v", problems)
	}
	return values, nil
}

func TestConfigurationsOfOldAndNewNamesMeanTheSame(t *testing.T) {
	old, err := parse(t, map[string]string{"topic.prefix": "", "database.server.name": "x", "table.whitelist": "retail.orders_info", "plugin.name": "wal2json", "snapshot.mode": "never"})
	if err == nil {
		t.Log("an empty topic.prefix counts as absent")
	}
	now, err := parse(t, map[string]string{"table.include.list": "retail.orders_info", "plugin.name": "wal2json", "snapshot.mode": "no_data"})
	if err != nil {
		t.Fatal(err)
	}
	if old != nil && (old.prefix != now.prefix || old.snapshot.mode != now.snapshot.mode) {
		t.Errorf("%+v differs from %+v", old, now)
	}
	if now.plugin != "wal2json" || now.snapshot.mode != "no_data" || !now.filter.captured(pgrepl.Table{Schema: "retail", Name: "orders_info"}) || now.filter.captured(pgrepl.Table{Schema: "retail", Name: "orders"}) {
		t.Errorf("read as %+v", now)
	}
	if now.delivery.BatchEvents != deliver.DefaultBatchEvents || now.delivery.BatchBytes != deliver.DefaultBatchBytes {
		t.Errorf("batch of %d events and %d bytes", now.delivery.BatchEvents, now.delivery.BatchBytes)
	}
}

func TestTheDefaultPluginIsPgoutputWhateverDebeziumsIs(t *testing.T) {
	s, err := parse(t, nil)
	if err != nil || s.plugin != "pgoutput" {
		t.Errorf("plugin %q, %v", s.plugin, err)
	}
}

func TestWrongSettingsAreErrorsThatNameTheirKey(t *testing.T) {
	for key, value := range map[string]string{
		"slot.name": "Upper Case", "topic.prefix": "a b", "database.port": "99999", "table.include.list": "a(", "slot.stream.params": "novalue",
		"snapshot.select.statement.overrides": "public.a", "replica.identity.autoset.values": "public.a:SOMETIMES", "replication.protocol": "5",
		"topic.creation.default.partitions": "0", "producer.override.compression.type": "zip", "signal.enabled.channels": "file", "snapshot.mode": "sometimes",
	} {
		if _, err := parse(t, map[string]string{key: value}); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: error %v does not name the key", key, value, err)
		}
	}
	if _, err := parse(t, map[string]string{"table.include.list": "a.b", "table.exclude.list": "a.c"}); err == nil {
		t.Error("both lists were accepted")
	}
}

func TestListsOfPatternsMatchWholeNamesWithoutRegardToCase(t *testing.T) {
	p, err := parsePatterns("k", `public\.a.*, Shop.T{1\,2}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"public.abc": true, "PUBLIC.A": true, "xpublic.a": false, "shop.tt": true, "shop.ttt": false} {
		if p.Match(name) != want {
			t.Errorf("%s matches: %t, want %t", name, !want, want)
		}
	}
}

func TestACheckpointSurvivesItsJSON(t *testing.T) {
	one := "1"
	c := checkpoint{at: pgrepl.Position{SystemID: "1", Timeline: 1, Commit: 1 << 60, Ordinal: 3}, txID: 7, commitTime: 8, signalOffset: new(int64),
		snapshot:    &snapshotProgress{Xmin: 5, Done: map[string]bool{"a.b": true}, Tables: map[string]*tableProgress{"a.c": {Next: 10, Open: map[string]*openRange{"5": {To: 10, At: "(6,1)"}}, Members: map[string]*tableProgress{"a.d": {Next: -1}}}}},
		incremental: &incrementalProgress{Collections: []collection{{Table: pgrepl.Table{Schema: "a", Name: "c"}, Filter: "x > 1"}}, Last: keyValues{&one, nil}, Max: keyValues{nil, nil}}}
	text, err := json.Marshal(&c)
	if err != nil {
		t.Fatal(err)
	}
	var read checkpoint
	if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, c) {
		t.Errorf("%s\nread as %+v, %v", text, read, err)
	}
	again, err := json.Marshal(&read)
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("%s\nwritten again as %s, %v", text, again, err)
	}
}

func TestADebeziumOffsetIsTakenOver(t *testing.T) {
	var c checkpoint
	if err := json.Unmarshal([]byte(`{"lsn_proc":34220200,"messageType":"INSERT","lsn_commit":34219880,"lsn":34220200,"txId":653,"ts_usec":1602057392691000}`), &c); err != nil || c.at.Commit != 34219880 || c.snapshot != nil {
		t.Errorf("read as %+v, %v", c, err)
	}
	if err := json.Unmarshal([]byte(`{"lsn":34220200,"snapshot":"INITIAL","snapshot_completed":false}`), &c); err != nil || c.snapshot == nil {
		t.Errorf("an unfinished snapshot was read as %+v, %v", c, err)
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
		if s.publication.Operations != c.published {
			t.Errorf("skipped.operations=%s: the publication has %q, want %q", c.skipped, s.publication.Operations, c.published)
		}
	}
}
