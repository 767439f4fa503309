package spec

import (
	"slices"
	"testing"
)

func TestAChangeOfAKeyLeadsToItsConsequences(t *testing.T) {
	keys, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		key, before, after string // "-" is not set
		more               map[string]string
		want               []string
	}{
		{"database.hostname", "h", "h2", nil, []string{"POSITION_LOST"}},
		{"database.port", "-", "5433", nil, []string{"POSITION_LOST"}},
		{"database.port", "-", "5432", nil, nil},
		{"database.dbname", "d", "e", nil, []string{"POSITION_LOST"}},
		{"database.user", "u", "v", nil, nil},
		{"database.password", "p", "q", nil, nil},
		{"topic.prefix", "x", "y", nil, []string{"NEW_TOPICS", "NEW_OFFSETS"}},
		{"slot.name", "-", "mine", nil, []string{"NEW_SLOT"}},
		{"slot.name", "-", "debezium", nil, nil},
		{"plugin.name", "-", "pgoutput", nil, nil},
		{"plugin.name", "-", "decoderbufs", nil, []string{"NO_EFFECT_YET"}},
		{"plugin.name", "pgoutput", "wal2json", nil, []string{"NO_EFFECT_YET"}},
		{"plugin.name", "wal2json", "wal2json_rds", nil, nil},
		{"plugin.name", "wal2json", "pgoutput", nil, []string{"NEW_SLOT"}},
		{"plugin.name", "wal2json", "-", nil, []string{"NEW_SLOT"}},
		{"publication.name", "-", "mine", nil, []string{"NEW_PUBLICATION"}},
		{"publication.name", "-", "mine", map[string]string{"plugin.name": "wal2json"}, nil},
		{"publication.autocreate.mode", "-", "filtered", nil, []string{"TABLES_ADDED"}},
		{"publication.autocreate.mode", "filtered", "disabled", nil, []string{"NO_EFFECT_YET"}},
		{"publish.via.partition.root", "-", "true", nil, []string{"NO_EFFECT_YET"}},
		{"slot.drop.on.stop", "-", "true", nil, []string{"POSITION_LOST"}},
		{"slot.drop.on.stop", "true", "-", nil, nil},
		{"slot.failover", "-", "true", nil, nil},
		{"slot.failover", "-", "false", nil, []string{"NO_EFFECT_YET"}},
		{"flush.lsn.source", "-", "false", nil, []string{"STREAM_STOPS"}},
		{"lsn.flush.mode", "manual", "connector", nil, nil},
		{"table.include.list", "s.a", "s.a,s.b", nil, []string{"TABLES_ADDED"}},
		{"table.include.list", "s.a,s.b", "s.a", nil, []string{"TABLES_REMOVED"}},
		{"table.include.list", "s.a", "-", nil, []string{"TABLES_ADDED"}},
		{"table.exclude.list", "-", "s.a", nil, []string{"TABLES_REMOVED"}},
		{"schema.include.list", "s", "s,t", nil, []string{"TABLES_ADDED"}},
		{"column.exclude.list", "-", "s.a.b", nil, []string{"ROWS_CHANGE"}},
		{"column.mask.with.5.chars", "-", "s.a.b", nil, []string{"ROWS_CHANGE"}},
		{"message.key.columns", "-", "s.a:b", nil, []string{"KEYS_CHANGE"}},
		{"decimal.handling.mode", "-", "string", nil, []string{"ROWS_CHANGE"}},
		{"decimal.handling.mode", "-", "PRECISE", nil, nil},
		{"time.precision.mode", "adaptive", "connect", nil, []string{"ROWS_CHANGE"}},
		{"tombstones.on.delete", "true", "false", nil, []string{"ROWS_CHANGE"}},
		{"key.converter", "-", "org.apache.kafka.connect.storage.StringConverter", nil, []string{"KEYS_CHANGE"}},
		{"value.converter.schemas.enable", "-", "false", nil, []string{"ROWS_CHANGE"}},
		{"snapshot.mode", "-", "never", nil, []string{"NO_EFFECT_YET"}},
		{"snapshot.mode", "-", "always", nil, []string{"READ_AGAIN"}},
		{"snapshot.mode", "-", "initial_only", nil, []string{"STREAM_STOPS"}},
		{"snapshot.mode", "initial_only", "initial", nil, []string{"POSITION_LOST"}},
		{"snapshot.mode", "initial_only", "always", nil, []string{"POSITION_LOST", "READ_AGAIN"}},
		{"snapshot.mode", "-", "configuration_based", nil, []string{"STREAM_STOPS"}},
		{"snapshot.mode", "-", "configuration_based",
			map[string]string{"snapshot.mode.configuration.based.start.stream": "true"}, []string{"NO_EFFECT_YET"}},
		{"snapshot.mode", "-", "configuration_based",
			map[string]string{"snapshot.mode.configuration.based.start.stream": "true",
				"snapshot.mode.configuration.based.snapshot.data": "true"}, []string{"READ_AGAIN"}},
		{"snapshot.select.statement.overrides", "-", "s.a", nil, []string{"NO_EFFECT_YET"}},
		{"heartbeat.interval.ms", "-", "1000", nil, nil},
	} {
		read := func(value string) map[string]string {
			config := map[string]string{"name": "c", "connector.class": Class, "database.hostname": "h", "database.user": "u",
				"database.dbname": "d", "topic.prefix": "x"}
			for key, value := range test.more {
				config[key] = value
			}
			if value != "-" {
				config[test.key] = value
			}
			return config
		}
		before, _, problems := keys.Parse(read(test.before))
		after, _, more := keys.Parse(read(test.after))
		if len(problems)+len(more) > 0 {
			t.Errorf("%s: %v %v", test.key, problems, more)
		}
		var got []string
		for _, following := range keys.Consequences(before, after) {
			got = append(got, string(following.Consequence.Effect))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %s -> %s leads to %v, want %v", test.key, test.before, test.after, got, test.want)
		}
	}
}
