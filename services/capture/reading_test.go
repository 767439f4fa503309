package capture

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// role makes a role of the cluster that may replicate, for a connector that runs under it, and
// drops it at the test's end.
func (s *source) role(t testing.TB, more string) map[string]string {
	t.Helper()
	name := "r" + s.db
	s.exec(t, fmt.Sprintf("CREATE ROLE %s LOGIN REPLICATION PASSWORD 'p'; GRANT CREATE ON DATABASE %s TO %[1]s; %[3]s",
		name, s.db, strings.ReplaceAll(more, "ROLE", name)))
	t.Cleanup(func() {
		testenv.Eventually(t, 20*time.Second, "the role is dropped", func(context.Context) error {
			_, err := s.conn.Exec(context.Background(),
				fmt.Sprintf("DROP PUBLICATION IF EXISTS %s; DROP OWNED BY %s; DROP ROLE %[2]s", s.db, name))
			return err
		})
	})
	return map[string]string{"database.user": name, "database.password": "p"}
}

// with adds keys to a configuration.
func with(config map[string]string, more map[string]string) map[string]string {
	for k, v := range more {
		config[k] = v
	}
	return config
}

func TestASnapshotReadsUnloggedTablesAndNeitherBuiltInOnesNorSignals(t *testing.T) {
	s := newSource(t)
	s.exec(t, `CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1);
		CREATE UNLOGGED TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1), (2);
		CREATE TABLE spatial_ref_sys (srid int PRIMARY KEY); INSERT INTO spatial_ref_sys VALUES (4326);
		CREATE TABLE sig (id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048)); INSERT INTO sig VALUES ('old', 'log', '{"message": "before"}');
		CREATE VIEW v AS SELECT 1 AS id`)
	start(t, s.config("c"+s.db, map[string]string{"signal.data.collection": "public.sig",
		"publication.autocreate.mode": "filtered"}))
	await(t, s.db+".public.a", 1)
	await(t, s.db+".public.u", 2)
	s.exec(t,
		"INSERT INTO u VALUES (3); INSERT INTO spatial_ref_sys VALUES (1); INSERT INTO sig VALUES ('new', 'log', '{\"message\": \"after\"}'); INSERT INTO a VALUES (2)")
	await(t, s.db+".public.a", 2)
	if got := ops(events(t, s.db+".public.sig")); got != "c" {
		t.Errorf("the signal table has events %q, want the one of the signal that was given while it streamed", got)
	}
	if got := ops(events(t, s.db+".public.u")); got != "rr" {
		t.Errorf("the unlogged table has events %q, want its snapshot only", got)
	}
	if got := ops(events(t, s.db+".public.spatial_ref_sys")); got != "" {
		t.Errorf("spatial_ref_sys has events %q", got)
	}
	s.exec(t,
		"INSERT INTO sig VALUES ('again', 'execute-snapshot', '{\"data-collections\": [\"public.u\", \"public.spatial_ref_sys\"]}')")
	if got := ops(await(t, s.db+".public.u", 5)); got != "rrrrr" {
		t.Errorf("the unlogged table has events %q, want all its rows again", got)
	}
}

func TestBuiltInTablesAreCapturedWhereTheyAreWanted(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE spatial_ref_sys (srid int PRIMARY KEY); INSERT INTO spatial_ref_sys VALUES (4326)")
	start(t, s.config("c"+s.db, map[string]string{"table.ignore.builtin": "false"}))
	await(t, s.db+".public.spatial_ref_sys", 1)
	s.exec(t, "INSERT INTO spatial_ref_sys VALUES (1)")
	if got := ops(await(t, s.db+".public.spatial_ref_sys", 2)); got != "rc" {
		t.Errorf("operations are %s", got)
	}
}

func TestOnlyColumnsThatEventsHaveAreRead(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		`CREATE TABLE a (id int PRIMARY KEY, part int, secret text NOT NULL, masked text, x text); INSERT INTO a SELECT g, g % 2, 's', 'm', 'x' || g FROM generate_series(1, 5) g;
		CREATE TABLE sig (id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048))`)
	set := s.role(t, "GRANT SELECT (id, part, masked, x) ON a TO ROLE; GRANT ALL ON sig TO ROLE")
	s.exec(t, "CREATE PUBLICATION "+s.db+" FOR TABLE a, sig")
	start(t, with(s.config("c"+s.db, set), map[string]string{"table.include.list": "public.a",
		"column.exclude.list": "public.a.secret,public.a.part",
		"message.key.columns": "public.a:part,id", "column.mask.with.3.chars": "public.a.masked",
		"signal.data.collection": "public.sig"}))
	topic := s.db + ".public.a"
	for _, e := range await(t, topic, 5) {
		if _, has := e.After["secret"]; has || e.After["masked"] != "***" || e.After["x"] == nil ||
			!strings.Contains(e.key, `"part":`) {
			t.Errorf("event of key %s has row %v", e.key, e.After)
		}
	}
	s.exec(t, "INSERT INTO sig VALUES ('s', 'execute-snapshot', '{\"data-collections\": [\"public.a\"]}')")
	if got := ops(await(t, topic, 10)); got != "rrrrrrrrrr" {
		t.Errorf("operations are %s", got)
	}
}

func TestAColumnThatTheRoleMayNotReadIsNamedWithWhatToGrant(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, secret text); INSERT INTO a VALUES (1)")
	config := with(s.config("c"+s.db, s.role(t, "GRANT SELECT (id) ON a TO ROLE")),
		map[string]string{"table.include.list": "public.a"})
	s.exec(t, "CREATE PUBLICATION "+s.db+" FOR TABLE a")
	err := start(t, config).failure(t)
	if pgrepl.ReasonOf(err) != pgrepl.ReasonTableRight || !strings.Contains(err.Error(), "public.a") ||
		!strings.Contains(err.Error(), `GRANT SELECT ("id", "secret")`) {
		t.Errorf("the failure is: %v", err)
	}
	if c := s.findings(t, config)["read rights"]; c.OK || !strings.Contains(c.Detail, "may not read column secret") ||
		!strings.Contains(c.Remedy, `GRANT SELECT ("id", "secret")`) {
		t.Errorf("the check says %+v", c)
	}
}

func TestTimeoutsOfARoleEndNoSnapshot(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 3)")
	set := s.role(t, "GRANT SELECT ON a TO ROLE")
	limits := "statement_timeout = '700ms'; lock_timeout = '700ms'; idle_in_transaction_session_timeout = '700ms'"
	version := s.query(t, "SELECT current_setting('server_version_num')")
	if version >= "140000" {
		limits += "; idle_session_timeout = '700ms'"
	}
	if version >= "170000" {
		limits += "; transaction_timeout = '700ms'"
	}
	for limit := range strings.SplitSeq(limits, ";") {
		s.exec(t, "ALTER ROLE "+set["database.user"]+" SET "+limit)
	}
	s.exec(t, "CREATE PUBLICATION "+s.db+" FOR TABLE a")
	// The exported snapshot and each reading of a table last longer than every limit.
	start(t, with(s.config("c"+s.db, set), map[string]string{"snapshot.delay.ms": "1500", "table.include.list": "public.a",
		"snapshot.select.statement.overrides":          "public.a",
		"snapshot.select.statement.overrides.public.a": "SELECT a.* FROM a, LATERAL (SELECT pg_sleep(0.5), a.id) slow"}))
	topic := s.db + ".public.a"
	await(t, topic, 3)
	time.Sleep(time.Second) // beyond the limits of idle sessions
	s.exec(t, "INSERT INTO a VALUES (4)")
	if got := ops(await(t, topic, 4)); got != "rrrc" {
		t.Errorf("operations are %s", got)
	}
}

func TestTextsOfUncheckedDatabasesAreCapturedAsFarAsTheyAreUTF8(t *testing.T) {
	s := newSourceWith(t, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY, x text, left_out text); INSERT INTO a VALUES (1, 'plain', convert_from('\\xe9', 'SQL_ASCII'))")
	set := map[string]string{"column.exclude.list": "public.a.left_out", "event.processing.failure.handling.mode": "fail"}
	c := start(t, s.config("c"+s.db, set))
	topic := s.db + ".public.a"
	await(t, topic, 1)
	s.exec(t, "INSERT INTO a VALUES (2, convert_from('\\xc3a9', 'SQL_ASCII'), NULL)")
	if x := await(t, topic, 2)[1].After["x"]; x != "é" {
		t.Errorf("x is %q", x)
	}
	s.exec(t, "INSERT INTO a VALUES (3, convert_from('\\x636166e9', 'SQL_ASCII'), NULL)")
	err := c.failure(t)
	for _, want := range []string{"(ENCODING)", "SQL_ASCII", "public.a", "column x", "id=3",
		"byte 4 of its value is 0xE9", "UPDATE"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the failure does not say %q: %v", want, err)
		}
	}
	set["event.processing.failure.handling.mode"] = "warn"
	registry := NewRegistry()
	startWith(t, servers.kafka.Bootstrap, s.config("c"+s.db, set), Options{Registry: registry})
	s.exec(t, "INSERT INTO a VALUES (4, 'after it', NULL)")
	if got := ops(await(t, topic, 3)); got != "rcc" {
		t.Errorf("operations are %s", got)
	}
	lost := registry.captures.Find("c" + s.db).State().Background
	if len(lost) != 1 {
		t.Fatalf("what was left out is not shown: %+v", lost)
	}
	shown := fmt.Sprintf("%s %d %t %s %s", lost[0].Work, lost[0].Failures, lost[0].Lasts, lost[0].Reason, lost[0].Remedy)
	for _, want := range []string{"encoding of events of public.a 1 true", "handling.mode=warn), the last at LSN 0/",
		"0xE9", "calypsoctl snapshot start c" + s.db + " --table public.a", "calypsoctl acknowledge c" + s.db} {
		if !strings.Contains(shown, want) {
			t.Errorf("what was left out is shown without %q: %s", want, shown)
		}
	}
}

func TestARowOfASnapshotThatIsNotUTF8IsNamed(t *testing.T) {
	s := newSourceWith(t, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1, 'plain'), (7, convert_from('\\xff', 'SQL_ASCII'))")
	err := start(t, s.config("c"+s.db, nil)).failure(t)
	for _, want := range []string{"(ENCODING)", "SQL_ASCII", "public.a", "column x", "id=7", "0xFF", "UPDATE"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the failure does not say %q: %v", want, err)
		}
	}
	s.exec(t,
		"UPDATE a SET x = convert_from(convert(convert_to(x, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'SQL_ASCII') WHERE id = 7")
	start(t, s.config("c"+s.db, nil))
	if x := await(t, s.db+".public.a", 2)[1].After["x"]; x != "ÿ" {
		t.Errorf("after the remedy x is %q", x)
	}
}

func TestOtherEncodingsAreConvertedOrNamed(t *testing.T) {
	for encoding, text := range map[string]string{"LATIN1": "é", "EUC_JP": "日本", "WIN1252": "€", "KOI8R": "я"} {
		t.Run(encoding, func(t *testing.T) {
			s := newSourceWith(t, "ENCODING '"+encoding+"' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
			s.exec(t, "SET client_encoding = 'UTF8'")
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1, '"+text+"')")
			start(t, s.config("c"+s.db, nil))
			await(t, s.db+".public.a", 1)
			s.exec(t, "INSERT INTO a VALUES (2, '"+text+"')")
			for _, e := range await(t, s.db+".public.a", 2) {
				if e.After["x"] != text {
					t.Errorf("x is %q, want %q", e.After["x"], text)
				}
			}
		})
	}
	t.Run("no equivalent", func(t *testing.T) {
		s := newSourceWith(t, "ENCODING 'WIN1252' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
		s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1, convert_from('\\x81', 'WIN1252'))")
		err := start(t, s.config("c"+s.db, nil)).failure(t)
		for _, want := range []string{"(ENCODING)", "WIN1252", "public.a", "0x81", "convert_to"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("the failure does not say %q: %v", want, err)
			}
		}
	})
	t.Run("no conversion", func(t *testing.T) {
		needServers(t)
		db := fmt.Sprintf("t%d", time.Now().UnixNano())
		if err := servers.pg.Exec(t.Context(), "postgres",
			"CREATE DATABASE "+db+" ENCODING 'MULE_INTERNAL' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"); err != nil {
			t.Skip("left out: this server has no MULE_INTERNAL: ", err)
		}
		s := &source{Postgres: servers.pg, db: db}
		err := start(t, s.config("c"+db, nil)).failure(t)
		for _, want := range []string{"(ENCODING)", "MULE_INTERNAL", db, "ENCODING 'UTF8'"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("the failure does not say %q: %v", want, err)
			}
		}
	})
}
