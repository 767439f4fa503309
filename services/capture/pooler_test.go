package capture

import (
	"fmt"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// strange makes a role whose settings write every value otherwise than PostgreSQL does by default.
func (s *source) strange(t testing.TB) (name string) {
	t.Helper()
	name = "s" + s.db
	s.exec(t, fmt.Sprintf("CREATE ROLE %s LOGIN SUPERUSER PASSWORD 's'", name))
	t.Cleanup(func() { _ = s.Exec(t.Context(), s.db, "DROP OWNED BY "+name+"; DROP ROLE "+name) })
	for _, set := range []string{"bytea_output = escape", "DateStyle = 'SQL, DMY'", "IntervalStyle = sql_standard",
		"TimeZone = 'Asia/Tokyo'", "extra_float_digits = -15",
		"standard_conforming_strings = off", "quote_all_identifiers = on", "client_encoding = latin1"} {
		s.exec(t, "ALTER ROLE "+name+" SET "+set)
		if !strings.HasPrefix(set, "client_encoding") {
			s.exec(t, "ALTER DATABASE "+s.db+" SET "+set)
		}
	}
	return name
}

// texts makes a table with values and defaults whose text depends on settings.
func (s *source) texts(t testing.TB) {
	t.Helper()
	s.exec(t,
		`CREATE TABLE a (id int PRIMARY KEY, b bytea DEFAULT '\x00ff41', d date DEFAULT '2001-02-03', i interval DEFAULT '1 year 2 days 03:04:05.6',
		z timestamptz DEFAULT '2001-02-03 04:05:06+00', f float8 DEFAULT 0.1, r real DEFAULT 1.1, x text DEFAULT 'ä\n''', bs bytea[] DEFAULT '{"\\x00ff41"}', ts timestamp DEFAULT '2001-02-03 04:05:06.789')`)
}

// sameValues compares the values of two topics' records.
func sameValues(t testing.TB, got, want string, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d records in %s and %s", n, got, want), func() error {
		if g, w := len(records(t, got)), len(records(t, want)); g < n || w < n {
			return fmt.Errorf("%d and %d are there", g, w)
		}
		return nil
	})
	g, w := records(t, got), records(t, want)
	for i := range w {
		if string(g[i].Value) != string(w[i].Value) {
			t.Errorf("record %d is\n%s, without the settings it is\n%s", i, g[i].Value, w[i].Value)
		}
	}
}

func TestPolledRowsDoNotDependOnSettingsOfRolesAndPoolers(t *testing.T) {
	for _, way := range []string{"direct", "session", "transaction"} {
		t.Run(way, func(t *testing.T) {
			s := newSource(t)
			s.texts(t)
			s.exec(t, "INSERT INTO a VALUES (1)")
			set := map[string]string{"mode": "incrementing", "incrementing.column.name": "id", "table.whitelist": "public.a",
				"numeric.mapping": "best_fit", "topic.prefix": s.db + "-plain-"}
			start(t, s.polling("p"+s.db, set))
			ids(t, s.db+"-plain-a", 1)
			strange, port := s.strange(t), s.Port
			if way != "direct" {
				port = s.RunPgBouncer(t, testenv.PgBouncerConfig{PoolMode: way, Role: strange, Password: "s"})
			}
			set["connection.url"] = fmt.Sprintf("jdbc:postgresql://%s:%d/%s?sslmode=disable", s.Host, port, s.db)
			set["connection.user"], set["connection.password"], set["topic.prefix"] = strange, "s", s.db+"-"
			start(t, s.polling("c"+s.db, set))
			ids(t, s.db+"-a", 1)
			s.exec(t, "INSERT INTO a VALUES (2), (3)")
			sameValues(t, s.db+"-a", s.db+"-plain-a", 3)
		})
	}
}

func TestCapturedRowsDoNotDependOnSettingsOfRoles(t *testing.T) {
	for _, plugin := range []string{"pgoutput", "wal2json"} {
		t.Run(plugin, func(t *testing.T) {
			s := newSource(t)
			s.needsMessages(t)
			s.texts(t)
			s.exec(t, "INSERT INTO a VALUES (1)")
			strange := s.strange(t)
			config := s.config("c"+s.db, map[string]string{"database.user": strange, "database.password": "s",
				"plugin.name": plugin, "interval.handling.mode": "string"})
			start(t, config)
			plain := s.config("p"+s.db, map[string]string{"plugin.name": plugin, "topic.prefix": "p" + s.db,
				"slot.name": "p" + s.db, "interval.handling.mode": "string"})
			await(t, s.db+".public.a", 1)
			s.awaitSlot(t)
			start(t, plain)
			await(t, "p"+s.db+".public.a", 1)
			eventually(t, "the other slot is read", func() error { return s.Streaming(t.Context(), "p"+s.db) })
			s.exec(t, "INSERT INTO a VALUES (2); ALTER TABLE a ADD e bytea DEFAULT '\\xfe'; INSERT INTO a VALUES (3)")
			got, want := await(t, s.db+".public.a", 3), await(t, "p"+s.db+".public.a", 3)
			for i := range want {
				if g, w := fmt.Sprint(got[i].After), fmt.Sprint(want[i].After); g != w {
					t.Errorf("row %d is\n%s, without the settings it is\n%s", i, g, w)
				}
			}
		})
	}
}

func TestAPoolerThatTakesNoReplicationFailsTheTaskWithTheRemedy(t *testing.T) {
	for name, settings := range map[string][]string{"refused": nil,
		"ignored": {"ignore_startup_parameters = replication"}} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
			port := s.RunPgBouncer(t, testenv.PgBouncerConfig{PoolMode: "session", Role: testenv.PostgresUser,
				Password: testenv.PostgresPassword, Settings: settings})
			config := s.config("c"+s.db, map[string]string{"database.port": fmt.Sprint(port)})
			if c := s.finding(t, "replication connection", config); c.OK ||
				!strings.Contains(c.Detail, string(pgrepl.ReasonPooler)) {
				t.Errorf("the check says %+v", c)
			}
			err := start(t, config).failure(t)
			if pgrepl.ReasonOf(err) != pgrepl.ReasonPooler || !strings.Contains(err.Error(), "database.hostname") {
				t.Errorf("error %v, want %s with its remedy", err, pgrepl.ReasonPooler)
			}
		})
	}
}

func TestAPoolerWithoutTransactionsFailsTheTaskWithTheRemedy(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	port := s.RunPgBouncer(t, testenv.PgBouncerConfig{PoolMode: "statement", Role: testenv.PostgresUser,
		Password: testenv.PostgresPassword})
	config := s.polling("p"+s.db, map[string]string{"mode": "incrementing", "incrementing.column.name": "id",
		"connection.url": fmt.Sprintf("jdbc:postgresql://127.0.0.1:%d/%s", port, s.db)})
	err := start(t, config).failure(t)
	if pgrepl.ReasonOf(err) != pgrepl.ReasonPooler || !strings.Contains(err.Error(), "pool_mode") {
		t.Errorf("error %v, want %s with its remedy", err, pgrepl.ReasonPooler)
	}
}
