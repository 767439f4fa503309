package capture

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	testenv.Eventually(t, 60*time.Second, what, func(context.Context) error { return check() })
}

// awaitSlot waits until the source's slot is streamed from (its creation makes it active as well).
func (s *source) awaitSlot(t testing.TB) {
	t.Helper()
	eventually(t, "slot "+s.db+" is read", func() error {
		if s.query(t,
			"SELECT EXISTS (SELECT 1 FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE slot_name = '"+s.db+"' AND r.state IN ('streaming', 'catchup'))::text") != "true" {
			return errors.New("it is not")
		}
		return nil
	})
}

// awaitFreeSlot waits until the server has noticed that the reader of the source's slot is gone, so
// that awaitSlot means the next one.
func (s *source) awaitFreeSlot(t testing.TB) {
	t.Helper()
	eventually(t, "slot "+s.db+" is free", func() error {
		if s.query(t, "SELECT active::text FROM pg_replication_slots WHERE slot_name = '"+s.db+"'") != "false" {
			return errors.New("it is not")
		}
		return nil
	})
}

// dropSlot drops the slot of a connector that was stopped. The server may notice a little later
// that its reader is gone.
func (s *source) dropSlot(t testing.TB) {
	t.Helper()
	eventually(t, "the slot is free", func() error {
		_, err := s.conn.Exec(t.Context(), "SELECT pg_drop_replication_slot($1)", s.db)
		return err
	})
}

// failure waits for a task to fail.
func (c *capture) failure(t testing.TB) error {
	t.Helper()
	select {
	case err := <-c.done:
		c.done <- err
		return err
	case <-time.After(60 * time.Second):
		t.Fatal("the task did not fail within 60 s")
		return nil
	}
}

func TestWhatIsWrongIsNamedWithARemedy(t *testing.T) {
	for _, c := range []struct {
		name   string
		sql    string
		set    map[string]string
		reason pgrepl.Reason
		says   string
	}{
		{"wrong password", "", map[string]string{"database.password": "wrong"}, pgrepl.ReasonAuthentication,
			"database.password"},
		{"no such database", "", map[string]string{"database.dbname": "nowhere"}, pgrepl.ReasonDatabaseMissing,
			"database.dbname"},
		{"no such table", "", map[string]string{"table.include.list": "public.nothing"}, pgrepl.ReasonTableMissing,
			"public.nothing"},
		{"no REPLICATION right",
			"DO $$ BEGIN CREATE ROLE plain LOGIN PASSWORD 'plain'; EXCEPTION WHEN duplicate_object THEN END $$",
			map[string]string{"database.user": "plain", "database.password": "plain"}, pgrepl.ReasonReplication, "ALTER ROLE"},
		{"wrong password of a role with a name that means nothing",
			"DO $$ BEGIN CREATE ROLE replication LOGIN REPLICATION PASSWORD 'right'; EXCEPTION WHEN duplicate_object THEN END $$", map[string]string{"database.user": "replication", "database.password": "wrong"}, pgrepl.ReasonAuthentication, "database.password"},
		{"no CONNECT right",
			"DO $$ BEGIN BEGIN CREATE ROLE apart LOGIN REPLICATION PASSWORD 'apart'; EXCEPTION WHEN duplicate_object THEN END; EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database()); END $$", map[string]string{"database.user": "apart", "database.password": "apart"}, pgrepl.ReasonAuthentication, "GRANT CONNECT ON DATABASE"},
		{"no publication", "", map[string]string{"publication.autocreate.mode": "disabled"}, pgrepl.ReasonPublication,
			"CREATE PUBLICATION"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
			if c.sql != "" {
				s.exec(t, c.sql)
			}
			err := start(t, s.config("c"+s.db, c.set)).failure(t)
			if pgrepl.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want reason %s and a word about %s", err, c.reason, c.says)
			}
			if strings.Contains(err.Error(), c.set["database.password"]) && c.set["database.password"] == "wrong" &&
				strings.Contains(err.Error(), "password=wrong") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestASlotIsDroppedWhenTheTaskStopsIfThatIsAskedFor(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	config := s.config("c"+s.db, map[string]string{"slot.drop.on.stop": "true"})
	c := start(t, config)
	s.awaitSlot(t)
	if err := c.stop(t); err != nil {
		t.Fatal(err)
	}
	if left := s.query(t, "SELECT count(*)::text FROM pg_replication_slots WHERE slot_name = '"+s.db+"'"); left != "0" {
		t.Errorf("%s slots are left", left)
	}
	// The position is kept, and without the slot nothing can go on from it.
	if err := start(t, config).failure(t); pgrepl.ReasonOf(err) != pgrepl.ReasonSlotMissing {
		t.Errorf("started again: %v, want %s", err, pgrepl.ReasonSlotMissing)
	}
}

func TestASlotInUseIsRetriedAndThenNamed(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	start(t, s.config("one"+s.db, nil))
	s.awaitSlot(t)
	err := start(t, s.config("two"+s.db, map[string]string{"slot.max.retries": "1",
		"slot.retry.delay.ms": "50"})).failure(t)
	if pgrepl.ReasonOf(err) != pgrepl.ReasonSlotInUse ||
		!strings.Contains(err.Error(), "calypso capture one"+s.db+" at ") {
		t.Errorf("error %v, want %s and who reads it", err, pgrepl.ReasonSlotInUse)
	}
}

func TestAPublicationThatIsDroppedStopsTheConnectorWithTheWayOut(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	config := s.config("c"+s.db, nil)
	c := start(t, config)
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	s.exec(t, "DROP PUBLICATION "+s.db)
	s.exec(t, "INSERT INTO a VALUES (2)")
	for _, err := range []error{c.failure(t), start(t, config).failure(t)} {
		// made again, it is missing for what the slot holds
		if pgrepl.ReasonOf(err) != pgrepl.ReasonPublication ||
			!strings.Contains(err.Error(), "SELECT pg_drop_replication_slot('"+s.db+"')") {
			t.Errorf("error %v, want %s and the way out", err, pgrepl.ReasonPublication)
		}
	}
	// The way out, with other offsets in place of none.
	s.dropSlot(t)
	start(t, s.config("d"+s.db, nil))
	await(t, s.db+".public.a", 3)
}

func TestASlotThatIsGoneOrAheadStopsTheConnectorAndIsNeverRecreated(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		reason    pgrepl.Reason
	}{
		{"dropped", "SELECT pg_drop_replication_slot('$')", pgrepl.ReasonSlotMissing},
		{"recreated",
			"SELECT pg_drop_replication_slot('$'); INSERT INTO a VALUES (3); SELECT pg_create_logical_replication_slot('$', 'pgoutput')", pgrepl.ReasonSlotAhead},
		{"advanced", "INSERT INTO a VALUES (3); SELECT pg_replication_slot_advance('$', pg_current_wal_lsn())",
			pgrepl.ReasonSlotAhead},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
			config := s.config("c"+s.db, nil)
			first := start(t, config)
			await(t, s.db+".public.a", 1)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO a VALUES (2)")
			await(t, s.db+".public.a", 2)
			if err := first.stop(t); err != nil {
				t.Fatal(err)
			}
			for _, sql := range strings.Split(strings.ReplaceAll(c.sql, "$", s.db), "; ") {
				// The server lets the slot go a moment after the connection has ended.
				eventually(t, "the slot is free", func() error {
					_, err := s.conn.Exec(t.Context(), sql)
					return err
				})
			}
			err := start(t, config).failure(t)
			if pgrepl.ReasonOf(err) != c.reason {
				t.Errorf("error %v, want %s", err, c.reason)
			}
		})
	}
}

// PostgreSQL would leave out every change up to the position, without a word.
func TestAPositionBeyondTheServersLogStopsTheConnectorUntilTheSlotIsTrusted(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	config := s.config("c"+s.db, nil)
	first := start(t, config)
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	if err := first.stop(t); err != nil {
		t.Fatal(err)
	}
	s.exec(t, "INSERT INTO a VALUES (2)")
	again := func() *capture {
		env := testEnv(servers.kafka.Bootstrap, config["name"])
		env.Offsets = func(context.Context) (map[string][]byte, error) {
			return map[string][]byte{`{"server":"` + s.db + `"}`: []byte(`{"lsn":999999999999}`)}, nil
		}
		task, err := makeTaskIn(env, config, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return runTask(t, task)
	}
	if err := again().failure(t); pgrepl.ReasonOf(err) != pgrepl.ReasonTimeline ||
		!strings.Contains(err.Error(), "the server's log ends at ") {
		t.Errorf("error %v, want %s", err, pgrepl.ReasonTimeline)
	}
	config["offset.mismatch.strategy"] = "trust_slot"
	again()
	await(t, s.db+".public.a", 2)
}

func TestALostSlotLeadsToANewSnapshotWhereTheModeSaysSo(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	config := s.config("c"+s.db, map[string]string{"snapshot.mode": "when_needed"})
	first := start(t, config)
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	if err := first.stop(t); err != nil {
		t.Fatal(err)
	}
	s.dropSlot(t)
	s.exec(t, "INSERT INTO a VALUES (2)")
	told := startTold(t, config)
	if got := await(t, s.db+".public.a", 3); ops(got) != "rrr" {
		t.Errorf("operations are %s, want rrr", ops(got))
	}
	// A row that was deleted before the second snapshot has no event, which is said.
	if got := <-told; !strings.HasPrefix(got, "ReadAgain: ") || !strings.Contains(got, "SLOT_MISSING") ||
		!strings.Contains(got, "calypsoctl verify") {
		t.Errorf("the timeline has %q", got)
	}
}

// As Debezium 3.6.3 has it, which says that it attempts a snapshot, and takes none.
func TestALostSlotLeadsToNoSnapshotWhereTheConfigurationReadsNoDataWhichIsSaid(t *testing.T) {
	const based = "snapshot.mode.configuration.based."
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	config := s.config("c"+s.db, map[string]string{"snapshot.mode": "configuration_based", based + "start.stream": "true",
		based + "snapshot.on.data.error": "true"})
	first := start(t, config)
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO a VALUES (2)")
	await(t, s.db+".public.a", 1)
	if err := first.stop(t); err != nil {
		t.Fatal(err)
	}
	s.dropSlot(t)
	s.exec(t, "INSERT INTO a VALUES (3)")
	told := startTold(t, config)
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO a VALUES (4)")
	if got := await(t, s.db+".public.a", 2); ops(got) != "cc" || fmt.Sprint(got[1].After["id"]) != "4" {
		t.Errorf("got %v, want what was inserted while it streamed", got)
	}
	if got := <-told; !strings.HasPrefix(got, "GapAccepted: ") || !strings.Contains(got, "SLOT_MISSING") ||
		!strings.Contains(got, "nothing is read in their place") || strings.Contains(got, "read again") {
		t.Errorf("the timeline has %q", got)
	}
}

func TestTheStreamComesBackAfterItsConnectionIsKilled(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	start(t, s.config("c"+s.db, nil))
	s.awaitSlot(t)
	for i := range 3 {
		s.exec(t, fmt.Sprintf("INSERT INTO a SELECT generate_series(%d, %d)", 100*i, 100*i+49))
		s.exec(t, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '"+s.db+"' AND active")
		s.exec(t, fmt.Sprintf("INSERT INTO a SELECT generate_series(%d, %d)", 100*i+50, 100*i+99))
		await(t, s.db+".public.a", 100*(i+1))
		s.awaitSlot(t)
	}
}

func TestABrokerThatGoesAwayDelaysChangesAndLosesNone(t *testing.T) {
	needServers(t)
	if servers.kafka.Proxy == nil {
		t.Skip("needs Apache Kafka behind a proxy; the in-memory broker has none")
	}
	s := newSource(t)
	s.exec(t, "CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text)")
	c := startWith(t, servers.kafka.ProxiedBootstrap, s.config("c"+s.db, nil), Options{})
	s.awaitSlot(t)
	ledger(t, s, 1, 3)
	await(t, s.db+".public.ledger", 3*ledgerEvents)
	servers.kafka.Proxy.Cut()
	ledger(t, s, 4, 3)
	eventually(t, "the trouble is reported", func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.retries) == 0 {
			return errors.New("nothing was")
		}
		return nil
	})
	if s.query(t, "SELECT active::text FROM pg_replication_slots WHERE slot_name = '"+s.db+"'") != "true" {
		t.Error("the slot was let go while the broker was away")
	}
	servers.kafka.Proxy.Heal()
	await(t, s.db+".public.ledger", 6*ledgerEvents)
	s.verify(t, s.db+".public.ledger", 6)
}

func TestAServerWithoutLogicalLogIsNamed(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{Settings: []string{"wal_level = replica"}})
	s := &source{Postgres: pg, db: "postgres"}
	err := start(t, s.config("wal", nil)).failure(t)
	if pgrepl.ReasonOf(err) != pgrepl.ReasonWALLevel ||
		!strings.Contains(err.Error(), "ALTER SYSTEM SET wal_level = logical") {
		t.Errorf("error %v, want %s with its remedy", err, pgrepl.ReasonWALLevel)
	}
}

func TestASlotWhoseLogIsRemovedIsNamedAndLeadsToANewSnapshotWhereTheModeSaysSo(t *testing.T) {
	pg := testenv.RunPostgres(t,
		testenv.PostgresConfig{Settings: []string{"max_slot_wal_keep_size = '1MB'", "wal_keep_size = 0",
			"min_wal_size = '32MB'", "max_wal_size = '32MB'"}})
	db := fmt.Sprintf("lost%d", time.Now().UnixNano())
	if err := pg.Exec(t.Context(), "postgres", "CREATE DATABASE "+db); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), pg.URL(db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	s := &source{pg, db, conn}
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	config := s.config("c"+db, nil)
	first := start(t, config)
	await(t, db+".public.a", 1)
	s.awaitSlot(t)
	if err := first.stop(t); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slot is lost", func() error {
		for range 3 {
			s.exec(t, "INSERT INTO a SELECT coalesce(max(id), 0) + 1 FROM a")
			s.exec(t, "SELECT pg_switch_wal()")
		}
		s.exec(t, "CHECKPOINT")
		if got := s.query(t, "SELECT wal_status FROM pg_replication_slots"); got != "lost" {
			return errors.New(got)
		}
		return nil
	})
	if err := start(t, config).failure(t); pgrepl.ReasonOf(err) != pgrepl.ReasonSlotLost {
		t.Errorf("error %v, want %s", err, pgrepl.ReasonSlotLost)
	}
	config["snapshot.mode"] = "when_needed"
	rows := 0
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM a").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	start(t, config)
	await(t, db+".public.a", 1+rows)
}

func TestAPositionOfAnotherServerIsNamed(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	config := s.config("c"+s.db, nil)
	first := start(t, config)
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	if err := first.stop(t); err != nil {
		t.Fatal(err)
	}
	other := testenv.RunPostgres(t, testenv.PostgresConfig{})
	for _, sql := range []string{"CREATE DATABASE " + s.db} {
		if err := other.Exec(t.Context(), "postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Exec(t.Context(), s.db, "CREATE TABLE a (id int PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	config["database.port"] = fmt.Sprint(other.Port)
	if err := start(t, config).failure(t); pgrepl.ReasonOf(err) != pgrepl.ReasonSystemID {
		t.Errorf("error %v, want %s", err, pgrepl.ReasonSystemID)
	}
}

func TestASlotDroppedUnderTheStreamStopsTheConnector(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	c := start(t, s.config("c"+s.db, nil))
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	eventually(t, "the slot is dropped", func() error {
		s.exec(t, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '"+s.db+"' AND active")
		_, err := s.conn.Exec(t.Context(), "SELECT pg_drop_replication_slot('"+s.db+"')")
		return err
	})
	if err := c.failure(t); pgrepl.ReasonOf(err) != pgrepl.ReasonSlotMissing {
		t.Errorf("error %v, want %s", err, pgrepl.ReasonSlotMissing)
	}
}

func TestAWorkerThatWasFrozenIsFencedWhenItThaws(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text)")
	config := s.config("k"+s.db, map[string]string{"slot.max.retries": "60", "slot.retry.delay.ms": "200"})
	frozen := child(t, config, "")
	s.awaitSlot(t)
	ledger(t, s, 1, 3)
	await(t, s.db+".public.ledger", 3*ledgerEvents)
	if err := frozen.Process.Freeze(); err != nil {
		t.Fatal(err)
	}
	ledger(t, s, 4, 3)
	// What the frozen worker holds is let go, as wal_sender_timeout would do.
	s.exec(t, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '"+s.db+"' AND active")
	start(t, config)
	await(t, s.db+".public.ledger", 6*ledgerEvents)
	if err := frozen.Process.Thaw(); err != nil {
		t.Fatal(err)
	}
	ledger(t, s, 7, 3)
	await(t, s.db+".public.ledger", 9*ledgerEvents)
	s.verify(t, s.db+".public.ledger", 9)
	// The thawed one finds its slot taken, or its producer fenced; either way it writes nothing more.
	ledger(t, s, 10, 3)
	await(t, s.db+".public.ledger", 12*ledgerEvents)
	s.verify(t, s.db+".public.ledger", 12)
}

func TestStandbysKeepANewSlotAndOneThatExistsUnlessToldNotTo(t *testing.T) {
	for _, c := range []struct {
		set, made, want string
	}{{"", "", "true"}, {"true", "false", "true"}, {"", "false", "true"}, {"false", "", "false"},
		{"false", "false", "false"}, {"false", "true", "true"}} {
		t.Run(fmt.Sprintf("slot.failover=%s of a slot with %s", c.set, c.made), func(t *testing.T) {
			s := newSource(t)
			if version := s.query(t, "SELECT current_setting('server_version_num')"); version < "170000" {
				t.Skipf("left out: server version %s is older than 17; make pg-versions runs it", version)
			}
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION "+s.db+" FOR TABLE a")
			if c.made != "" {
				s.exec(t, fmt.Sprintf("SELECT pg_create_logical_replication_slot('%s', 'pgoutput', false, false, %s)", s.db,
					c.made))
			}
			set := map[string]string{}
			if c.set != "" {
				set["slot.failover"] = c.set
			}
			start(t, s.config("c"+s.db, set))
			s.awaitSlot(t)
			if got := s.query(t, "SELECT failover::text FROM pg_replication_slots WHERE slot_name = '"+s.db+"'"); got != c.want {
				t.Errorf("failover is %s, want %s", got, c.want)
			}
		})
	}
}
