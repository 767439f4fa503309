package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/capture/internal/poll"
)

// polling is a polling connector's configuration for the source; set overrides it.
func (s *source) polling(name string, set map[string]string) map[string]string {
	c := map[string]string{
		"name": name, "connector.class": poll.Class,
		"connection.url":  fmt.Sprintf("jdbc:postgresql://%s:%d/%s?sslmode=disable", s.Host, s.Port, s.db),
		"connection.user": testenv.PostgresUser, "connection.password": testenv.PostgresPassword, "topic.prefix": s.db + "-",
		"poll.interval.ms":       "20",
		"table.poll.interval.ms": "100", "value.converter.schemas.enable": "false",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter",
	}
	maps.Copy(c, set)
	return c
}

// ids waits for n records of a topic and counts them by column id.
func ids(t testing.TB, topic string, n int) map[string]int {
	t.Helper()
	var out map[string]int
	eventually(t, fmt.Sprintf("%d rows in %s", n, topic), func() error {
		out = make(map[string]int)
		got := records(t, topic)
		for _, r := range got {
			var row map[string]any
			if err := json.Unmarshal(r.Value, &row); err != nil {
				t.Fatal(err)
			}
			out[fmt.Sprint(row["id"])]++
		}
		if len(got) < n {
			return fmt.Errorf("%d are there", len(got))
		}
		return nil
	})
	return out
}

// once checks that the ids 1 to n came once each.
func once(t testing.TB, got map[string]int, n int) {
	t.Helper()
	for i := 1; i <= n; i++ {
		if c := got[fmt.Sprint(i)]; c != 1 {
			t.Errorf("row %d came %d times", i, c)
		}
	}
	if len(got) != n {
		t.Errorf("%d different rows came, want %d", len(got), n)
	}
}

func TestRowsArePolledByEachModeWithoutLossOrRepetitionOverRestarts(t *testing.T) {
	for _, c := range []struct {
		name, table string
		set         map[string]string
	}{
		{"incrementing", "id serial PRIMARY KEY, at timestamp NOT NULL DEFAULT clock_timestamp()",
			map[string]string{"mode": "incrementing"}},
		{"timestamp", "id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now()",
			map[string]string{"mode": "timestamp", "timestamp.column.name": "at"}},
		{"timestamp without key", "id int, at timestamp NOT NULL DEFAULT now()",
			map[string]string{"mode": "timestamp", "timestamp.column.name": "at"}},
		{"both", "id int NOT NULL, at timestamp, made timestamp NOT NULL DEFAULT now()",
			map[string]string{"mode": "timestamp+incrementing", "timestamp.column.name": "at,made",
				"incrementing.column.name": "id"}},
		{"query", "id int PRIMARY KEY, at timestamp NOT NULL DEFAULT now()",
			map[string]string{"mode": "timestamp+incrementing", "timestamp.column.name": "at", "incrementing.column.name": "id",
				"query": "SELECT id, at, 'x' AS x FROM a WHERE id > 0;"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.exec(t, "CREATE TABLE a ("+c.table+")")
			c.set["batch.max.rows"] = "7"
			config := s.polling("c"+s.db, c.set)
			topic := s.db + "-a"
			if c.set["query"] != "" {
				topic = s.db + "-"
			}
			n := 0
			for range 3 { // rows of one transaction have the same time, more of them than a batch has rows
				task := start(t, config)
				for range 3 {
					s.exec(t, fmt.Sprintf("INSERT INTO a (id) SELECT generate_series(%d, %d)", n+1, n+20))
					n += 20
					ids(t, topic, n)
				}
				if err := task.stop(t); err != nil {
					t.Fatal(err)
				}
				s.exec(t, fmt.Sprintf("INSERT INTO a (id) SELECT generate_series(%d, %d)", n+1, n+20))
				n += 20
			}
			start(t, config)
			once(t, ids(t, topic, n), n)
		})
	}
}

func TestAKilledPollGoesOnAfterTheLastRowDelivered(t *testing.T) {
	for _, c := range []struct{ mode, table, point string }{
		{"timestamp", "id int PRIMARY KEY, at timestamp NOT NULL DEFAULT now()", "after_produce_before_commit:3"},
		{"timestamp", "id int, at timestamp NOT NULL DEFAULT now()", "after_produce_before_commit:0"},
		{"incrementing", "id serial PRIMARY KEY", "after_produce_before_commit:5"},
		{"timestamp+incrementing", "id serial, at timestamp NOT NULL DEFAULT now()", "after_produce_before_commit:2"},
	} {
		t.Run(c.mode+" "+c.point, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.exec(t, "CREATE TABLE a ("+c.table+"); INSERT INTO a (id) SELECT generate_series(1, 100)")
			set := map[string]string{"mode": c.mode, "batch.max.rows": "9"}
			if strings.HasPrefix(c.mode, "timestamp") {
				set["timestamp.column.name"] = "at"
			}
			config := s.polling("k"+s.db, set)
			p := child(t, config, c.point)
			_ = p.Ends(t, 2*time.Minute) // it kills itself at the failpoint
			s.exec(t, "INSERT INTO a (id) SELECT generate_series(101, 150)")
			start(t, config)
			once(t, ids(t, s.db+"-a", 150), 150)
		})
	}
}

func TestAPollGoesOnAmongRowsOfOneTimeWhateverTheKeyHasBecome(t *testing.T) {
	for _, c := range []struct {
		name, table string
		set         map[string]string
		want        map[string]int
	}{
		{"a key that another schema's operators compare", "id ext.citext PRIMARY KEY, n serial", nil,
			map[string]int{"c": 1, "D": 1}},
		// Where among them the poll was, is not known any longer: they come again rather than not at all.
		{"a key that is gone", "id text, n serial", nil, map[string]int{"a": 1, "B": 1, "c": 1, "D": 1}},
		{"a key of more columns", "id text, n serial, PRIMARY KEY (id, n)", nil,
			map[string]int{"a": 1, "B": 1, "c": 1, "D": 1}},
		{"another mode", "id text PRIMARY KEY, n serial",
			map[string]string{"mode": "timestamp+incrementing", "incrementing.column.name": "n"},
			map[string]int{"a": 1, "B": 1, "c": 1, "D": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.exec(t, "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE TABLE a ("+c.table+
				", at timestamp NOT NULL DEFAULT '2020-01-01 00:00:00'); INSERT INTO a (id) VALUES ('a'), ('B'), ('c'), ('D')")
			set := map[string]string{"mode": "timestamp", "timestamp.column.name": "at"}
			maps.Copy(set, c.set)
			config := s.polling("o"+s.db, set)
			needServers(t)
			env := testEnv(servers.kafka.Bootstrap, config["name"])
			env.Offsets = func(context.Context) (map[string][]byte, error) {
				return map[string][]byte{`{"protocol":"1","table":"public.a"}`: []byte(
					`{"timestamp":1577836800000,"timestamp_nanos":0,"tie":["B"]}`)}, nil
			}
			task, err := makeTaskIn(env, config, Options{})
			if err != nil {
				t.Fatal(err)
			}
			runTask(t, task)
			s.exec(t, "INSERT INTO a (id, at) VALUES ('end', '2020-01-02')")
			c.want["end"] = 1
			if got := ids(t, s.db+"-a", len(c.want)); !maps.Equal(got, c.want) {
				t.Errorf("the rows %v came, want %v", got, c.want)
			}
		})
	}
}

func TestABulkPollReadsAllRowsEachTimeAndNewTablesAreFound(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int); INSERT INTO a VALUES (1), (2); CREATE TABLE hidden (id int)")
	start(t, s.polling("c"+s.db, map[string]string{"mode": "bulk", "table.blacklist": "public.hidden"}))
	if got := ids(t, s.db+"-a", 6); got["1"] < 3 || got["2"] < 3 {
		t.Errorf("rows came %v times, want at least 3 each", got)
	}
	s.exec(t, "CREATE TABLE b (id int); INSERT INTO b VALUES (7); INSERT INTO hidden VALUES (1)")
	ids(t, s.db+"-b", 2)
	if got := records(t, s.db+"-hidden"); len(got) != 0 {
		t.Errorf("%d rows of a table that is not polled", len(got))
	}
}

func TestAPolledRowIsAFlatStructOfConnectTypes(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		`CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE a (id bigint PRIMARY KEY, s smallint, i int, b boolean, r real, d double precision, n numeric(6,2), whole numeric(4), free numeric, t text NOT NULL,
		bin bytea, day date, tod time, ts timestamp, tz timestamptz, u uuid, j jsonb, m mood, arr int[])`)
	s.exec(t,
		`INSERT INTO a VALUES (1, 2, 3, true, 1.5, 2.5, 12.3, 44, 1.230, 'é', '\x0102', '2020-01-02', '10:11:12.5', '2020-01-02 03:04:05.678', '2020-01-02 03:04:05.678+02', '6f0ff0a0-0000-0000-0000-000000000001', '{"a": 1}', 'ok', '{1,2}'); INSERT INTO a (id, t) VALUES (2, 'x')`)
	start(t, s.polling("c"+s.db, map[string]string{"mode": "incrementing", "incrementing.column.name": "id",
		"value.converter.schemas.enable": "true", "numeric.mapping": "precision_only"}))
	ids(t, s.db+"-a", 2)
	got := records(t, s.db+"-a")
	var v struct {
		Schema struct {
			Name   string
			Fields []struct {
				Type, Name, Field string
				Optional          bool
				Parameters        map[string]string
			}
		}
		Payload map[string]any
	}
	if err := json.Unmarshal(got[0].Value, &v); err != nil {
		t.Fatal(err)
	}
	var fields []string
	for _, f := range v.Schema.Fields {
		text := f.Field + " " + f.Type
		if f.Name != "" {
			text += " " + f.Name[strings.LastIndexByte(f.Name, '.')+1:] + f.Parameters["scale"]
		}
		if f.Optional {
			text += "?"
		}
		fields = append(fields, text)
	}
	want := "id int64, s int16?, i int32?, b boolean?, r float?, d double?, n bytes Decimal2?, whole int16?, free string?, t string, bin bytes?, day int32 Date?, tod int32 Time?, ts int64 Timestamp?, tz int64 Timestamp?, u string?, j string?, m string?, arr string?"
	if text := strings.Join(fields, ", "); v.Schema.Name != "a" || text != want {
		t.Errorf("schema %s of\n%s\nwant a of\n%s", v.Schema.Name, text, want)
	}
	const row = `{"arr":"{1,2}","b":true,"bin":"AQI=","d":2.5,"day":18263,"free":"1.230","i":3,"id":1,"j":"{\"a\": 1}","m":"ok","n":"BM4=","r":1.5,"s":2,"t":"é","tod":36672500,"ts":1577934245678,"tz":1577927045678,"u":"6f0ff0a0-0000-0000-0000-000000000001","whole":44}`
	if text, _ := json.Marshal(v.Payload); string(text) != row {
		t.Errorf("payload\n%s\nwant\n%s", text, row)
	}
	if got[0].Key != nil {
		t.Errorf("key %q, want none", got[0].Key)
	}
}

func TestAPollingConfigurationThatCannotWorkIsNamed(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int, at timestamp, x text); CREATE TABLE b (x int)")
	for name, c := range map[string]struct {
		set  map[string]string
		says string
	}{
		"no such column": {map[string]string{"mode": "incrementing", "incrementing.column.name": "nr",
			"table.whitelist": "a"}, "incrementing.column.name"},
		"nullable": {map[string]string{"mode": "incrementing", "incrementing.column.name": "id",
			"table.whitelist": "a"}, "validate.non.null"},
		"nullable time": {map[string]string{"mode": "timestamp", "timestamp.column.name": "at",
			"table.whitelist": "a"}, "validate.non.null"},
		"no number": {map[string]string{"mode": "incrementing", "incrementing.column.name": "x",
			"table.whitelist": "a"}, "not a number"},
		"no sequence": {map[string]string{"mode": "incrementing", "table.whitelist": "public.b"}, "sequence"},
		"not a time": {map[string]string{"mode": "timestamp", "timestamp.column.name": "x", "table.whitelist": "a"},
			"not a timestamp"},
		"wrong password":       {map[string]string{"mode": "bulk", "connection.password": "wrong"}, "database.password"},
		"a query that is none": {map[string]string{"mode": "bulk", "query": "SELEC 1"}, "SELEC"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := start(t, s.polling("c"+s.db+name, c.set)).failure(t); !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want a word about %s", err, c.says)
			}
		})
	}
	for _, set := range []map[string]string{{"mode": "timestamp"},
		{"mode": "bulk", "query": "SELECT 1", "table.whitelist": "a"}, {"mode": "bulk", "table.include.list": "("}} {
		if _, err := makeTask(servers.kafka.Bootstrap, s.polling("c", set), Options{}, func(error) {}); err == nil {
			t.Errorf("%v is taken", set)
		}
	}
}
