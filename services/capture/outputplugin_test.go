package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/capture/internal/check"
)

// needsPluginList skips on servers that let everybody use any output plugin.
func (s *source) needsPluginList(t testing.TB) {
	t.Helper()
	if listed, err := pgrepl.ListsPlugins(t.Context(), s.conn); err != nil || !listed {
		t.Skipf("left out: the server has no list of output plugins (%v)", err)
	}
	s.needsWal2json(t)
}

// needsWal2json skips on servers without the plugin.
func (s *source) needsWal2json(t testing.TB) {
	t.Helper()
	if err := pgrepl.TryPlugin(t.Context(), s.conn, "wal2json", testenv.PostgresUser); err != nil {
		t.Skipf("left out: %v", err)
	}
}

// replicator makes a role that may replicate and read everything, to which the server refuses
// plugins as refuse and allow say.
func (s *source) replicator(t testing.TB) (name string) {
	t.Helper()
	name = "r" + s.db
	s.exec(t,
		fmt.Sprintf(
			"CREATE ROLE %s LOGIN REPLICATION PASSWORD 'r' IN ROLE pg_read_all_data; GRANT CREATE ON DATABASE %s TO %[1]s", name,
			s.db))
	t.Cleanup(func() { _ = s.Exec(t.Context(), s.db, fmt.Sprintf("DROP OWNED BY %s; DROP ROLE %[1]s", name)) })
	return name
}

// refuse makes the server let a role use only the plugins that it comes with; allow lets it use the others, too.
func (s *source) refuse(t testing.TB, role string) {
	s.exec(t, "ALTER ROLE "+role+" SET output_plugin_libraries = pgoutput, test_decoding")
}

func (s *source) allow(t testing.TB, role string) {
	s.exec(t, "ALTER ROLE "+role+" SET output_plugin_libraries = pgoutput, test_decoding, wal2json")
}

func (s *source) slotPlugin(t testing.TB) string {
	return s.query(t, "SELECT (SELECT plugin FROM pg_replication_slots WHERE slot_name = '"+s.db+"')")
}

func TestANewSlotWhosePluginIsRefusedIsMadeWithPgoutput(t *testing.T) {
	s := newSource(t)
	s.needsPluginList(t)
	role := s.replicator(t)
	s.refuse(t, role)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a OWNER TO "+role+"; INSERT INTO a VALUES (1)")
	start(t, s.config("c"+s.db, map[string]string{"database.user": role, "database.password": "r",
		"plugin.name": "wal2json", "publication.autocreate.mode": "filtered"}))
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO a VALUES (2)")
	if got := ops(await(t, s.db+".public.a", 2)); got != "rc" || s.slotPlugin(t) != "pgoutput" {
		t.Errorf("operations are %s from plugin %s", got, s.slotPlugin(t))
	}
}

// facts are what must not depend on the plugin.
func facts(events []event) []string {
	var out []string
	for _, e := range events {
		out = append(out, fmt.Sprint(e.Op, e.key, e.Before, e.After, e.Source.LSN, e.Source.TxID, e.tombstone))
	}
	return out
}

func TestASlotWhosePluginIsRefusedGoesOnWithPgoutputAtTheSamePosition(t *testing.T) {
	for _, cut := range []string{"", "copied", "dropped", "made"} {
		t.Run(cut, func(t *testing.T) {
			s := newSource(t)
			s.needsPluginList(t)
			role := s.replicator(t)
			s.allow(t, role)
			s.exec(t,
				"CREATE TABLE a (id int PRIMARY KEY, x text, n numeric); INSERT INTO a VALUES (1, 'x', 1); CREATE PUBLICATION "+
					s.db+" FOR TABLE a")
			config := s.config("c"+s.db, map[string]string{"database.user": role, "database.password": "r",
				"plugin.name": "wal2json", "table.include.list": "public.a", "publication.autocreate.mode": "disabled"})
			c := start(t, config)
			control := s.config("k"+s.db, map[string]string{"plugin.name": "wal2json", "table.include.list": "public.a",
				"slot.name": "k" + s.db, "topic.prefix": "k" + s.db})
			start(t, control)
			await(t, s.db+".public.a", 1)
			await(t, "k"+s.db+".public.a", 1)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO a VALUES (2, 'ä', 'NaN')")
			await(t, s.db+".public.a", 2)
			if err := c.stop(t); err != nil {
				t.Fatal(err)
			}
			s.exec(t,
				"INSERT INTO a SELECT g, repeat('y', g), g / 7.0 FROM generate_series(3, 9) g; UPDATE a SET x = 'u' WHERE id = 3; DELETE FROM a WHERE id = 4")
			s.refuse(t, role)
			const carry = "SELECT pg_copy_logical_replication_slot('%s', '%s', false, 'pgoutput')"
			switch copied := s.db + "_calypso_carry"; cut {
			case "copied":
				s.exec(t, fmt.Sprintf(carry, s.db, copied))
			case "dropped":
				s.exec(t, fmt.Sprintf(carry, s.db, copied))
				s.dropSlot(t)
			case "made":
				s.exec(t, fmt.Sprintf(carry, s.db, copied))
				s.dropSlot(t)
				s.exec(t, fmt.Sprintf(carry, copied, s.db))
			}
			start(t, config)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO a VALUES (10, 'z', 0)")
			// The two snapshots of the first row are of different places in the log.
			got, want := facts(await(t, s.db+".public.a", 13)[1:]), facts(await(t, "k"+s.db+".public.a", 13)[1:])
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("event %d is\n%s, without the refusal it is\n%s", i, got[i], want[i])
				}
			}
			if s.slotPlugin(t) != "pgoutput" {
				t.Errorf("the slot's plugin is %s", s.slotPlugin(t))
			}
			if n := s.query(t, "SELECT count(*)::text FROM pg_replication_slots WHERE database = '"+s.db+"'"); n != "2" {
				t.Errorf("%s slots are left, want those of two connectors", n)
			}
		})
	}
}

func TestAPublicationIsMadeAheadWhereTheModeSaysSo(t *testing.T) {
	s := newSource(t)
	s.needsPluginList(t)
	role := s.replicator(t)
	s.allow(t, role)
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE keyless (id int); INSERT INTO keyless VALUES (1); INSERT INTO a VALUES (1); ALTER TABLE a OWNER TO "+role+"; ALTER TABLE keyless OWNER TO "+role)
	config := s.config("c"+s.db, map[string]string{"database.user": role, "database.password": "r",
		"plugin.name": "wal2json", "publication.autocreate.mode": "filtered"})
	c := start(t, config)
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	if tables := s.query(t, "SELECT string_agg(tablename, ',') FROM pg_publication_tables WHERE pubname = '"+s.db+
		"'"); tables != "a" {
		t.Errorf("the publication holds %q, want a", tables)
	}
	s.exec(t, "UPDATE keyless SET id = 2")
	s.exec(t, "DROP TABLE keyless")
	// Other slots of the server may have made this one begin with an older catalog.
	eventually(t, "the slot needs no catalog of before the publication", func() error {
		s.exec(t, "CHECKPOINT")
		if s.query(t,
			"SELECT (age(p.xmin) > age(s.catalog_xmin))::text FROM pg_publication p, pg_replication_slots s WHERE p.pubname = s.slot_name AND s.slot_name = '"+s.db+"'") != "true" {
			return errors.New("it does")
		}
		return nil
	})
	if err := c.stop(t); err != nil {
		t.Fatal(err)
	}
	s.exec(t, "INSERT INTO a VALUES (2)")
	s.refuse(t, role)
	start(t, config)
	if got := ops(await(t, s.db+".public.a", 2)); got != "rc" || s.slotPlugin(t) != "pgoutput" {
		t.Errorf("operations are %s from plugin %s", got, s.slotPlugin(t))
	}
}

func TestASlotThatPgoutputCannotGoOnWithStaysAndSaysWhatToDo(t *testing.T) {
	for _, c := range []struct{ made, obstacle string }{
		{"", "there is no publication"},
		{"CREATE PUBLICATION %s FOR TABLE a", "made or altered after"},
	} {
		t.Run(c.obstacle, func(t *testing.T) {
			s := newSource(t)
			s.needsPluginList(t)
			role := s.replicator(t)
			s.allow(t, role)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
			config := s.config("c"+s.db, map[string]string{"database.user": role, "database.password": "r",
				"plugin.name": "wal2json"})
			running := start(t, config)
			await(t, s.db+".public.a", 1)
			s.awaitSlot(t)
			if err := running.stop(t); err != nil {
				t.Fatal(err)
			}
			s.exec(t, "INSERT INTO a VALUES (2)")
			if c.made != "" {
				s.exec(t, fmt.Sprintf(c.made, s.db))
			}
			s.refuse(t, role)
			err := start(t, config).failure(t)
			for _, part := range []string{string(pgrepl.ReasonPluginRefused), `"wal2json" may not be used`, c.obstacle,
				"ALTER ROLE \"" + role + "\" SET output_plugin_libraries = pgoutput, test_decoding, wal2json",
				"The role may replicate"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error lacks %q: %v", part, err)
				}
			}
			if s.slotPlugin(t) != "wal2json" {
				t.Errorf("the slot's plugin is %q", s.slotPlugin(t))
			}
			s.allow(t, role)
			start(t, config)
			if got := ops(await(t, s.db+".public.a", 2)); got != "rc" {
				t.Errorf("operations are %s once the plugin is allowed", got)
			}
		})
	}
}

// finding is what the check of a name says; empty without such a check.
func (s *source) finding(t testing.TB, name string, config map[string]string) connector.Check {
	t.Helper()
	plugins, err := Plugins(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plugins {
		if p.Class != config["connector.class"] {
			continue
		}
		values, _, problems := p.Catalogue.Parse(config)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for _, c := range check.Source(t.Context(), values) {
			if c.Name == name {
				return c
			}
		}
	}
	return connector.Check{}
}

func TestACheckSaysWhetherTheOutputPluginIsRefusedNowOrAfterAnUpdate(t *testing.T) {
	s := newSource(t)
	s.needsWal2json(t)
	role := s.replicator(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	config := s.config("c"+s.db, map[string]string{"database.user": role, "database.password": "r",
		"plugin.name": "wal2json"})
	says := func(ok bool, parts ...string) {
		t.Helper()
		c := s.finding(t, "output plugin", config)
		for _, part := range parts {
			if c.OK != ok || !strings.Contains(c.Detail+" "+c.Remedy, part) {
				t.Errorf("the check says OK %t, %q, %q; want OK %t with %q", c.OK, c.Detail, c.Remedy, ok, part)
			}
		}
	}
	if listed, err := pgrepl.ListsPlugins(t.Context(), s.conn); err != nil {
		t.Fatal(err)
	} else if !listed {
		says(true, "15.19", "output_plugin_libraries", "ALTER SYSTEM SET", "plugin.name=pgoutput")
		return
	}
	s.allow(t, role)
	says(true, "lets role "+role+" use wal2json")
	s.exec(t, "SELECT pg_create_logical_replication_slot('"+s.db+"', 'wal2json')")
	s.refuse(t, role)
	says(false, "output_plugin_libraries", "ALTER SYSTEM SET", "plugin.name=pgoutput", "there is no publication")
	s.exec(t, "SELECT pg_drop_replication_slot('"+s.db+"')")
	says(true, "pgoutput is used in its place", "PLUGIN_REFUSED")
	s.exec(t, "CREATE PUBLICATION "+s.db+" FOR ALL TABLES")
	s.exec(t, "SELECT pg_create_logical_replication_slot('"+s.db+"', 'wal2json')")
	// The slot may begin with a catalog that an older slot of the server has kept.
	eventually(t, "the slot needs no catalog of before the publication", func() error {
		s.exec(t, "CHECKPOINT")
		s.exec(t, "SELECT pg_replication_slot_advance('"+s.db+"', pg_current_wal_lsn())")
		if c := s.finding(t, "output plugin", config); !strings.Contains(c.Detail, "same position") {
			return errors.New(c.Detail)
		}
		return nil
	})
	says(true, "migrates slot", "same position")
	config["plugin.name"] = "pgoutput"
	if c := s.finding(t, "output plugin", config); c.Name != "" {
		t.Errorf("pgoutput is checked: %+v", c)
	}
}

func TestASlotFollowsTheConfigurationToPgoutput(t *testing.T) {
	s := newSource(t)
	s.needsWal2json(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE PUBLICATION "+s.db+" FOR TABLE a")
	config := s.config("c"+s.db, map[string]string{"plugin.name": "wal2json"})
	c := start(t, config)
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	if err := c.stop(t); err != nil {
		t.Fatal(err)
	}
	s.exec(t, "INSERT INTO a VALUES (2)")
	config["plugin.name"] = "pgoutput"
	start(t, config)
	if got := ops(await(t, s.db+".public.a", 2)); got != "rc" || s.slotPlugin(t) != "pgoutput" {
		t.Errorf("operations are %s from plugin %s", got, s.slotPlugin(t))
	}
}

// before names the variable with the directory of binaries of the same major version from before
// servers listed output plugins.
const before = "CALYPSO_TEST_PG_BEFORE_LISTS"

func TestAMinorUpdateThatRefusesThePluginLosesAndRepeatsNothing(t *testing.T) {
	old := os.Getenv(before)
	if old == "" {
		t.Skipf("left out: %s does not name the binaries of an older minor version", before)
	}
	bin, err := testenv.PostgresBin()
	if err != nil {
		t.Skipf("left out: %v", err)
	}
	for _, published := range []bool{true, false} {
		t.Run(fmt.Sprintf("published %t", published), func(t *testing.T) {
			// The older binaries may come without the plugin.
			pg := testenv.RunPostgres(t, testenv.PostgresConfig{Bin: old,
				Settings: []string{"dynamic_library_path = '$libdir:" + filepath.Join(filepath.Dir(bin), "lib") + "'"}})
			sql := func(s string) {
				if err := pg.Exec(t.Context(), "postgres", s); err != nil {
					t.Fatal(err)
				}
			}
			s := &source{Postgres: pg, db: fmt.Sprintf("upd%d", pg.Port)}
			sql("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
			if published {
				sql("CREATE PUBLICATION " + s.db + " FOR TABLE a")
			}
			config := s.config("c"+s.db, map[string]string{"plugin.name": "wal2json", "database.dbname": "postgres"})
			c := start(t, config)
			await(t, s.db+".public.a", 1)
			testenv.Eventually(t, time.Minute, "the slot is read",
				func(ctx context.Context) error { return pg.Streaming(ctx, s.db) })
			if err := c.stop(t); err != nil {
				t.Fatal(err)
			}
			sql("INSERT INTO a VALUES (2)")
			if err := pg.Stop(testenv.Fast); err != nil {
				t.Fatal(err)
			}
			pg.Bin = bin
			if err := pg.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			sql("INSERT INTO a VALUES (3)")
			conn, err := pgx.Connect(t.Context(), pg.URL("postgres"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			listed, err := pgrepl.ListsPlugins(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			if listed && !published {
				if err := start(t, config).failure(t); pgrepl.ReasonOf(err) != pgrepl.ReasonPluginRefused {
					t.Fatalf("error %v, want %s", err, pgrepl.ReasonPluginRefused)
				}
				sql("ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, wal2json")
				sql("SELECT pg_reload_conf()")
			}
			start(t, config)
			if got := ops(await(t, s.db+".public.a", 3)); got != "rcc" {
				t.Errorf("operations are %s", got)
			}
		})
	}
}

func TestWal2jsonAndDecoderbufsGiveARowTheTypeThatItsColumnWasGivenJustBeforeIt(t *testing.T) {
	for name, config := range map[string]map[string]string{
		"pgoutput": {"plugin.name": "pgoutput"}, "decoderbufs": {"plugin.name": "decoderbufs"},
		"wal2json": {"plugin.name": "wal2json"}, "wal2json, format 1": {"plugin.name": "wal2json",
			"slot.stream.params": "format-version=1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.exec(t,
				"CREATE TABLE a (id int PRIMARY KEY, v int NOT NULL); ALTER TABLE a REPLICA IDENTITY FULL; CREATE TABLE b (id int PRIMARY KEY, v int NOT NULL)")
			config["snapshot.mode"] = "no_data"
			start(t, s.config("c"+s.db, config))
			s.awaitSlot(t)
			if has := s.query(t, "SELECT plugin::text FROM pg_replication_slots WHERE slot_name = '"+s.db+
				"'"); has != config["plugin.name"] {
				t.Skipf("left out: the server does not have the plugin, so that %s is used", has)
			}
			s.exec(t, "INSERT INTO a VALUES (1, 5); UPDATE a SET v = 6; INSERT INTO b VALUES (1, 5)")
			await(t, s.db+".public.a", 2)
			await(t, s.db+".public.b", 1)
			s.exec(t, "ALTER TABLE a ALTER v TYPE text; ALTER TABLE b ALTER v TYPE text")
			s.exec(t, "INSERT INTO a VALUES (2, 'abc')")
			s.exec(t, "UPDATE a SET v = 'def' WHERE id = 2; INSERT INTO b VALUES (2, '7')")
			await(t, s.db+".public.a", 4)
			await(t, s.db+".public.b", 2)
			got := append(rawRecords(t, s.db+".public.a"), rawRecords(t, s.db+".public.b")...)
			for i, want := range []string{`"v":5`, `"v":6`, `"v":"abc"`,
				`"before":{"id":2,"v":"abc"},"after":{"id":2,"v":"def"}`, `"v":5`, `"v":"7"`} {
				if i >= len(got) || !strings.Contains(got[i], want) {
					t.Errorf("record %d of %q does not have %s", i, got, want)
				}
			}
		})
	}
}
