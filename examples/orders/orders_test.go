package orders_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/examples/orders"
)

func TestTheConfigurationsHaveTheKeysOfTheUseCase(t *testing.T) {
	for _, test := range []struct {
		file, name string
		keys       []string
	}{
		{orders.SourceConfig, "pg-orders-source", []string{"connector.class", "database.dbname", "database.hostname",
			"database.password", "database.port", "database.server.name", "database.user", "plugin.name",
			"table.whitelist", "value.converter"}},
		{orders.SinkConfig, "adx-orders-sink", []string{"aad.auth.appid", "aad.auth.appkey", "aad.auth.authority",
			"connector.class", "flush.interval.ms", "flush.size.bytes", "key.converter", "kusto.tables.topics.mapping",
			"kusto.url", "tasks.max", "topics", "transforms", "transforms.unwrap.type"}},
	} {
		var body struct {
			Name   string
			Config map[string]any
		}
		if err := json.Unmarshal([]byte(test.file), &body); err != nil {
			t.Fatal(err)
		}
		if keys := slices.Sorted(maps.Keys(body.Config)); body.Name != test.name || !slices.Equal(keys, test.keys) {
			t.Errorf("%s has keys %v", body.Name, keys)
		}
	}
}

func TestTheKQLIsThreeCommandsAndSevenQuestions(t *testing.T) {
	setup, queries := orders.Setup(), orders.Queries()
	if len(setup) != 3 || len(queries) != 7 {
		t.Fatalf("%d commands and %d questions", len(setup), len(queries))
	}
	for _, s := range slices.Concat(setup, queries) {
		if strings.Contains(s, "//") {
			t.Errorf("a comment is left in %q", s)
		}
	}
}
