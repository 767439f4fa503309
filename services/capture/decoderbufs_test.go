package capture

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// needsDecoderbufs skips where the server has no such plugin.
func needsDecoderbufs(t testing.TB) {
	t.Helper()
	needServers(t)
	if libs, _ := filepath.Glob(filepath.Join(filepath.Dir(servers.pg.Bin), "lib", "decoderbufs.so")); len(libs) == 0 {
		if os.Getenv("CALYPSO_TEST_REQUIRE") != "" {
			t.Fatal("the server's plugin decoderbufs is missing (postgresql-15-decoderbufs)")
		}
		t.Skip("left out: the server has no plugin decoderbufs")
	}
}

// rawRecords reads a topic's committed records as text: key and value.
func rawRecords(t testing.TB, topic string) []string {
	t.Helper()
	var out []string
	for _, r := range records(t, topic) {
		out = append(out, fmt.Sprintf("%s %s", r.Key, r.Value))
	}
	return out
}

// clock matches the connector's clock in an envelope, and the position of the commit before, which
// is unknown to a stream that has seen none.
var clock = regexp.MustCompile(`"op":"(.)","ts_ms":\d+,"ts_us":\d+,"ts_ns":\d+|"sequence":"[^]]*]"`)

func TestDecoderbufsGivesTheEventsOfPgoutput(t *testing.T) {
	needsDecoderbufs(t)
	s := newSource(t)
	s.exec(t,
		`CREATE SCHEMA "Sché m"; CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
		CREATE TABLE "Sché m"."T é" (id int PRIMARY KEY, "na me" text NOT NULL, n numeric(6,2), ts timestamp, ts3 timestamp(3), tz timestamptz, d date, t time, ttz timetz, i interval, b bytea, p point, m money,
			f4 real, f8 float8, bo bool, a int[], o oid, u uuid, j jsonb, bt bit(3), big text, c "char", vc varchar(9), bc char(5), e mood, po positive, r int4range, s smallint, l bigint, x xml, nn numeric, inet inet);
		ALTER TABLE "Sché m"."T é" ALTER big SET STORAGE EXTERNAL;
		CREATE TABLE whole (id int PRIMARY KEY, v text); ALTER TABLE whole REPLICA IDENTITY FULL; CREATE TABLE other (id int PRIMARY KEY)`)
	topic := make(map[string]string)
	for _, plugin := range []string{"pgoutput", "decoderbufs"} {
		name := s.db + plugin
		topic[plugin] = name
		start(t, s.config("c"+name, map[string]string{"plugin.name": plugin, "topic.prefix": name, "slot.name": name,
			"publication.name": name, "snapshot.mode": "no_data",
			"table.include.list": `"?Sché m"?\..*,public.whole`, "extended.headers.enabled": "false",
			"value.converter.schemas.enable": "true", "time.precision.mode": "adaptive"}))
		slot := *s
		slot.db = name
		slot.awaitSlot(t)
	}
	if got := s.query(t, "SELECT plugin FROM pg_replication_slots WHERE slot_name = '"+s.db+
		"decoderbufs'"); got != "decoderbufs" {
		t.Fatalf("the slot's plugin is %s", got)
	}
	const table = `"Sché m"."T é"`
	s.exec(t, `BEGIN; INSERT INTO `+table+
		` VALUES (1, 'x', 1.5, '2020-01-01 01:02:03.456', '2020-01-01 01:02:03.4', '2020-01-01 01:02:03.456+02', '2020-01-02', '10:11:12.5', '10:11:12.5+02', '1 year 2 mons 3 days 04:05:06.7', '\x0102', '(1,2)', '$1,234.5',
			1.1, 1e-300, true, '{1,2,NULL}', 4294967295, '6f0ff0a0-0000-0000-0000-000000000001', '{"a": 1}', '101', repeat('x', 5000), 'q', 'é', 'abc', 'sad', 7, '[1,5)', -1, -2, '<a/>', 12.3450, '10.0.0.1/8');
		INSERT INTO other VALUES (1); INSERT INTO `+table+
		` (id, "na me", ts, tz, d, f8, n) VALUES (2, '', '0044-03-15 01:02:03 BC', '4713-01-01 BC', '0044-03-15 BC', 'NaN', NULL),
			(9, '', '294276-12-31 23:59:59.999999', '294247-01-10 04:00:55+00', '5874897-12-31', 'NaN', NULL);
		UPDATE `+table+` SET "na me" = 'y' WHERE id = 1; UPDATE `+table+` SET id = 3 WHERE id = 2; DELETE FROM `+table+
		` WHERE id = 1; COMMIT`)
	s.exec(t,
		"BEGIN; INSERT INTO whole VALUES (1, 'a'); SAVEPOINT x; INSERT INTO whole VALUES (2, 'undone'); ROLLBACK TO x; UPDATE whole SET v = 'b'; DELETE FROM whole; COMMIT")
	s.exec(t, "CREATE TABLE gone (x int); INSERT INTO gone VALUES (1); DROP TABLE gone")
	s.exec(t, `ALTER TABLE `+table+` ALTER n TYPE numeric(8,3), ADD y int, DROP COLUMN a; INSERT INTO `+table+
		` (id, "na me", n, y) VALUES (5, 'later', 2.25, 8)`)
	for suffix, n := range map[string]int{".Sch__m.T__": 10, ".public.whole": 4} {
		var got map[string][]string
		eventually(t, fmt.Sprintf("%d records in both of %s", n, suffix), func() error {
			got = make(map[string][]string)
			for plugin, prefix := range topic {
				got[plugin] = rawRecords(t, prefix+suffix)
				if len(got[plugin]) < n {
					return fmt.Errorf("%s: %d", plugin, len(got[plugin]))
				}
			}
			return nil
		})
		if len(got["pgoutput"]) != len(got["decoderbufs"]) {
			t.Fatalf("%s: %d records with pgoutput, %d with decoderbufs", suffix, len(got["pgoutput"]), len(got["decoderbufs"]))
		}
		for i, want := range got["pgoutput"] {
			plain := func(text, plugin string) string {
				return clock.ReplaceAllString(strings.ReplaceAll(text, topic[plugin], "P"), "$1")
			}
			if a, b := plain(want, "pgoutput"), plain(got["decoderbufs"][i], "decoderbufs"); a != b {
				at := 0
				for at < min(len(a), len(b)) && a[at] == b[at] {
					at++
				}
				t.Errorf("%s, record %d differs at\n…%s\npgoutput, and\n…%s\ndecoderbufs", suffix, i,
					a[max(0, at-200):min(len(a), at+100)], b[max(0, at-200):min(len(b), at+100)])
			}
		}
	}
}

// The plugin says with each row whether its columns take NULLs, as Debezium does then.
func TestWithDecoderbufsAColumnTakesNullsUntilTheChangeThatForbidsThem(t *testing.T) {
	needsDecoderbufs(t)
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, v int)")
	start(t, s.config("c"+s.db, map[string]string{"plugin.name": "decoderbufs", "value.converter.schemas.enable": "true"}))
	s.awaitSlot(t)
	s.exec(t,
		"BEGIN; INSERT INTO a VALUES (1, 1); ALTER TABLE a ALTER v SET NOT NULL; INSERT INTO a VALUES (2, 2); COMMIT")
	eventually(t, "both rows come", func() error {
		if got := rawRecords(t, s.db+".public.a"); len(got) != 2 {
			return fmt.Errorf("%d records", len(got))
		}
		return nil
	})
	for i, r := range rawRecords(t, s.db+".public.a") {
		want := fmt.Sprintf(`{"type":"int32","optional":%t,"field":"v"}`, i == 0)
		if !strings.Contains(r, want) {
			t.Errorf("record %d does not have %s: %s", i, want, r)
		}
	}
}

// The plugins say in forms of their own what an old row has, and decoderbufs does not say when that changes.
func TestOldRowsHaveWhatTheReplicaIdentityGivesAsSoonAsItChanges(t *testing.T) {
	for _, plugin := range []string{"pgoutput", "wal2json", "decoderbufs"} {
		t.Run(plugin, func(t *testing.T) {
			t.Parallel()
			if plugin == "decoderbufs" {
				needsDecoderbufs(t)
			}
			s := newSource(t)
			s.exec(t,
				`CREATE TABLE a (id int PRIMARY KEY, u int NOT NULL, w int NOT NULL, n int, big text); CREATE UNIQUE INDEX au ON a (u); ALTER TABLE a ALTER big SET STORAGE EXTERNAL;
				INSERT INTO a SELECT g, 10 + g, 20 + g, NULL, repeat('x', 5000) FROM generate_series(1, 5) g`)
			start(t, s.config("c"+s.db, map[string]string{"plugin.name": plugin, "snapshot.mode": "no_data",
				"tombstones.on.delete": "false", "value.converter.schemas.enable": "false"}))
			s.awaitSlot(t)
			for _, sql := range []string{
				"UPDATE a SET w = 0 WHERE id = 1", "DELETE FROM a WHERE id = 2",
				"ALTER TABLE a REPLICA IDENTITY FULL", "UPDATE a SET w = 1 WHERE id = 1", "DELETE FROM a WHERE id = 3",
				"ALTER TABLE a REPLICA IDENTITY USING INDEX au", "UPDATE a SET u = 99 WHERE id = 1", "DELETE FROM a WHERE id = 4",
				"ALTER TABLE a REPLICA IDENTITY DEFAULT", "UPDATE a SET w = 2 WHERE id = 1", "DELETE FROM a WHERE id = 5",
			} {
				s.exec(t, sql)
			}
			big := strings.Repeat("x", 5000)
			const gone = "__debezium_unavailable_value"
			want := [][2]string{
				{"<nil>", "map[big:" + gone + " id:1 n:<nil> u:11 w:0]"}, {"map[big:<nil> id:2 n:<nil> u:0 w:0]", "<nil>"},
				{"map[big:" + big + " id:1 n:<nil> u:11 w:0]", "map[big:" + big + " id:1 n:<nil> u:11 w:1]"},
				{"map[big:" + big + " id:3 n:<nil> u:13 w:23]", "<nil>"},
				// As with Debezium: what the old row does not have is 0, so that the key seems to have changed.
				{"map[big:<nil> id:0 n:<nil> u:11 w:0]", "<nil>"}, {"<nil>", "map[big:" + gone + " id:1 n:<nil> u:99 w:1]"},
				{"map[big:<nil> id:0 n:<nil> u:14 w:0]", "<nil>"},
				{"<nil>", "map[big:" + gone + " id:1 n:<nil> u:99 w:2]"}, {"map[big:<nil> id:5 n:<nil> u:0 w:0]", "<nil>"},
			}
			for i, e := range await(t, s.db+".public.a", len(want)) {
				text := func(row map[string]any) string {
					if row == nil {
						return "<nil>"
					}
					return fmt.Sprint(row)
				}
				if got := [2]string{text(e.Before), text(e.After)}; got != want[i] {
					t.Errorf("change %d is\n%.300s, want\n%.300s", i, got, want[i])
				}
			}
		})
	}
}
