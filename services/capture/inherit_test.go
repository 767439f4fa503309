package capture

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// byID counts events by operation and the column id.
func byID(events []event) map[string]int {
	out := make(map[string]int)
	for _, e := range events {
		if !e.tombstone {
			out[fmt.Sprint(e.Op, e.After["id"])]++
		}
	}
	return out
}

func TestATableWithoutColumnsWritesNothingUntilItHasSome(t *testing.T) {
	for _, plugin := range []string{"pgoutput", "wal2json", "decoderbufs"} {
		t.Run(plugin, func(t *testing.T) {
			s := newSource(t)
			s.exec(t,
				"CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES; CREATE TABLE stripped (x int); INSERT INTO stripped VALUES (1); ALTER TABLE stripped DROP COLUMN x")
			start(t, s.config("c"+s.db, map[string]string{"plugin.name": plugin}))
			await(t, s.db+".public.a", 1)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO bare DEFAULT VALUES")
			s.exec(t, "INSERT INTO stripped DEFAULT VALUES")
			s.exec(t, "ALTER TABLE bare ADD COLUMN id int; ALTER TABLE stripped ADD COLUMN id int")
			s.exec(t, "INSERT INTO bare VALUES (7)")
			s.exec(t, "INSERT INTO stripped VALUES (8)")
			s.exec(t, "INSERT INTO a VALUES (2)")
			await(t, s.db+".public.a", 2)
			for table, want := range map[string]string{"bare": "c7", "stripped": "c8"} {
				if got := byID(await(t, s.db+".public."+table, 1)); got[want] != 1 {
					t.Errorf("table %s has events %v, want %s", table, got, want)
				}
			}
		})
	}
}

func TestAColumnThatIsDroppedLastEndsTheEventsOfItsTableAndNothingElse(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int); CREATE TABLE b (id int)")
	start(t, s.config("c"+s.db, nil))
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO a VALUES (1)")
	s.exec(t, "ALTER TABLE a DROP COLUMN id")
	s.exec(t, "INSERT INTO a DEFAULT VALUES")
	s.exec(t, "ALTER TABLE a ADD COLUMN id int")
	s.exec(t, "INSERT INTO a VALUES (2); INSERT INTO b VALUES (3)")
	await(t, s.db+".public.b", 1)
	if got := byID(await(t, s.db+".public.a", 2)); got["c1"] != 1 || got["c2"] != 1 {
		t.Errorf("events are %v", got)
	}
}

// Debezium reads each captured table with SELECT … FROM the table, and so with all that inherits from it.
func TestASnapshotReadsATableWithAllThatInheritsFromIt(t *testing.T) {
	for _, threads := range []string{"1", "3"} {
		t.Run("snapshot.max.threads="+threads, func(t *testing.T) {
			s := newSource(t)
			s.exec(t,
				`CREATE TABLE parent (id int, x text); CREATE TABLE child (extra int) INHERITS (parent); CREATE TABLE grandchild () INHERITS (child); CREATE TABLE "Un captured" (more int, x text, id int); ALTER TABLE "Un captured" INHERIT parent;
				CREATE TABLE root (id int, x text) PARTITION BY RANGE (id); CREATE TABLE part1 PARTITION OF root FOR VALUES FROM (0) TO (100); CREATE TABLE part2 PARTITION OF root FOR VALUES FROM (100) TO (300) PARTITION BY RANGE (id);
				CREATE TABLE part2a PARTITION OF part2 FOR VALUES FROM (100) TO (200); CREATE TABLE empty (id int) PARTITION BY RANGE (id);
				INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2); INSERT INTO grandchild VALUES (3); INSERT INTO "Un captured" VALUES (0, 'u', 4); INSERT INTO root SELECT generate_series(90, 109)`)
			start(t, s.config("c"+s.db, map[string]string{"table.exclude.list": "public.Un captured",
				"snapshot.max.threads": threads}))
			s.awaitSlot(t)
			s.exec(t,
				"INSERT INTO parent VALUES (11); INSERT INTO child VALUES (12); INSERT INTO grandchild VALUES (13); INSERT INTO root VALUES (101)")
			for table, want := range map[string]string{"parent": "c11 r1 r2 r3 r4", "child": "c12 r2 r3",
				"grandchild": "c13 r3"} {
				got := byID(await(t, s.db+".public."+table, len(strings.Fields(want))))
				if keys := strings.Join(slices.Sorted(maps.Keys(got)), " "); keys != want {
					t.Errorf("table %s has events %s, want %s", table, keys, want)
				}
			}
			for table, want := range map[string]int{"root": 20, "part1": 10, "part2": 10, "part2a": 11} {
				got := await(t, s.db+".public."+table, want)
				reads := strings.Trim(ops(got), "c")
				if len(byID(got)) != want {
					t.Errorf("table %s has events %v", table, byID(got))
				}
				marks := map[string]int{}
				for _, e := range got[:len(reads)] {
					marks[e.Source.Snapshot]++
				}
				if marks["first"]+marks["first_in_data_collection"] > 1 || marks["last"]+marks["last_in_data_collection"] != 1 {
					t.Errorf("table %s has marks %v", table, marks)
				}
			}
		})
	}
}

func TestAKilledSnapshotOfAParentGoesOnWithTheRowsThatAreLeft(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		`CREATE TABLE parent (id int, x text); CREATE TABLE child1 () INHERITS (parent); CREATE TABLE child2 () INHERITS (parent);
		INSERT INTO parent SELECT g, repeat('x', 100) FROM generate_series(1, 20000) g; INSERT INTO child1 SELECT g, repeat('x', 100) FROM generate_series(20001, 60000) g; INSERT INTO child2 SELECT g, repeat('x', 100) FROM generate_series(60001, 90000) g`)
	config, topic := s.config("c"+s.db, map[string]string{"table.include.list": "public.parent", "max.batch.size": "5000",
		"slot.max.retries": "60", "slot.retry.delay.ms": "200"}), s.db+".public.parent"
	p := child(t, config, "mid_snapshot:0")
	_ = p.Ends(t, 2*time.Minute) // it kills itself at the failpoint
	if n := len(events(t, topic)); n == 0 || n >= 90000 {
		t.Fatalf("%d rows were durable when the process was killed", n)
	}
	s.exec(t, "INSERT INTO child1 VALUES (90001, 'between')")
	start(t, config)
	s.awaitSlot(t)
	var got map[string]int
	eventually(t, "all rows come", func() error {
		if got = byID(events(t, topic)); len(got) < 90001 {
			return fmt.Errorf("%d rows", len(got))
		}
		return nil
	})
	for id, n := range got {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
}

func TestARoleWithoutARightToTheChildrenReadsThemThroughTheirParent(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		fmt.Sprintf(
			`CREATE TABLE parent (id int); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2);
		CREATE ROLE r%[1]s LOGIN REPLICATION PASSWORD 'x'; GRANT SELECT ON parent TO r%[1]s; CREATE PUBLICATION %[1]s FOR ALL TABLES`, s.db))
	t.Cleanup(func() { s.conn.Exec(t.Context(), "DROP OWNED BY r"+s.db) })
	start(t, s.config("c"+s.db, map[string]string{"table.include.list": "public.parent", "database.user": "r" + s.db,
		"database.password": "x"}))
	if got := byID(await(t, s.db+".public.parent", 2)); got["r1"] != 1 || got["r2"] != 1 {
		t.Errorf("events are %v", got)
	}
}

// A hypertable of TimescaleDB is a table that its chunks inherit from, in a schema of the
// extension's and with names of its making.
func TestRowsThatAreStoredUnderOtherNamesAreNamedBeforeTheirChangesAreMissed(t *testing.T) {
	s := newSource(t)
	s.exec(t, `CREATE TABLE metrics (id int PRIMARY KEY, v int); CREATE SCHEMA _timescaledb_internal;
		CREATE TABLE _timescaledb_internal._hyper_1_1_chunk (PRIMARY KEY (id)) INHERITS (metrics); INSERT INTO _timescaledb_internal._hyper_1_1_chunk VALUES (1, 1);
		CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
		CREATE TABLE orders (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (0) TO (100)`)
	const check = "inherited rows"
	root, stillHidden := "publish.via.partition.root=true", ""
	if s.query(t, "SELECT current_setting('server_version_num')") < "130000" {
		// which sends partitions under their own names only
		root, stillHidden = "Add them to table.include.list", "Add them to table.include.list"
	}
	for _, c := range []struct {
		tables, remedy string
		set            map[string]string
	}{
		{"public.metrics", "_timescaledb_internal", nil},
		{"public.parent", "table.include.list", nil},
		{"public.orders", root, nil},
		{"public.orders", stillHidden, map[string]string{"publish.via.partition.root": "true"}},
		{"public.orders,public.orders_.*", "", nil},
		{"public.parent,public.child", "", nil},
		{`public.metrics,_timescaledb_internal\._hyper_.*`, "", nil},
	} {
		config := s.config("c"+s.db, map[string]string{"table.include.list": c.tables})
		maps.Copy(config, c.set)
		got := s.finding(t, check, config)
		if !got.OK || !strings.Contains(got.Remedy, c.remedy) || (c.remedy == "") != (got.Remedy == "") {
			t.Errorf("%s: %+v, want a remedy with %q", c.tables, got, c.remedy)
		}
	}
	// The way that the remedy names.
	start(t, s.config("c"+s.db, map[string]string{"table.include.list": `public.metrics,_timescaledb_internal\._hyper_.*`,
		"transforms": "hyper", "transforms.hyper.type": "io.debezium.transforms.ByLogicalTableRouter",
		"transforms.hyper.topic.regex":            `(.*)\._timescaledb_internal\._hyper_1_.*`,
		"transforms.hyper.topic.replacement":      "$1.public.metrics_changes",
		"transforms.hyper.key.enforce.uniqueness": "false"}))
	topic := s.db + ".public.metrics_changes"
	await(t, s.db+".public.metrics", 1)
	await(t, topic, 1)
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO _timescaledb_internal._hyper_1_1_chunk VALUES (2, 2)")
	await(t, topic, 2)
	s.exec(t,
		"CREATE TABLE _timescaledb_internal._hyper_1_2_chunk (PRIMARY KEY (id)) INHERITS (metrics); INSERT INTO _timescaledb_internal._hyper_1_2_chunk VALUES (3, 3); UPDATE metrics SET v = 4 WHERE id = 1")
	if got := ops(await(t, topic, 4)); got != "rccu" {
		t.Errorf("operations are %s", got)
	}
}
